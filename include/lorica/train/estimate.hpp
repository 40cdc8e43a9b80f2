// SPDX-License-Identifier: MIT
/// @file lorica/train/estimate.hpp
/// What will train, and what it will take, before the first step.
#pragma once

#include <lorica/train/fit.hpp>

#include <ostream>
#include <set>

namespace lorica::train {

/// Bytes. Activations are measured: a batch of the first sample and one of it twice are run forward, and the
/// rest are taken to be like it.
struct Memory {
  std::size_t weights = 0;      // of the model that do not train, as held, packing included
  std::size_t activations = 0;  // saved for the backward pass by one batch
  std::size_t parameters = 0;   // that train
  std::size_t gradients = 0;
  std::size_t moments = 0;
  std::size_t scores = 0;  // running values of a placement that moves ranks
  [[nodiscard]] std::size_t total() const {
    return weights + activations + parameters + gradients + moments + scores;
  }
};

namespace detail {
template <Backend B> std::size_t weight_bytes(const Frozen<B>& w) { return w.bytes(); }
template <Backend B> std::size_t weight_bytes(const Parameter<B>& w) { return w.value.bytes(); }
template <Backend B, class T> std::size_t weight_bytes(const Tensor<B, T>& w) { return w.bytes(); }
}  // namespace detail

/// Bytes of every weight of the model.
template <Backend B, class Model> std::size_t weight_bytes(const Model& model) {
  std::size_t n = 0;
  model.for_each_weight([&](const std::string&, const auto& w) { n += detail::weight_bytes(w); });
  return n;
}

template <Backend B, class Model, Trainee<B> T, Data D, class O = nn::NextToken>
Memory estimate(B& b, const Model& model, T& trainee, const D& data, const FitConfig& c,
                const O& objective = {}) {
  Memory m;
  std::set<const void*> trained;
  detail::Trained<T, const O>{trainee, objective}.for_each_parameter([&](Parameter<B>& p, double rate) {
    trained.insert(&p);
    m.parameters += p.value.bytes();
    m.gradients += p.value.bytes();
    if (rate > 0) m.moments += 2 * p.value.bytes();
  });
  if constexpr (requires { trainee.score_bytes(); }) m.scores = trainee.score_bytes();
  model.for_each_weight([&](const std::string&, const auto& w) {
    if (!trained.contains(&w)) m.weights += detail::weight_bytes(w);
  });
  const auto saved = [&](index_t samples) {
    nn::Sequences s;
    for (index_t i = 0; i < samples; ++i) data.append(s, 0);
    const nn::Batch<B> batch(b, s);
    Tape<B> tape(b, c.blocks());
    const auto loss = objective.loss(tape, model, trainee, batch);
    return tape.account().live;
  };
  if constexpr (requires { trainee.phase(std::optional<std::uint64_t>()); }) trainee.phase(std::uint64_t{0});
  const std::size_t one = saved(1),
                    two = saved(2);  // the second sample repeats what grows with the batch alone
  if constexpr (requires { trainee.phase(std::optional<std::uint64_t>()); }) trainee.phase(std::nullopt);
  m.activations = one + (two - one) * static_cast<std::size_t>(c.batch - 1);
  return m;
}

/// A line on what is adapted and a line on what it takes.
inline void print(std::ostream& out, const Memory& m) {
  const auto mb = [](std::size_t n) { return double(n) / 1048576.0; };
  const auto precision = out.precision(1);
  const auto flags = out.setf(std::ios::fixed, std::ios::floatfield);
  out << "memory: weights " << mb(m.weights) << " MiB, activations " << mb(m.activations) << ", parameters "
      << mb(m.parameters) << ", gradients " << mb(m.gradients) << ", moments " << mb(m.moments);
  if (m.scores > 0) out << ", scores " << mb(m.scores);
  out << "; about " << mb(m.total()) << " MiB in all\n";
  out.precision(precision);
  out.flags(flags);
}

}  // namespace lorica::train
