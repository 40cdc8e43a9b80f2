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
/// Mean of the rows of sequence s, or back.
template <class T, class M> struct MeanRows {
  MatrixRef<const T> x;
  const std::int32_t* offset;
  MatrixRef<M> y;
  LORICA_HD index_t cols() const { return x.cols; }
  LORICA_HD void operator()(index_t s) const {
    using V = RowLanes<M>;
    for (index_t j = 0; j < x.cols; j += V::count()) {
      V total(0);
      for (index_t i = offset[s]; i < offset[s + 1]; ++i) total += load<V>(x.row(i) + j, x.cols - j);
      store(y.row(s) + j, x.cols - j, total / V(M(offset[s + 1] - offset[s])));
    }
  }
};
template <class T, class M> struct MeanRowsGradient {
  MatrixRef<const M> dy;
  const std::int32_t* begin;
  const std::int32_t* end;
  const std::int32_t* sequence;
  MatrixRef<T> dx;
  Pooling how;
  bool add;
  LORICA_HD index_t cols() const { return dx.cols; }
  LORICA_HD void operator()(index_t i) const {
    using V = RowLanes<M>;
    const M weight = how == Pooling::mean    ? M(1) / M(end[i] - begin[i])
                     : how == Pooling::first ? M(i == begin[i])
                                             : M(i + 1 == end[i]);
    for (index_t j = 0; j < dx.cols; j += V::count()) {
      const index_t left = dx.cols - j;
      const V v = load<V>(dy.row(sequence[i]) + j, left) * V(weight);
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
  std::vector<std::int32_t> bounds, of_row;
  for (std::size_t s = 0; s < where.offsets.size(); ++s) {
    bounds.push_back(static_cast<std::int32_t>(where.offsets[s]));
    if (s > 0) of_row.resize(static_cast<std::size_t>(where.offsets[s]), static_cast<std::int32_t>(s - 1));
  }
  const index_t sequences = where.sequences();
  MasterTensor<B> y(b, sequences, x.cols());
  if (how == Pooling::mean) {
    const Integers<B> offset(b, bounds);
    b.for_rows(sequences, fn::MeanRows<T, M>{x.value().ref(), offset.data(), y.ref()});
  } else {
    std::vector<std::int32_t> rows(bounds.begin(), bounds.end() - 1);
    if (how == Pooling::last)
      for (std::size_t s = 0; s < rows.size(); ++s) rows[s] = bounds[s + 1] - 1;
    const Integers<B> picked(b, rows);
    b.for_rows(sequences, fn::Embed<T, M>{x.value().ref(), picked.data(), y.ref(), false});
  }
  return x.tape().record(std::move(y), x.needs_grad(),
                         [x = x.gradient_only(), &where, how, of_row = std::move(of_row)](const auto& dy) {
                           B& be = x.backend();
                           const Integers<B> sequence(be, of_row);
                           const auto dx = x.into();
                           be.for_rows(sequence.size(), fn::MeanRowsGradient<T, M>{
                                                            dy->cref(), where.begin.data(), where.end.data(),
                                                            sequence.data(), dx.ref(), how, !dx.fresh});
                         });
}

}  // namespace lorica
