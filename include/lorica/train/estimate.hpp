// SPDX-License-Identifier: MIT
/// @file lorica/train/estimate.hpp
/// What will train, and what it will take, before the first step.
#pragma once

#include <lorica/train/fit.hpp>

#include <ostream>

namespace lorica::train {

/// Bytes. Activations are measured: one sample is run forward and the rest are taken to be like it.
struct Memory {
  std::size_t weights = 0;       // of the model, as held, packing included
  std::size_t activations = 0;   // saved for the backward pass by one batch
  std::size_t parameters = 0;    // that train
  std::size_t gradients = 0;
  std::size_t moments = 0;
  [[nodiscard]] std::size_t total() const { return weights + activations + parameters + gradients + moments; }
};

namespace detail {
template <Backend B> std::size_t weight_bytes(const Frozen<B>& w) { return w.bytes(); }
template <Backend B> std::size_t weight_bytes(const Parameter<B>& w) { return w.value.bytes(); }
template <Backend B, class T> std::size_t weight_bytes(const Tensor<B, T>& w) { return w.bytes(); }
}  // namespace detail

/// Bytes of every weight of the model.
template <Backend B, class Model>
std::size_t weight_bytes(const Model& model) {
  std::size_t n = 0;
  model.for_each_weight([&](const std::string&, const auto& w) { n += detail::weight_bytes(w); });
  return n;
}

template <Backend B, class Model, Trainee<B> T, Data D, class O = nn::NextToken>
Memory estimate(B& b, const Model& model, T& trainee, const D& data, const FitConfig& c, const O& objective = {}) {
  Memory m;
  m.weights = weight_bytes<B>(model);
  trainee.for_each_parameter([&](Parameter<B>& p, double rate) {
    m.parameters += p.value.bytes();
    m.gradients += p.value.bytes();
    if (rate > 0) m.moments += 2 * p.value.bytes();
  });
  nn::Sequences one;
  data.append(one, 0);
  const nn::Batch<B> batch(b, one);
  Tape<B> tape(b);
  const auto loss = objective.loss(tape, model, trainee, batch);
  m.activations = tape.account().live * static_cast<std::size_t>(c.batch);
  return m;
}

/// A line on what is adapted and a line on what it takes.
inline void print(std::ostream& out, const Memory& m) {
  const auto mb = [](std::size_t n) { return double(n) / 1048576.0; };
  const auto precision = out.precision(1);
  const auto flags = out.setf(std::ios::fixed, std::ios::floatfield);
  out << "memory: weights " << mb(m.weights) << " MiB, activations " << mb(m.activations) << ", parameters " << mb(m.parameters)
      << ", gradients " << mb(m.gradients) << ", moments " << mb(m.moments) << "; about " << mb(m.total()) << " MiB in all\n";
  out.precision(precision);
  out.flags(flags);
}

}  // namespace lorica::train
