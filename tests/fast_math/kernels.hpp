// SPDX-License-Identifier: MIT
/// @file tests/fast_math/kernels.hpp
/// The row kernels and elementwise functors, as a host that is built with -ffast-math has them. kernels.cpp
/// alone gets such flags; what compares is built as everything else.
#pragma once

#include <cstdint>
#include <vector>

namespace lorica::test::fast_math {

enum class Kernel {
  // lorica::math, of a
  exp,
  tanh,
  sigmoid,
  Phi,
  phi,
  // lorica::fn, of a, b, c
  gelu,
  gelu_gradient,
  gelu_tanh,
  gelu_tanh_gradient,
  tanh_gradient,
  silu_gate,
  silu_gate_by_gate,
  silu_gate_by_up,
  axpy,
  // lorica::row; a is x [rows, cols], b the gain [cols], c the bias or the gradient of y
  softmax,
  log_sum_exp,
  loss,
  loss_gradient,
  layer_norm,
  layer_norm_gradient,
  rms_norm,
  rms_norm_gradient,
};

struct Input {
  std::int64_t rows = 1, cols = 0;
  std::vector<double> a = {}, b = {}, c = {};
};
constexpr double scale = 1.75, layer_eps = 1e-5, rms_eps = 1e-6;
/// The column that row i of logits should have been.
inline std::int64_t target(std::int64_t i, std::int64_t cols) { return (i * 31) % cols; }

/// In float; with x, y and their gradients held in bf16 where `half` is set.
std::vector<double> compute(Kernel kernel, bool half, const Input& in);

}  // namespace lorica::test::fast_math
