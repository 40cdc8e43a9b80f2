// SPDX-License-Identifier: MIT
/// @file lorica/autograd/shape_ops.hpp
/// Parts of a matrix: some of its columns, some of its rows.
#pragma once

#include <lorica/autograd/tape.hpp>
#include <lorica/core/lanes.hpp>

namespace lorica {

/// Which row of a table every row of the batch reads, or which rows are taken, on the host and in the
/// backend's memory.
template <Backend B> struct RowIds {
  std::vector<std::int32_t> host;
  Integers<B> device;  // [n]
  RowIds() = default;
  RowIds(B& b, std::vector<std::int32_t> ids) : host(std::move(ids)), device(b, host) {}
  /// Others, as many, in the memory that is there.
  void assign(B& b, std::vector<std::int32_t> ids) {
    device.assign(b, ids);
    host = std::move(ids);
  }
};

namespace fn {
/// y_i <- x_i[first ...], or back: x_i[first ...] += y_i.
template <class T> struct TakeColumns {
  MatrixRef<const T> x;
  MatrixRef<T> y;
  index_t first;
  LORICA_HD index_t cols() const { return y.cols; }
  LORICA_HD void operator()(index_t i) const {
    using V = RowLanes<arithmetic_t<T>>;
    for (index_t j = 0; j < y.cols; j += V::count())
      store(y.row(i) + j, y.cols - j, load<V>(x.row(i) + first + j, y.cols - j));
  }
};
template <class T> struct AddColumns {
  MatrixRef<const T> y;
  MatrixRef<T> x;
  index_t first;
  LORICA_HD index_t cols() const { return y.cols; }
  LORICA_HD void operator()(index_t i) const {
    using V = RowLanes<arithmetic_t<T>>;
    T* to = x.row(i) + first;
    for (index_t j = 0; j < y.cols; j += V::count())
      store(to + j, y.cols - j, load<V>(to + j, y.cols - j) + load<V>(y.row(i) + j, y.cols - j));
  }
};
/// y_i <- x_{row[i]}, or back: x_{row[i]} (+)= s y_i; s null: 1.
template <class T> struct GatherRows {
  MatrixRef<const T> x;
  const std::int32_t* row;
  MatrixRef<T> y;
  LORICA_HD index_t cols() const { return x.cols; }
  LORICA_HD void operator()(index_t i) const {
    using V = RowLanes<arithmetic_t<T>>;
    for (index_t j = 0; j < x.cols; j += V::count())
      store(y.row(i) + j, x.cols - j, load<V>(x.row(row[i]) + j, x.cols - j));
  }
};
template <class T, class M> struct ScatterRows {
  MatrixRef<const T> y;
  const std::int32_t* row;
  MatrixRef<T> x;
  const M* s;
  bool add;
  LORICA_HD index_t cols() const { return x.cols; }
  LORICA_HD void operator()(index_t i) const {
    using A = arithmetic_t<T>;
    using V = RowLanes<A>;
    const V scale(s == nullptr ? A(1) : static_cast<A>(*s));
    T* to = x.row(row[i]);
    for (index_t j = 0; j < x.cols; j += V::count()) {
      const V v = scale * load<V>(y.row(i) + j, x.cols - j);
      store(to + j, x.cols - j, add ? load<V>(to + j, x.cols - j) + v : v);
    }
  }
};
}  // namespace fn

namespace detail {
template <Backend B> void expects_ids(const char* operation, const RowIds<B>& ids, index_t rows) {
  for (std::size_t i = 0; i < ids.host.size(); ++i)
    expects(ids.host[i] >= 0 && ids.host[i] < rows, operation, ": the id of row ", i, " is ", ids.host[i],
            ", expected 0 <= id < ", rows);
}
}  // namespace detail

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

/// y_i = x_{which[i]}      x [n, d], y [count, d]; `which` rises, so that none is taken twice
/// Keeps nothing. `which` must outlive the tape.
template <Backend B, class T> Var<B, T> rows(const Var<B, T>& x, const RowIds<B>& which) {
  using M = typename B::master;
  B& b = x.backend();
  detail::expects_ids("rows", which, x.rows());
  for (std::size_t i = 1; i < which.host.size(); ++i)
    expects(which.host[i - 1] < which.host[i], "rows: row ", which.host[i], " follows row ",
            which.host[i - 1], ", expected rising ones");
  Tensor<B, T> y(b, which.device.size(), x.cols());
  b.for_rows(y.rows(), fn::GatherRows<T>{x.value().ref(), which.device.data(), y.ref()});
  return x.tape().record(std::move(y), x.needs_grad(), [x = x.gradient_only(), &which](const auto& dy) {
    const auto dx = x.into();
    if (dx.fresh) fill(x.backend(), *dx.tensor, arithmetic_t<T>(0));
    x.backend().for_rows(
        dy->rows(), fn::ScatterRows<T, M>{dy->cref(), which.device.data(), dx.ref(), nullptr, !dx.fresh});
  });
}

}  // namespace lorica
