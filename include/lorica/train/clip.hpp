// SPDX-License-Identifier: MIT
/// @file lorica/train/clip.hpp
/// Gradients as a whole: their global norm, whether they are finite, and the multiple that brings them to a
/// norm.
#pragma once

#include <lorica/autograd/parameter.hpp>
#include <lorica/core/lanes.hpp>
#include <lorica/core/reduce.hpp>
#include <lorica/core/sweep.hpp>

#include <algorithm>
#include <cmath>

namespace lorica::train {

/// |g| over all gradients of trainee. Not finite: NumericError naming the step and the first tensor at fault.
template <Backend B, class Trainee> double gradient_norm(B& b, Trainee& trainee, index_t step) {
  std::vector<std::span<const typename B::master>> gradients;
  std::vector<const Parameter<B>*> of;
  trainee.for_each_parameter([&](Parameter<B>& p, double) {
    if (p.grad.empty()) return;
    gradients.emplace_back(p.grad.cref().data, static_cast<std::size_t>(p.grad.size()));
    of.push_back(&p);
  });
  double squares = 0;
  const auto sums = sums_of_squares(b, gradients);
  for (std::size_t i = 0; i < sums.size(); ++i) {
    expects<NumericError>(std::isfinite(sums[i]), "step ", step, ": the gradient of ", of[i]->name,
                          " is not finite; lower the learning rate, or clip (the loss was finite)");
    squares += sums[i];
  }
  return std::sqrt(squares);
}

/// The name of the first parameter that holds a number that is not finite; empty where none does.
template <Backend B, class Trainee> std::string first_not_finite(B& b, Trainee& trainee) {
  std::string name;
  trainee.for_each_parameter([&](Parameter<B>& p, double) {
    // Number by number, on the host: a square may overflow where the number itself is finite.
    if (name.empty() &&
        !std::ranges::all_of(p.value.template host<double>(b), [](double x) { return std::isfinite(x); }))
      name = p.name;
  });
  return name;
}

namespace detail {
/// One index a register of entries; see AdamWStep.
template <class M, class V = Lanes<M>> struct ScaleEntries {
  index_t n;
  M* x;
  M s;
  static index_t indices(index_t entries) { return (entries + V::width - 1) / V::width; }
  LORICA_HD void operator()(index_t index) const {
    const index_t i = index * V::width;
    store(x + i, n - i, V(s) * load<V>(x + i, n - i));
  }
};
}  // namespace detail

/// All gradients times s, in one sweep.
template <Backend B, class Trainee> void scale_gradients(B& b, Trainee& trainee, double s) {
  using Scale = detail::ScaleEntries<typename B::master>;
  std::vector<SweepPart<Scale>> parts;
  trainee.for_each_parameter([&](Parameter<B>& p, double) {
    const index_t n = p.grad.size();
    if (n > 0) parts.push_back({Scale::indices(n), {n, p.grad.data(), static_cast<typename B::master>(s)}});
  });
  sweep(b, parts);
}

/// Brings the global norm down to `most`, if it is above; PyTorch's clip_grad_norm_, 1e-6 included. 0 is off.
template <Backend B, class Trainee> void clip_gradients(B& b, Trainee& trainee, double norm, double most) {
  if (most > 0 && norm + 1e-6 > most) scale_gradients(b, trainee, most / (norm + 1e-6));
}

}  // namespace lorica::train
