// SPDX-License-Identifier: MIT
/// @file tests/adapt/toy.hpp
/// A host's own model: two residual layers of up, tanh, down over embedded tokens, with four sites and a
/// frozen head. Every token is a sequence's own matter, so that gradients are easily had by brute force.
#pragma once

#include "nn/tiny.hpp"

#include <lorica/adapt/attach.hpp>

#include <array>

namespace lorica::test {

/// W is Frozen<B>, or Parameter<B> where the full gradients dL/dW are wanted.
template <Backend B, class W = Frozen<B>> class Toy {
 public:
  static constexpr index_t vocabulary = 13, width = 6, hidden = 10;

  explicit Toy(B& b, Seed seed = 1)
      : from_(weights_of(seed)),
        table_(nn::make<Tensor<B>>(b, from_, "embedding.weight", vocabulary, width)),
        head_(nn::make<Frozen<B>>(b, from_, "head.weight", vocabulary, width)) {
    nn::SiteCounter site;
    for (index_t l = 0; l < 2; ++l) {
      linears_.push_back(nn::make_linear<W>(b, from_, site(l, Role::up, width, hidden), true));
      linears_.push_back(nn::make_linear<W>(b, from_, site(l, Role::down, hidden, width), false));
    }
  }
  template <class P> Var<B> forward(Tape<B>& tape, const nn::Batch<B>& batch, P& policy) const {
    MasterVar<B> r = embedding(tape, table_, batch.ids);
    for (std::size_t l = 0; l < 2; ++l) {
      const auto h = linears_[2 * l](cast<typename B::scalar>(r), batch.where.offsets, policy);
      r = add(std::move(r), linears_[2 * l + 1](lorica::tanh(h), batch.where.offsets, policy));
    }
    return cast<typename B::scalar>(r);
  }
  [[nodiscard]] const Frozen<B>& head() const { return head_; }
  template <class F> void for_each_site(F f) const {
    for (const auto& l : linears_) f(l.site, WeightView<B>(l.weight));
  }
  [[nodiscard]] const std::vector<nn::Linear<W>>& linears() const { return linears_; }

 private:
  nn::Source from_;
  Tensor<B> table_;
  Frozen<B> head_;
  std::vector<nn::Linear<W>> linears_;
};

/// Sums the gradients of `times` times the loss over a batch into what trains; the loss.
template <Backend B, class Model, class P>
double backward(B& b, const Model& model, P& policy, const nn::Sequences& s, double times = 1) {
  const nn::Batch<B> batch(b, s);
  Tape<B> tape(b);
  const auto loss = nn::NextToken{}.loss(tape, model, policy, batch);
  tape.backward(loss.sum, times);
  return loss.sum.value().template host<double>(b)[0];
}
/// The same, of the mean over samples of each sample's mean over its targets; samples without a target do not
/// count.
template <Backend B, class Model, class P>
void backward_of_means(B& b, const Model& model, P& policy, const nn::Sequences& s) {
  index_t samples = 0;
  for (index_t i = 0; i < s.count(); ++i) samples += s.targets_in(i) > 0 ? 1 : 0;
  for (index_t i = 0; i < s.count(); ++i)
    if (s.targets_in(i) > 0)
      backward(b, model, policy, only(s, i), 1.0 / double(s.targets_in(i)) / double(samples));
}

template <Backend B, class Model, class P>
std::vector<double> states(B& b, const Model& model, P& policy, const nn::Sequences& s) {
  const nn::Batch<B> batch(b, s);
  Tape<B> tape(b, false);
  return model.forward(tape, batch, policy).value().template host<double>(b);
}

/// Gives a parameter other numbers, as training would.
template <Backend B> void stir(B& b, Parameter<B>& p, double size = 0.3) {
  p.value =
      MasterTensor<B>(b, p.rows(), p.cols(), normals(Stream(77, "stir", p.name), p.rows() * p.cols(), size));
}
template <Backend B, class M> void stir(B& b, adapt::Adapted<B, M>& adapters, double size = 0.3) {
  adapters.for_each_parameter([&](Parameter<B>& p, double) { stir(b, p, size); });
}
inline double squares(const std::vector<double>& v) {
  double s = 0;
  for (const double x : v) s += x * x;
  return s;
}
/// The numbers of all that trains, by name.
template <Backend B, class M>
std::map<std::string, std::vector<double>> values(B& b, adapt::Adapted<B, M>& adapters) {
  std::map<std::string, std::vector<double>> out;
  adapters.for_each_parameter(
      [&](Parameter<B>& p, double) { out[p.name] = p.value.template host<double>(b); });
  return out;
}
template <Backend B, class M>
std::map<std::string, std::vector<double>> gradients(B& b, adapt::Adapted<B, M>& adapters) {
  std::map<std::string, std::vector<double>> out;
  adapters.for_each_parameter(
      [&](Parameter<B>& p, double) { out[p.name] = p.grad.template host<double>(b); });
  return out;
}

/// Sites without a model, for placements.
inline std::vector<SiteInfo> sites(index_t layers = 3) {
  std::vector<SiteInfo> out;
  nn::SiteCounter site;
  for (index_t l = 0; l < layers; ++l)
    for (const Role r : {Role::query, Role::value, Role::down}) out.push_back(site(l, r, 8, 8));
  return out;
}

}  // namespace lorica::test
