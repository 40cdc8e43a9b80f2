// SPDX-License-Identifier: MIT
/// @file lorica/nn/head.hpp
/// What stands on a frozen model for a task: a small map of its states that trains in full, beside the
/// adapters.
#pragma once

#include <lorica/autograd/elementwise_ops.hpp>
#include <lorica/core/random.hpp>
#include <lorica/nn/batch.hpp>
#include <lorica/nn/weights.hpp>

#include <optional>

namespace lorica::nn {

/// What stands between the two linears of a head.
enum class HeadActivation : std::uint8_t { tanh, gelu };

/// The shape of a head, and what checkpoints call its parts.
struct HeadConfig {
  index_t outputs = 2;                       // classes; 1 for a regression; 2 for the ends of an answer
  std::optional<Pooling> pooling = {};       // a row for every sequence; without, every row has outputs
  std::optional<HeadActivation> dense = {};  // output(f(dense(x))), or output(x) alone
  bool bias = true;
  std::string dense_name = "pooler.dense";
  std::string output_name = "classifier";
};

/// The heads that transformers gives the families.
inline HeadConfig bert_head(index_t outputs) {
  return {outputs, Pooling::first, HeadActivation::tanh, true, "bert.pooler.dense", "classifier"};
}
inline HeadConfig roberta_head(index_t outputs) {
  return {outputs, Pooling::first, HeadActivation::tanh, true, "classifier.dense", "classifier.out_proj"};
}
inline HeadConfig deberta_head(index_t outputs) {
  return {outputs, Pooling::first, HeadActivation::gelu, true, "pooler.dense", "classifier"};
}
inline HeadConfig decoder_head(index_t outputs) { return {outputs, Pooling::last, {}, false, {}, "score"}; }
inline HeadConfig span_head() { return {2, {}, {}, true, {}, "qa_outputs"}; }

/// N(0, 0.02^2) and zeros, as transformers begins: for a head that no checkpoint has.
inline Source initial_head(Seed seed) {
  return [seed](const std::string& name, Shape s) -> Numbers {
    const index_t n = s.rows * s.cols;
    const auto v = name.ends_with(".bias") ? std::vector<double>(static_cast<std::size_t>(n))
                                           : normals(Stream(seed, "initial", name), n, 0.02);
    return std::vector<float>(v.begin(), v.end());
  };
}

/// A head and its parameters, in the master type.
template <Backend B> class Head {
 public:
  Head(B& b, HeadConfig config, index_t width, const Source& from) : config_(std::move(config)) {
    expects(config_.outputs > 0, "Head: ", config_.outputs, " outputs, expected at least 1");
    if (config_.dense) {
      dense_ = make<Parameter<B>>(b, from, config_.dense_name + ".weight", width, width);
      dense_bias_ = make<Parameter<B>>(b, from, config_.dense_name + ".bias", 1, width);
    }
    output_ = make<Parameter<B>>(b, from, config_.output_name + ".weight", config_.outputs, width);
    if (config_.bias)
      output_bias_ = make<Parameter<B>>(b, from, config_.output_name + ".bias", 1, config_.outputs);
  }
  [[nodiscard]] const HeadConfig& config() const noexcept { return config_; }

  /// States [n, width] -> [sequences, outputs], or [n, outputs] without pooling.
  MasterVar<B> operator()(const Var<B>& states, const Ragged<B>& where) const {
    using M = typename B::master;
    auto& tape = states.tape();
    MasterVar<B> x = config_.pooling ? pool(states, where, *config_.pooling) : cast<M>(states);
    if (dense_) {
      x = add_bias(matmul_nt<M>(x, tape.leaf(*dense_)), tape.leaf(*dense_bias_));
      x = *config_.dense == HeadActivation::tanh ? lorica::tanh(x) : gelu(x);
    }
    x = matmul_nt<M>(x, tape.leaf(output_));
    return output_bias_ ? add_bias(std::move(x), tape.leaf(*output_bias_)) : x;
  }
  /// f(parameter) for all of it.
  template <class F> void for_each_parameter(F f) {
    if (dense_) f(*dense_);
    if (dense_bias_) f(*dense_bias_);
    f(output_);
    if (output_bias_) f(*output_bias_);
  }

 private:
  HeadConfig config_;
  std::optional<Parameter<B>> dense_, dense_bias_, output_bias_;
  Parameter<B> output_;
};

}  // namespace lorica::nn
