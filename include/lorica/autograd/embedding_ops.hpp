// SPDX-License-Identifier: MIT
/// @file lorica/autograd/embedding_ops.hpp
/// From token ids to rows, and from rows to one row a sequence.
#pragma once

#include <lorica/autograd/attention_ops.hpp>
#include <lorica/autograd/shape_ops.hpp>

#include <algorithm>
#include <numeric>

namespace lorica {

/// How a sequence becomes one row: the mean of its rows, its first row (BERT's [CLS]) or its last (a causal
/// model's, which has seen all others).
enum class Pooling : std::uint8_t { mean, first, last };

namespace fn {
/// y_i (+)= table_{id[i]}
template <class T, class M> struct Embed {
  MatrixRef<const T> table;
  const std::int32_t* id;
  MatrixRef<M> y;
  bool add;
  LORICA_HD index_t cols() const { return table.cols; }
  LORICA_HD void operator()(index_t i) const {
    using V = RowLanes<M>;
    const T* from = table.row(id[i]);
    for (index_t j = 0; j < table.cols; j += V::count()) {
      const V v = load<V>(from + j, table.cols - j);
      store(y.row(i) + j, table.cols - j, add ? load<V>(y.row(i) + j, table.cols - j) + v : v);
    }
  }
};
/// For the u-th id that occurs: table gradient row += sum of dy over its occurrences, in order: no atomics.
template <class M> struct EmbedGradient {
  MatrixRef<const M> dy;
  const std::int32_t* id;          // [unique]
  const std::int32_t* first;       // [unique + 1]
  const std::int32_t* occurrence;  // [n]
  MatrixRef<M> table;
  LORICA_HD index_t cols() const { return dy.cols; }
  LORICA_HD void operator()(index_t u) const {
    using V = RowLanes<M>;
    M* to = table.row(id[u]);
    for (index_t j = 0; j < dy.cols; j += V::count()) {
      V total = load<V>(to + j, dy.cols - j);
      for (std::int32_t o = first[u]; o < first[u + 1]; ++o)
        total += load<V>(dy.row(occurrence[o]) + j, dy.cols - j);
      store(to + j, dy.cols - j, total);
    }
  }
};
/// The rows of sequence s that pooling reads.
LORICA_HD inline void pooled_rows(Pooling how, const std::int32_t* offset, index_t s, index_t& first,
                                  index_t& last) {
  first = how == Pooling::last ? offset[s + 1] - 1 : offset[s];
  last = how == Pooling::first ? offset[s] + 1 : offset[s + 1];
}
/// y_s <- the mean of the rows of sequence s that pooling reads
template <class T, class M> struct PoolRows {
  MatrixRef<const T> x;
  const std::int32_t* offset;
  Pooling how;
  MatrixRef<M> y;
  LORICA_HD index_t cols() const { return x.cols; }
  LORICA_HD void operator()(index_t s) const {
    using V = RowLanes<M>;
    index_t first, last;
    pooled_rows(how, offset, s, first, last);
    for (index_t j = 0; j < x.cols; j += V::count()) {
      V total(0);
      for (index_t i = first; i < last; ++i) total += load<V>(x.row(i) + j, x.cols - j);
      store(y.row(s) + j, x.cols - j, total / V(M(last - first)));
    }
  }
};
/// dx_i (+)= its part of dy_s, s the sequence of row i
template <class T, class M> struct PoolRowsGradient {
  MatrixRef<const M> dy;
  const std::int32_t* offset;
  Pooling how;
  MatrixRef<T> dx;
  bool add;
  LORICA_HD index_t cols() const { return dx.cols; }
  LORICA_HD void operator()(index_t i) const {
    using V = RowLanes<M>;
    index_t s = 0, high = dy.rows, first, last;  // the last sequence that begins at or before row i
    while (high - s > 1) {
      const index_t middle = (s + high) / 2;
      (offset[middle] <= i ? s : high) = middle;
    }
    pooled_rows(how, offset, s, first, last);
    const M weight = first <= i && i < last ? M(1) / M(last - first) : M(0);
    for (index_t j = 0; j < dx.cols; j += V::count()) {
      const index_t left = dx.cols - j;
      const V v = load<V>(dy.row(s) + j, left) * V(weight);
      store(dx.row(i) + j, left, add ? load<V>(dx.row(i) + j, left) + v : v);
    }
  }
};
}  // namespace fn

/// y_i = table_{id_i}             table [V, d], y [n, d] in the residual stream's type; ids are below V, or
/// an error A frozen table keeps and records nothing. `ids` must outlive the tape.
template <Backend B, class T>
MasterVar<B> embedding(Tape<B>& tape, const Tensor<B, T>& table, const RowIds<B>& ids) {
  using M = typename B::master;
  B& b = tape.backend();
  detail::expects_ids("embedding", ids, table.rows());
  MasterTensor<B> y(b, ids.device.size(), table.cols());
  b.for_rows(y.rows(), fn::Embed<T, M>{table.ref(), ids.device.data(), y.ref(), false});
  return tape.constant(std::move(y));
}
template <Backend B> MasterVar<B> embedding(Tape<B>& tape, const Parameter<B>& table, const RowIds<B>& ids) {
  using M = typename B::master;
  B& b = tape.backend();
  detail::expects_ids("embedding", ids, table.rows());
  MasterTensor<B> y(b, ids.device.size(), table.cols());
  b.for_rows(y.rows(), fn::Embed<M, M>{table.value.ref(), ids.device.data(), y.ref(), false});
  return tape.record(std::move(y), true, [leaf = tape.leaf(table).gradient_only(), &ids](const auto& dy) {
    if (!leaf.needs_grad()) return;
    B& be = leaf.backend();
    std::vector<std::int32_t> occurrence(ids.host.size()), unique, first;
    std::iota(occurrence.begin(), occurrence.end(), 0);
    const auto id_of = [&](std::int32_t o) { return ids.host[static_cast<std::size_t>(o)]; };
    std::ranges::stable_sort(occurrence, {}, id_of);
    for (std::size_t o = 0; o < occurrence.size(); ++o)
      if (o == 0 || id_of(occurrence[o]) != id_of(occurrence[o - 1])) {
        unique.push_back(id_of(occurrence[o]));
        first.push_back(static_cast<std::int32_t>(o));
      }
    first.push_back(static_cast<std::int32_t>(occurrence.size()));
    const Integers<B> u(be, unique), f(be, first), o(be, occurrence);
    const auto to = leaf.into();
    if (to.fresh) fill(be, *to.tensor, M(0));
    be.for_rows(u.size(), fn::EmbedGradient<M>{dy->cref(), u.data(), f.data(), o.data(), to.ref()});
  });
}

/// y_s = mean, first or last of the rows of sequence s     x [n, d], y [sequences, d] master
/// Keeps nothing. `where` must outlive the tape.
template <Backend B, class T> MasterVar<B> pool(const Var<B, T>& x, const Ragged<B>& where, Pooling how) {
  using M = typename B::master;
  B& b = x.backend();
  expects_shape("pool", "x", x.shape(), {where.rows(), x.cols()});
  MasterTensor<B> y(b, where.sequences(), x.cols());
  b.for_rows(y.rows(), fn::PoolRows<T, M>{x.value().ref(), where.offset.data(), how, y.ref()});
  return x.tape().record(std::move(y), x.needs_grad(), [x = x.gradient_only(), &where, how](const auto& dy) {
    const auto dx = x.into();
    x.backend().for_rows(
        where.rows(), fn::PoolRowsGradient<T, M>{dy->cref(), where.offset.data(), how, dx.ref(), !dx.fresh});
  });
}

}  // namespace lorica
