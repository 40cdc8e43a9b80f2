// SPDX-License-Identifier: MIT
/// @file lorica/autograd/shape_ops.hpp
/// Parts of a matrix: some of its columns.
#pragma once

#include <lorica/autograd/tape.hpp>

namespace lorica {

namespace fn {
/// y_i <- x_i[first ...], or back: x_i[first ...] += y_i.
template <class T> struct TakeColumns {
  MatrixRef<const T> x;
  MatrixRef<T> y;
  index_t first;
  LORICA_HD void operator()(index_t i) const {
    for (index_t j = 0; j < y.cols; ++j) y.row(i)[j] = x.row(i)[first + j];
  }
};
template <class T> struct AddColumns {
  MatrixRef<const T> y;
  MatrixRef<T> x;
  index_t first;
  LORICA_HD void operator()(index_t i) const {
    using A = arithmetic_t<T>;
    for (index_t j = 0; j < y.cols; ++j)
      x.row(i)[first + j] = convert<T>(convert<A>(x.row(i)[first + j]) + convert<A>(y.row(i)[j]));
  }
};
}  // namespace fn

/// y = columns first .. first + count of x      x [n, d], y [n, count]
/// Keeps nothing.
template <Backend B, class T> Var<B, T> columns(const Var<B, T>& x, index_t first, index_t count) {
  B& b = x.backend();
  expects<ShapeError>(first >= 0 && count > 0 && first + count <= x.cols(), "columns: ", first, " to ",
                      first + count, " of ", x.shape());
  Tensor<B, T> y(b, x.rows(), count);
  b.for_rows(x.rows(), fn::TakeColumns<T>{x.value().ref(), y.ref(), first});
  return x.tape().record(std::move(y), x.needs_grad(), [x = x.gradient_only(), first](const auto& dy) {
    const auto dx = x.into();
    if (dx.fresh) fill(x.backend(), *dx.tensor, arithmetic_t<T>(0));
    x.backend().for_rows(dy->rows(), fn::AddColumns<T>{dy->cref(), dx.ref(), first});
  });
}

}  // namespace lorica
