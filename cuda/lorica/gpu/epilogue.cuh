// SPDX-License-Identifier: MIT
/// @file lorica/gpu/epilogue.cuh
/// What a product does with its numbers before they leave it, so that nobody reads them for it again.
#pragma once

#include <lorica/core/functor.hpp>
#include <lorica/core/matrix.hpp>

namespace lorica::gpu {

/// Behind Y <- X W^T + beta Y, where Z is that and 1 bias: Y <- Z, or, where Z has a place, Y <- GELU by tanh
/// of Z. A policy says multiply_then(this, X, W, beta, Y), or false where it has no such product and has done
/// nothing.
template <class Master, class T> struct Epilogue {
  const Master* bias = nullptr;  // [1, m]
  MatrixRef<T> z = {};           // [n, m], before GELU

  [[nodiscard]] LORICA_HD bool gelu() const { return z.data != nullptr; }
};

namespace detail {
/// The same of numbers that have left their product. Index i * m + j.
template <class Master, class T> struct AfterProduct {
  Epilogue<Master, T> then;
  MatrixRef<T> y;
  LORICA_HD void operator()(index_t index) const {
    using A = arithmetic_t<T>;
    const index_t i = index / y.cols, j = index % y.cols;
    A v = convert<A>(y.row(i)[j]);
    if (then.bias != nullptr) v += convert<A>(then.bias[j]);
    if (then.gelu()) {
      then.z.row(i)[j] = convert<T>(v);
      v = lorica::fn::GeluTanh{}(convert<A>(then.z.row(i)[j]));
    }
    y.row(i)[j] = convert<T>(v);
  }
};
}  // namespace detail

}  // namespace lorica::gpu
