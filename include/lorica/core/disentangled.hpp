// SPDX-License-Identifier: MIT
/// @file lorica/core/disentangled.hpp
/// Disentangled attention over ragged sequences (DeBERTa, He et al. 2021): which row of a table of relative
/// positions a distance reads, what a call is told, and its portable form, one index for every (row, head),
/// which keeps no scores at all.
#pragma once

#include <lorica/core/attention.hpp>

#include <algorithm>
#include <cmath>

namespace lorica {

/// How distances between rows are told apart. With buckets, near ones (up to half the buckets) each have a
/// row of the table and far ones share rows by their logarithm; without, every distance below `longest` has
/// one.
struct RelativePositions {
  index_t buckets = 0;    // none where 0 or less
  index_t longest = 512;  // farther ones are as this one

  /// The table has 2 span rows.
  [[nodiscard]] index_t span() const { return buckets > 0 ? buckets : longest; }
  /// The row of the table that the distance i - j from key j to query i reads. In float, as DeBERTa-v2's
  /// implementations compute it: a bucket is a rounded number.
  [[nodiscard]] index_t row(index_t distance) const {
    return std::clamp<index_t>(bucket(distance) + span(), 0, 2 * span() - 1);
  }
  void validate() const {
    expects(longest > 0, "relative positions: the longest distance is ", longest, ", expected at least 1");
    expects(buckets <= 0 || (buckets > 1 && longest - 1 > buckets / 2), "relative positions: ", buckets,
            " buckets for distances up to ", longest, ", expected at least 2 and a distance above ",
            buckets / 2 + 1);
  }

 private:
  [[nodiscard]] index_t bucket(index_t distance) const {
    const index_t near = buckets / 2, far = distance < 0 ? -distance : distance;
    if (buckets <= 0 || far <= near) return distance;
    const auto most = static_cast<float>(double(longest - 1) / double(near));
    const float steps = std::log(static_cast<float>(far) / static_cast<float>(near)) / std::log(most) *
                        static_cast<float>(near - 1);
    const index_t b = static_cast<index_t>(std::ceil(steps)) + near;
    return distance < 0 ? -b : b;
  }
};

/// Which of the rows of a position term a distance reads, where a backend can see it. Distances d with
/// first[t] <= d < first[t + 1] read row t.
struct RelativeRowsRef {
  const std::int32_t* of;     // [2 reach - 1], of distance d at d + reach - 1
  const std::int32_t* first;  // [count + 1]
  index_t reach;              // distances are below it
  index_t count;              // rows that any distance reads
  LORICA_HD index_t row(index_t distance) const { return of[distance + reach - 1]; }
};

struct DisentangledShape {
  index_t heads = 1;
  index_t head_dim = 1;
  double scale = 1;  // of all three terms
};

/// o = softmax(scale (q_i k_j + q_i pos_k_t + k_j pos_q_t), within each sequence) v with t the row of i - j,
/// and the log-sum-exp of each row and head. A term whose table has no data is not there.
template <class T> struct DisentangledCall {
  DisentangledShape shape;
  std::span<const index_t> offsets;  // [sequences + 1], on the host
  MatrixRef<const T> q, k, v;        // [n, heads * head_dim]
  MatrixRef<const T> pos_k, pos_q;   // [rows.count, heads * head_dim], or no data
  RelativeRowsRef rows;
  MatrixRef<T> o;  // [n, heads * head_dim]
  T* lse;          // [heads, n]
};
/// dq, dk, dv and, where they have data, the gradients of the two tables; all are overwritten.
template <class T> struct DisentangledGradientCall {
  DisentangledShape shape;
  std::span<const index_t> offsets;
  MatrixRef<const T> q, k, v, pos_k, pos_q;
  RelativeRowsRef rows;
  MatrixRef<const T> o, d_o;
  const T* lse;
  MatrixRef<T> dq, dk, dv, dpos_k, dpos_q;
};

namespace row {

/// What every (row, head) functor needs. Sequence of row i: begin[i] .. end[i].
template <class T, class M> struct Disentangled {
  DisentangledShape shape;
  index_t rows;
  const std::int32_t* begin;  // [n]
  const std::int32_t* end;    // [n]
  MatrixRef<const T> q, k, v, pos_k, pos_q;
  RelativeRowsRef relative;
  M* lse;  // [heads, n]

  /// Row i of head h.
  LORICA_HD const T* of(MatrixRef<const T> m, index_t i, index_t h) const {
    return m.row(i) + h * shape.head_dim;
  }
  LORICA_HD index_t first(index_t i) const { return begin[i]; }
  LORICA_HD index_t last(index_t i) const { return end[i]; }
  LORICA_HD const T* value_of(index_t j, index_t h) const { return of(v, j, h); }
  LORICA_HD M dot(const T* a, const T* b) const { return head_dot<M>(a, b, shape.head_dim); }
  LORICA_HD M score(index_t i, index_t j, index_t h) const {
    using V = Lanes<M>;
    const index_t t = relative.row(i - j);
    const T *a = of(q, i, h), *b = of(k, j, h);
    const T* with_query = pos_k.data != nullptr ? of(pos_k, t, h) : nullptr;
    const T* with_key = pos_q.data != nullptr ? of(pos_q, t, h) : nullptr;
    V s(0);
    for (index_t d = 0; d < shape.head_dim; d += V::width) {
      const index_t left = shape.head_dim - d;
      const V x = load<V>(a + d, left), y = load<V>(b + d, left);
      s += x * y;
      if (with_query != nullptr) s += x * load<V>(with_query + d, left);
      if (with_key != nullptr) s += y * load<V>(with_key + d, left);
    }
    return sum(s) * M(shape.scale);
  }
  LORICA_HD M weight(index_t i, index_t j, index_t h) const {
    return math::exp(score(i, j, h) - lse[h * rows + i]);
  }
};

template <class T, class M> using DisentangledAttend = Attend<T, M, Disentangled<T, M>>;
/// Index i * heads + h: dq of one row of one head, and dO_i . O_i for the others, which come after.
template <class T, class M> struct DisentangledByQuery {
  Disentangled<T, M> at;
  MatrixRef<const T> o, d_o;
  MatrixRef<T> dq;
  M* mean;  // [heads, n]
  LORICA_HD void operator()(index_t index) const {
    const index_t i = index / at.shape.heads, h = index % at.shape.heads, dim = at.shape.head_dim;
    const T* up = at.of(d_o, i, h);
    const M shift = at.dot(up, at.of(o, i, h));
    mean[h * at.rows + i] = shift;
    M out[max_head_dim];
    for (index_t d = 0; d < dim; ++d) out[d] = M(0);
    for (index_t j = at.begin[i]; j < at.end[i]; ++j) {
      const M ds = at.weight(i, j, h) * (at.dot(up, at.of(at.v, j, h)) - shift) * M(at.shape.scale);
      add_scaled(out, ds, at.of(at.k, j, h), dim);
      if (at.pos_k.data != nullptr) add_scaled(out, ds, at.of(at.pos_k, at.relative.row(i - j), h), dim);
    }
    for (index_t d = 0; d < dim; ++d) dq.row(i)[h * dim + d] = convert<T>(out[d]);
  }
};
/// Index j * heads + h: dk and dv of one row of one head.
template <class T, class M> struct DisentangledByKey {
  Disentangled<T, M> at;
  MatrixRef<const T> d_o;
  const M* mean;
  MatrixRef<T> dk, dv;
  LORICA_HD void operator()(index_t index) const {
    const index_t j = index / at.shape.heads, h = index % at.shape.heads, dim = at.shape.head_dim;
    M by_key[max_head_dim], by_value[max_head_dim];
    for (index_t d = 0; d < dim; ++d) by_key[d] = by_value[d] = M(0);
    for (index_t i = at.begin[j]; i < at.end[j]; ++i) {
      const T* up = at.of(d_o, i, h);
      const M p = at.weight(i, j, h);
      const M ds = p * (at.dot(up, at.of(at.v, j, h)) - mean[h * at.rows + i]) * M(at.shape.scale);
      add_scaled(by_value, p, up, dim);
      add_scaled(by_key, ds, at.of(at.q, i, h), dim);
      if (at.pos_q.data != nullptr) add_scaled(by_key, ds, at.of(at.pos_q, at.relative.row(i - j), h), dim);
    }
    for (index_t d = 0; d < dim; ++d) {
      dk.row(j)[h * dim + d] = convert<T>(by_key[d]);
      dv.row(j)[h * dim + d] = convert<T>(by_value[d]);
    }
  }
};
/// Index t * heads + h: the gradient of one row of one head of either table or both, over all pairs of rows
/// that read it.
template <class T, class M> struct DisentangledByPosition {
  Disentangled<T, M> at;
  MatrixRef<const T> d_o;
  const M* mean;
  MatrixRef<T> dpos_k, dpos_q;
  LORICA_HD void operator()(index_t index) const {
    const index_t t = index / at.shape.heads, h = index % at.shape.heads, dim = at.shape.head_dim;
    M by_key[max_head_dim], by_query[max_head_dim];
    for (index_t d = 0; d < dim; ++d) by_key[d] = by_query[d] = M(0);
    for (index_t i = 0; i < at.rows; ++i) {
      const T* up = at.of(d_o, i, h);
      for (index_t distance = at.relative.first[t]; distance < at.relative.first[t + 1]; ++distance) {
        const index_t j = i - distance;
        if (j < at.begin[i] || j >= at.end[i]) continue;
        const M ds =
            at.weight(i, j, h) * (at.dot(up, at.of(at.v, j, h)) - mean[h * at.rows + i]) * M(at.shape.scale);
        add_scaled(by_key, ds, at.of(at.q, i, h), dim);
        add_scaled(by_query, ds, at.of(at.k, j, h), dim);
      }
    }
    for (index_t d = 0; d < dim; ++d) {
      if (dpos_k.data != nullptr) dpos_k.row(t)[h * dim + d] = convert<T>(by_key[d]);
      if (dpos_q.data != nullptr) dpos_q.row(t)[h * dim + d] = convert<T>(by_query[d]);
    }
  }
};

}  // namespace row
}  // namespace lorica
