// SPDX-License-Identifier: MIT
/// @file lorica/autograd/gradcheck.hpp
/// Central differences, for our tests and for the operations of users.
#pragma once

#include <lorica/autograd/tape.hpp>

#include <cmath>

namespace lorica {

/// loss_of(tape) computes a loss [1, 1] from `parameters` (as leaves). Returns the largest, over the
/// parameters, of |numeric - analytic|_F / (|numeric|_F + |analytic|_F). Meant for double: with step 1e-5 a
/// right gradient gives below 1e-8, a wrong one about 1. Parameters are restored; their gradients are left as
/// the analytic ones.
template <Backend B, class LossOf>
double gradient_error(B& b, std::span<Parameter<B>* const> parameters, LossOf loss_of, double step = 1e-5) {
  using M = typename B::master;
  for (auto* p : parameters) p->grad = {};
  {
    Tape<B> tape(b);
    tape.backward(loss_of(tape));
  }
  const auto value = [&] {
    Tape<B> tape(b, false);
    return loss_of(tape).value().template host<double>(b)[0];
  };
  double worst = 0;
  for (auto* p : parameters) {
    const auto host = p->value.template host<double>(b);
    const auto analytic =
        p->grad.empty() ? std::vector<double>(host.size()) : p->grad.template host<double>(b);
    double difference = 0, size_n = 0, size_a = 0;
    for (std::size_t i = 0; i < host.size(); ++i) {
      auto moved = host;
      const double h = step * std::max(1.0, std::abs(host[i]));
      const auto at = [&](double x) {
        moved[i] = x;
        p->value = MasterTensor<B>(b, p->rows(), p->cols(), moved);
        return value();
      };
      const double numeric = (at(host[i] + h) - at(host[i] - h)) / (2 * h);
      difference += (numeric - analytic[i]) * (numeric - analytic[i]);
      size_n += numeric * numeric;
      size_a += analytic[i] * analytic[i];
    }
    p->value = Tensor<B, M>(b, p->rows(), p->cols(), host);
    const double size = std::sqrt(size_n) + std::sqrt(size_a);
    if (size > 0) worst = std::max(worst, std::sqrt(difference) / size);
  }
  return worst;
}

}  // namespace lorica
