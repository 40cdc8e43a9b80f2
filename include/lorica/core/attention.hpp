// SPDX-License-Identifier: MIT
/// @file lorica/core/attention.hpp
/// Softmax attention over ragged sequences with grouped key/value heads: what a call is told, and its
/// portable form, one index for every (row, head), which keeps no scores at all.
#pragma once

#include <lorica/core/row.hpp>

#include <span>

namespace lorica {

/// Heads and mask. Query head h reads key/value head h / (heads / kv_heads). Scores are q.k * scale. With a
/// window, row i of a causal call sees the rows i - window + 1 to i (Mistral).
struct AttentionShape {
  index_t heads = 1;
  index_t kv_heads = 1;
  index_t head_dim = 1;
  bool causal = true;
  double scale = 1;
  index_t window = 0;  // 0: all that came before

  /// The first row that row i sees, counted from the beginning of its sequence; causal calls only.
  [[nodiscard]] LORICA_HD index_t first_seen(index_t i) const {
    return window > 0 && i >= window ? i - window + 1 : 0;
  }
  /// One beyond the last row that sees row j of a sequence of n.
  [[nodiscard]] LORICA_HD index_t last_seeing(index_t j, index_t n) const {
    return window > 0 && window < n - j ? j + window : n;
  }
};

/// o = softmax(scale q k^T, within each sequence) v, and the log-sum-exp of each row and head. A single
/// sequence may have keys and values of rows `before` those that ask. T: of what goes in and out; M: of sums.
template <class T, class M = T> struct AttentionCall {
  AttentionShape shape;
  std::span<const index_t> offsets;  // [sequences + 1], on the host
  MatrixRef<const T> q;              // [n, heads * head_dim]
  MatrixRef<const T> k, v;           // [before + n, kv_heads * head_dim]
  MatrixRef<T> o;                    // [n, heads * head_dim]
  M* lse;                            // [heads, n]
  index_t before = 0;
};
/// dq, dk, dv from dO and what the forward left; they are overwritten.
template <class T, class M = T> struct AttentionGradientCall {
  AttentionShape shape;
  std::span<const index_t> offsets;
  MatrixRef<const T> q, k, v, o, d_o;
  const M* lse;
  MatrixRef<T> dq, dk, dv;
};

namespace row {

/// The largest head the portable form takes.
inline constexpr index_t max_head_dim = 256;

/// a . b of n numbers each, in M.
template <class M, class T> LORICA_HD M head_dot(const T* a, const T* b, index_t n) {
  using V = Lanes<M>;
  V s(0);
  for (index_t d = 0; d < n; d += V::width) s += load<V>(a + d, n - d) * load<V>(b + d, n - d);
  return sum(s);
}

/// What every (row, head) functor needs. Sequence of row i: begin[i] .. end[i].
template <class T, class M> struct Heads {
  AttentionShape shape;
  index_t rows;
  const std::int32_t* begin;  // [n]
  const std::int32_t* end;    // [n]
  MatrixRef<const T> q, k, v;
  M* lse;              // [heads, n]
  index_t before = 0;  // rows of k and v before the first that asks; 0 where gradients are wanted

  LORICA_HD const T* query(index_t i, index_t h) const { return q.row(i) + h * shape.head_dim; }
  LORICA_HD index_t group(index_t h) const { return h / (shape.heads / shape.kv_heads); }
  LORICA_HD const T* key(index_t j, index_t g) const { return k.row(j) + g * shape.head_dim; }
  LORICA_HD const T* value(index_t j, index_t g) const { return v.row(j) + g * shape.head_dim; }
  LORICA_HD index_t first(index_t i) const { return begin[i] + shape.first_seen(before + i - begin[i]); }
  LORICA_HD index_t last(index_t i) const { return before + (shape.causal ? i + 1 : index_t(end[i])); }
  LORICA_HD const T* value_of(index_t j, index_t h) const { return value(j, group(h)); }
  LORICA_HD M dot(const T* a, const T* b) const { return head_dot<M>(a, b, shape.head_dim); }
  LORICA_HD M score(index_t i, index_t j, index_t h) const {
    return dot(query(i, h), key(j, group(h))) * M(shape.scale);
  }
};

template <class T, class M> LORICA_HD void add_scaled(M* sum, M s, const T* x, index_t n) {
  for (index_t d = 0; d < n; ++d) sum[d] += s * convert<M>(x[d]);
}

/// Index i * heads + h: one row of one head, by a running maximum and sum. At says which rows it sees, what
/// they score, and their values.
template <class T, class M, class At = Heads<T, M>> struct Attend {
  At at;
  MatrixRef<T> o;
  LORICA_HD void operator()(index_t index) const {
    const index_t i = index / at.shape.heads, h = index % at.shape.heads, dim = at.shape.head_dim;
    M out[max_head_dim];
    for (index_t d = 0; d < dim; ++d) out[d] = M(0);
    M top = M(-3e38f), total = M(0);
    for (index_t j = at.first(i); j < at.last(i); ++j) {
      const M s = at.score(i, j, h);
      if (s > top) {
        const M shrink = math::exp(top - s);
        total *= shrink;
        for (index_t d = 0; d < dim; ++d) out[d] *= shrink;
        top = s;
      }
      const M e = math::exp(s - top);
      total += e;
      add_scaled(out, e, at.value_of(j, h), dim);
    }
    for (index_t d = 0; d < dim; ++d) o.row(i)[h * dim + d] = convert<T>(out[d] / total);
    using std::log;
    at.lse[h * at.rows + i] = top + log(total);
  }
};
/// Index i * heads + h: dq of one row of one head.
template <class T, class M> struct AttendByQuery {
  Heads<T, M> at;
  MatrixRef<const T> o, d_o;
  MatrixRef<T> dq;
  LORICA_HD void operator()(index_t index) const {
    const index_t i = index / at.shape.heads, h = index % at.shape.heads, dim = at.shape.head_dim;
    const T* g = d_o.row(i) + h * dim;
    const M mean = at.dot(g, o.row(i) + h * dim), lse = at.lse[h * at.rows + i];
    M out[max_head_dim];
    for (index_t d = 0; d < dim; ++d) out[d] = M(0);
    for (index_t j = at.first(i); j < at.last(i); ++j) {
      const M p = math::exp(at.score(i, j, h) - lse);
      add_scaled(out, p * (at.dot(g, at.value(j, at.group(h))) - mean) * M(at.shape.scale),
                 at.key(j, at.group(h)), dim);
    }
    for (index_t d = 0; d < dim; ++d) dq.row(i)[h * dim + d] = convert<T>(out[d]);
  }
};
/// Index j * kv_heads + g: dk and dv of one row of one key/value head.
template <class T, class M> struct AttendByKey {
  Heads<T, M> at;
  MatrixRef<const T> o, d_o;
  MatrixRef<T> dk, dv;
  LORICA_HD void operator()(index_t index) const {
    const index_t j = index / at.shape.kv_heads, g = index % at.shape.kv_heads, dim = at.shape.head_dim;
    const index_t group = at.shape.heads / at.shape.kv_heads;
    M by_key[max_head_dim], by_value[max_head_dim];
    for (index_t d = 0; d < dim; ++d) by_key[d] = by_value[d] = M(0);
    const index_t begin = at.begin[j], end = begin + at.shape.last_seeing(j - begin, at.end[j] - begin);
    for (index_t h = g * group; h < (g + 1) * group; ++h)
      for (index_t i = at.shape.causal ? j : begin; i < end; ++i) {
        const T* up = d_o.row(i) + h * dim;
        const M p = math::exp(at.score(i, j, h) - at.lse[h * at.rows + i]);
        const M mean = at.dot(up, o.row(i) + h * dim);
        add_scaled(by_value, p, up, dim);
        add_scaled(by_key, p * (at.dot(up, at.value(j, g)) - mean) * M(at.shape.scale), at.query(i, h), dim);
      }
    for (index_t d = 0; d < dim; ++d) {
      dk.row(j)[g * dim + d] = convert<T>(by_key[d]);
      dv.row(j)[g * dim + d] = convert<T>(by_value[d]);
    }
  }
};

}  // namespace row
}  // namespace lorica
