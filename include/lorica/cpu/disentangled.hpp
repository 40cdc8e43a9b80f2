// SPDX-License-Identifier: MIT
/// @file lorica/cpu/disentangled.hpp
/// Disentangled attention in row blocks through Eigen's small products. The scores with positions are
/// products with the rows of the table that a block, or a sequence, can reach, [block, reach] and [n, reach];
/// a pair of rows picks its own out of them. Forward, a task is one sequence and one head; backward it is one
/// head where the tables have gradients, which all sequences add to in turn.
#pragma once

#include <lorica/core/disentangled.hpp>
#include <lorica/cpu/attention.hpp>
#include <lorica/cpu/eigen_gemm.hpp>

namespace lorica::cpu {

namespace detail {

/// One head of one sequence: its rows begin .. begin + n, and the rows of the table it reaches.
template <class T> struct DisentangledTask {
  MatrixRef<const T> k, pos_k, pos_q;  // [n, dim], [reach, dim]
  RelativeRowsRef rows;
  index_t n, low, reach;
  MatrixRef<T> by_key;  // [n, reach]: k pos_q^T

  DisentangledTask(const auto& c, index_t begin, index_t length, index_t h)
      : k(part(c.k, begin, length, h, c.shape.head_dim)), rows(c.rows), n(length), low(rows.row(1 - n)) {
    reach = rows.row(n - 1) - low + 1;
    if (c.pos_k.data != nullptr) pos_k = part(c.pos_k, low, reach, h, c.shape.head_dim);
    if (c.pos_q.data != nullptr) pos_q = part(c.pos_q, low, reach, h, c.shape.head_dim);
  }
  [[nodiscard]] index_t key_size() const { return pos_q.data != nullptr ? n * reach : 0; }
  [[nodiscard]] index_t query_size(index_t block) const { return pos_k.data != nullptr ? block * reach : 0; }
  /// `by_key` in the memory given.
  void multiply_keys(T* memory) {
    if (pos_q.data == nullptr) return;
    by_key = {memory, n, reach};
    EigenGemm::product(Trans::no, Trans::yes, T(1), k, pos_q, T(0), by_key);
  }
  /// The rows of pos_k that a block of rows reaches, counted from `low`.
  [[nodiscard]] index_t first_of(index_t i) const { return rows.row(i - (n - 1)) - low; }
  [[nodiscard]] index_t count_of(index_t i, index_t block) const {
    return rows.row(i + block - 1) - low - first_of(i) + 1;
  }
  /// Rows of the table read by row i, of column j at -j.
  [[nodiscard]] const std::int32_t* read_by(index_t i) const { return rows.of + (rows.reach - 1) + i; }

  /// p <- q k^T and the terms of position, not scaled. `memory` is for q pos_k^T.
  void scores(MatrixRef<const T> q, index_t i, MatrixRef<T> p, T* memory) const {
    EigenGemm::product(Trans::no, Trans::yes, T(1), q, k, T(0), p);
    if (pos_k.data != nullptr) {
      const index_t first = first_of(i);
      const MatrixRef<T> c(memory, q.rows, count_of(i, q.rows));
      EigenGemm::product(Trans::no, Trans::yes, T(1), q, pos_k.slice(first, c.cols), T(0), c);
      for (index_t r = 0; r < q.rows; ++r) {
        const std::int32_t* t = read_by(i + r);
        const T* from = c.row(r);
        T* to = p.row(r);
        for (index_t j = 0; j < n; ++j) to[j] += from[t[-j] - (first + low)];
      }
    }
    if (pos_q.data != nullptr)
      for (index_t r = 0; r < q.rows; ++r) {
        const std::int32_t* t = read_by(i + r);
        T* to = p.row(r);
        for (index_t j = 0; j < n; ++j) to[j] += by_key.row(j)[t[-j] - low];
      }
  }
};

}  // namespace detail

template <class T>
void disentangled_forward(const std::shared_ptr<Pool>& pool, const DisentangledCall<T>& c) {
  const auto& s = c.shape;
  detail::each_task(
      {.heads = s.heads, .kv_heads = s.heads}, c.offsets, [&](index_t begin, index_t n, index_t h) {
        const index_t block = std::min(n, detail::block_rows);
        detail::DisentangledTask<T> task(c, begin, n, h);
        Buffer<T> scores(pool, block * n), keys(pool, task.key_size()), queries(pool, task.query_size(block));
        task.multiply_keys(keys.data());
        const auto q = detail::part(c.q, begin, n, h, s.head_dim),
                   v = detail::part(c.v, begin, n, h, s.head_dim);
        const auto o = detail::part(c.o, begin, n, h, s.head_dim);
        T* lse = c.lse + h * c.q.rows + begin;
        for (index_t i = 0; i < n; i += block) {
          const index_t rows = std::min(block, n - i);
          const MatrixRef<T> p(scores.data(), rows, n);
          task.scores(q.slice(i, rows), i, p, queries.data());
          for (index_t r = 0; r < rows; ++r)
            lse[i + r] = row::softmax(p.row(r), n, n, static_cast<T>(s.scale));
          EigenGemm::product(Trans::no, Trans::no, T(1), MatrixRef<const T>(p), v, T(0), o.slice(i, rows));
        }
      });
}

namespace detail {
/// dq, dk and dv of one head of one sequence; adds to the gradients of the tables.
template <class T>
void disentangled_backward_of(const std::shared_ptr<Pool>& pool, const DisentangledGradientCall<T>& c,
                              index_t begin, index_t n, index_t h) {
  using V = Lanes<T>;
  constexpr auto no = Trans::no, yes = Trans::yes;
  const index_t dim = c.shape.head_dim, block = std::min(n, block_rows);
  DisentangledTask<T> task(c, begin, n, h);
  Buffer<T> scores(pool, block * n), gradients(pool, block * n), keys(pool, task.key_size()),
      by_keys(pool, task.key_size()), queries(pool, task.query_size(block));
  task.multiply_keys(keys.data());
  std::fill_n(by_keys.data(), task.key_size(), T(0));
  const MatrixRef<T> by_key(by_keys.data(), n, task.reach);
  const auto of = [&](auto m) { return part(m, begin, n, h, dim); };
  const auto q = of(c.q), k = of(c.k), v = of(c.v), o = of(c.o), up = of(c.d_o);
  const auto dq = of(c.dq), dk = of(c.dk), dv = of(c.dv);
  const T* lse = c.lse + h * c.q.rows + begin;
  for (index_t i = 0; i < n; i += block) {
    const index_t rows = std::min(block, n - i);
    const MatrixRef<T> p(scores.data(), rows, n), ds(gradients.data(), rows, n);
    task.scores(q.slice(i, rows), i, p, queries.data());
    EigenGemm::product(no, yes, T(1), up.slice(i, rows), v, T(0), ds);
    for (index_t r = 0; r < rows; ++r) {
      V dot(0);
      for (index_t d = 0; d < dim; d += V::width)
        dot += load<V>(up.row(i + r) + d, dim - d) * load<V>(o.row(i + r) + d, dim - d);
      const V mean(sum(dot)), scale(static_cast<T>(c.shape.scale)), shift(lse[i + r]);
      T *pr = p.row(r), *dr = ds.row(r);
      for (index_t j = 0; j < n; j += V::width) {
        const V e = math::exp(load<V>(pr + j, n - j) * scale - shift);
        store(dr + j, n - j, e * (load<V>(dr + j, n - j) - mean) * scale);
        store(pr + j, n - j, e);
      }
    }
    const MatrixRef<const T> pc(p), dsc(ds);
    const T beta = i == 0 ? T(0) : T(1);
    EigenGemm::product(no, no, T(1), dsc, k, T(0), dq.slice(i, rows));
    EigenGemm::product(yes, no, T(1), dsc, q.slice(i, rows), beta, dk);
    EigenGemm::product(yes, no, T(1), pc, up.slice(i, rows), beta, dv);
    if (task.pos_k.data != nullptr) {
      const index_t first = task.first_of(i);
      const MatrixRef<T> by_query(queries.data(), rows, task.count_of(i, rows));
      std::fill_n(by_query.data, by_query.size(), T(0));
      for (index_t r = 0; r < rows; ++r) {
        const std::int32_t* t = task.read_by(i + r);
        T* to = by_query.row(r);
        for (index_t j = 0; j < n; ++j) to[t[-j] - (first + task.low)] += ds.row(r)[j];
      }
      const MatrixRef<const T> bq(by_query);
      EigenGemm::product(no, no, T(1), bq, task.pos_k.slice(first, bq.cols), T(1), dq.slice(i, rows));
      if (c.dpos_k.data != nullptr)
        EigenGemm::product(yes, no, T(1), bq, q.slice(i, rows), T(1),
                           part(c.dpos_k, task.low + first, bq.cols, h, dim));
    }
    if (task.pos_q.data != nullptr)
      for (index_t r = 0; r < rows; ++r) {
        const std::int32_t* t = task.read_by(i + r);
        for (index_t j = 0; j < n; ++j) by_key.row(j)[t[-j] - task.low] += ds.row(r)[j];
      }
  }
  if (task.pos_q.data != nullptr) {
    const MatrixRef<const T> bk(by_key);
    EigenGemm::product(no, no, T(1), bk, task.pos_q, T(1), dk);
    if (c.dpos_q.data != nullptr)
      EigenGemm::product(yes, no, T(1), bk, k, T(1), part(c.dpos_q, task.low, task.reach, h, dim));
  }
}
}  // namespace detail

template <class T>
void disentangled_backward(const std::shared_ptr<Pool>& pool, const DisentangledGradientCall<T>& c) {
  const auto& s = c.shape;
  if (c.dpos_k.data == nullptr && c.dpos_q.data == nullptr) {
    detail::each_task(
        {.heads = s.heads, .kv_heads = s.heads}, c.offsets,
        [&](index_t begin, index_t n, index_t h) { detail::disentangled_backward_of(pool, c, begin, n, h); });
    return;
  }
  parallel_for(s.heads, true, [&](index_t h) {
    for (const auto& table : {c.dpos_k, c.dpos_q})
      if (table.data != nullptr)
        for (index_t t = 0; t < table.rows; ++t) std::fill_n(table.row(t) + h * s.head_dim, s.head_dim, T(0));
    for (std::size_t i = 0; i + 1 < c.offsets.size(); ++i)
      detail::disentangled_backward_of(pool, c, c.offsets[i], c.offsets[i + 1] - c.offsets[i], h);
  });
}

}  // namespace lorica::cpu
