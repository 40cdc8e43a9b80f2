// SPDX-License-Identifier: MIT
/// @file examples/find_package/program.hpp
/// The host's program, for any backend: y = x W^T, checked.
#pragma once

#include <lorica/core/tensor.hpp>

#include <iostream>
#include <vector>

template <lorica::Backend B> int program(B b, const char* name) {
  using T = typename B::scalar;
  const lorica::Tensor<B> x(b, 1, 2, std::vector<double>{1, 2});              // [n, k]
  const lorica::Tensor<B> w(b, 3, 2, std::vector<double>{1, 0, 0, 1, 1, 1});  // [m, k]
  lorica::Tensor<B> y(b, 1, 3);                                               // [n, m]
  b.gemm(lorica::Trans::no, lorica::Trans::yes, T(1), x.ref(), w.ref(), T(0), y.ref());
  const bool right = y.template host<double>(b) == std::vector<double>{1, 2, 3};
  std::cout << name << ": x W^T is " << (right ? "right" : "wrong") << '\n';
  return right ? 0 : 1;
}
