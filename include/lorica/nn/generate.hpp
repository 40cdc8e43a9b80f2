// SPDX-License-Identifier: MIT
/// @file lorica/nn/generate.hpp
/// The continuation of a prompt, one token at a time.
#pragma once

#include <lorica/nn/sampling.hpp>
#include <lorica/nn/transformer.hpp>

#include <concepts>

namespace lorica::nn {

/// log-odds of every token after the sequence, [vocabulary], on the host; only the last row meets the head.
/// With a past, `tokens` are those that follow it, and join it.
template <Backend B, class Model, class P>
std::vector<double> next_logits(B& b, const Model& model, P& policy, std::span<const std::int32_t> tokens,
                                Past<B>* past = nullptr) {
  using M = typename B::master;
  if constexpr (requires { policy.phase(std::optional<std::uint64_t>()); }) policy.phase(std::nullopt);
  Sequences s;
  s.add(tokens, {});
  const Batch<B> batch(b, s, past);
  Tape<B> tape(b, false);
  const auto h = model.forward(tape, batch, policy);
  expects(past == nullptr || past->rows() == batch.where.before + batch.rows(), "next_logits: of ",
          batch.where.before + batch.rows(), " rows the model left ", past == nullptr ? 0 : past->rows(),
          " in the past, expected all: its attention keeps none; go without");
  MasterTensor<B> z(b, 1, model.config().vocabulary);
  lorica::detail::logits_of(b, h.value().cref().slice(h.rows() - 1, 1), model.head(), MatrixRef<M>(z.ref()));
  return z.template host<double>(b);
}

/// How a prompt is continued.
struct GenerateConfig {
  index_t tokens = 128;                // at most
  Sampling sampling = {};              // the likeliest token, unless a temperature is given
  std::vector<std::int32_t> end = {};  // a token that ends the text, and is no part of it
  bool cached = true;                  // keys and values are kept; else every token computes all rows again

  void validate() const {
    expects(tokens >= 0, "GenerateConfig: ", tokens, " tokens, expected 0 or more");
    sampling.validate();
  }
};

/// Goes on to the end.
struct GoOn {
  bool operator()(std::int32_t) const { return true; }
};

/// The tokens after the prompt: until one of `end`, until on_token(token) answers false (that token is still
/// part of the text), or as many as are asked for. What lies further back than the model has positions is
/// forgotten; from there on every token computes all rows again, for each has moved.
template <Backend B, class Model, class P, class F = GoOn>
std::vector<std::int32_t> generate(B& b, const Model& model, P& policy, std::vector<std::int32_t> tokens,
                                   const GenerateConfig& config, F on_token = {}) {
  static_assert(
      std::predicate<F&, std::int32_t>,
      "lorica: generate(b, model, policy, tokens, config, on_token): on_token(token) must answer a bool: "
      "whether to go on.");
  config.validate();
  expects(!tokens.empty(), "generate: the prompt is empty, expected at least one token");
  const std::size_t prompt = tokens.size(), positions = static_cast<std::size_t>(model.config().positions);
  Past<B> past;
  for (index_t i = 0; i < config.tokens; ++i) {
    if (tokens.size() > positions) past.clear();
    const auto seen = std::span<const std::int32_t>(tokens).last(std::min(tokens.size(), positions));
    const auto z = next_logits(b, model, policy, seen.subspan(static_cast<std::size_t>(past.rows())),
                               config.cached ? &past : nullptr);
    const std::int32_t next = next_token(config.sampling, z, static_cast<std::uint64_t>(i));
    if (std::ranges::find(config.end, next) != config.end.end()) break;
    tokens.push_back(next);
    if (!on_token(next)) break;
  }
  return {tokens.begin() + static_cast<std::ptrdiff_t>(prompt), tokens.end()};
}
/// `n` tokens, each the likeliest.
template <Backend B, class Model, class P>
std::vector<std::int32_t> generate(B& b, const Model& model, P& policy, std::vector<std::int32_t> tokens,
                                   index_t n) {
  return generate(b, model, policy, std::move(tokens), GenerateConfig{.tokens = n});
}

}  // namespace lorica::nn
