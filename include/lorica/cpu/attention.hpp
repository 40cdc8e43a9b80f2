// SPDX-License-Identifier: MIT
/// @file lorica/cpu/attention.hpp
/// Attention in row blocks through Eigen's small products. A causal block sees only the columns from its
/// window's beginning to its end; scores are rebuilt from the log-sum-exp in the backward pass, so a thread
/// holds one block's scores at a time. A task is one sequence and one key/value head: it alone writes its
/// columns of dq, dk, dv. Activations in bf16 are widened a head at a time, and results rounded once.
#pragma once

#include <lorica/core/attention.hpp>
#include <lorica/cpu/eigen_gemm.hpp>
#include <lorica/cpu/pool.hpp>

#include <algorithm>
#include <vector>

namespace lorica::cpu {

namespace detail {
inline constexpr index_t block_rows = 64;

template <class T>
MatrixRef<T> part(MatrixRef<T> m, index_t begin, index_t length, index_t head, index_t dim) {
  return m.slice(begin, length).columns(head * dim, dim);
}
/// f(sequence, key/value head), longest sequences first so that the last task is short.
template <class F> void each_task(const AttentionShape& s, std::span<const index_t> offsets, F f) {
  std::vector<std::size_t> order(offsets.size() - 1);
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    return offsets[a + 1] - offsets[a] > offsets[b + 1] - offsets[b];
  });
  parallel_for(static_cast<index_t>(order.size()) * s.kv_heads, true, [&](index_t task) {
    const std::size_t b = order[static_cast<std::size_t>(task / s.kv_heads)];
    f(offsets[b], offsets[b + 1] - offsets[b], task % s.kv_heads);
  });
}

/// A part of an operand in the numbers it is computed in: where it lies, or a copy.
template <class M, class T> class Operand {
 public:
  Operand(const std::shared_ptr<Pool>& pool, MatrixRef<const T> from) {
    if constexpr (std::same_as<M, T>) {
      ref_ = from;
    } else {
      copy_ = Buffer<M>(pool, from.size());
      for (index_t i = 0; i < from.rows; ++i)
        for (index_t j = 0; j < from.cols; ++j) copy_.data()[i * from.cols + j] = convert<M>(from.row(i)[j]);
      ref_ = MatrixRef<const M>(copy_.data(), from.rows, from.cols);
    }
  }
  [[nodiscard]] MatrixRef<const M> ref() const { return ref_; }

 private:
  Buffer<M> copy_;
  MatrixRef<const M> ref_;
};
/// A part of a result: where it belongs, or a buffer that is rounded into it in the end.
template <class M, class T> class Result {
 public:
  Result(const std::shared_ptr<Pool>& pool, MatrixRef<T> to) : to_(to) {
    if constexpr (std::same_as<M, T>) {
      ref_ = to;
    } else {
      copy_ = Buffer<M>(pool, to.size());
      ref_ = MatrixRef<M>(copy_.data(), to.rows, to.cols);
    }
  }
  Result(Result&&) = delete;
  ~Result() {
    if constexpr (!std::same_as<M, T>)
      for (index_t i = 0; i < to_.rows; ++i)
        for (index_t j = 0; j < to_.cols; ++j) to_.row(i)[j] = convert<T>(ref_.row(i)[j]);
  }
  [[nodiscard]] MatrixRef<M> ref() const { return ref_; }

 private:
  Buffer<M> copy_;
  MatrixRef<T> to_;
  MatrixRef<M> ref_;
};
}  // namespace detail

template <class T, class M>
void attention_forward(const std::shared_ptr<Pool>& pool, const AttentionCall<T, M>& c) {
  const auto& s = c.shape;
  detail::each_task(s, c.offsets, [&](index_t begin, index_t n, index_t g) {
    const index_t group = s.heads / s.kv_heads, all = c.before + n;
    Buffer<M> scores(pool, std::min(n, detail::block_rows) * all);
    const detail::Operand<M, T> keys(pool, detail::part(c.k, begin, all, g, s.head_dim)),
        values(pool, detail::part(c.v, begin, all, g, s.head_dim));
    const auto k = keys.ref(), v = values.ref();
    for (index_t h = g * group; h < (g + 1) * group; ++h) {
      const detail::Operand<M, T> queries(pool, detail::part(c.q, begin, n, h, s.head_dim));
      const detail::Result<M, T> out(pool, detail::part(c.o, begin, n, h, s.head_dim));
      const auto q = queries.ref();
      const auto o = out.ref();
      M* lse = c.lse + h * c.q.rows + begin;
      for (index_t i = 0; i < n; i += detail::block_rows) {
        const index_t rows = std::min(detail::block_rows, n - i), at = c.before + i, low = s.first_seen(at);
        const index_t width = (s.causal ? at + rows : all) - low;
        const MatrixRef<M> p(scores.data(), rows, width);
        EigenGemm::product(Trans::no, Trans::yes, M(1), q.slice(i, rows), k.slice(low, width), M(0), p);
        for (index_t r = 0; r < rows; ++r) {
          const index_t unseen = s.first_seen(at + r) - low, end = s.causal ? at + r + 1 - low : width;
          lse[i + r] = row::softmax(p.row(r) + unseen, end - unseen, width - unseen, static_cast<M>(s.scale));
          for (index_t j = 0; j < unseen; ++j) p.row(r)[j] = M(0);
        }
        EigenGemm::product(Trans::no, Trans::no, M(1), MatrixRef<const M>(p), v.slice(low, width), M(0),
                           o.slice(i, rows));
      }
    }
  });
}

template <class T, class M>
void attention_backward(const std::shared_ptr<Pool>& pool, const AttentionGradientCall<T, M>& c) {
  const auto& s = c.shape;
  using V = Lanes<M>;
  detail::each_task(s, c.offsets, [&](index_t begin, index_t n, index_t g) {
    const index_t group = s.heads / s.kv_heads, dim = s.head_dim, block = std::min(n, detail::block_rows);
    Buffer<M> scores(pool, block * n), gradients(pool, block * n);
    const detail::Operand<M, T> keys(pool, detail::part(c.k, begin, n, g, dim)),
        values(pool, detail::part(c.v, begin, n, g, dim));
    const detail::Result<M, T> of_keys(pool, detail::part(c.dk, begin, n, g, dim)),
        of_values(pool, detail::part(c.dv, begin, n, g, dim));
    const auto k = keys.ref(), v = values.ref();
    const auto dk = of_keys.ref(), dv = of_values.ref();
    bool first = s.window == 0;
    if (!first)  // no block sees every column
      for (index_t j = 0; j < n; ++j)
        for (index_t d = 0; d < dim; ++d) dk.row(j)[d] = dv.row(j)[d] = M(0);
    for (index_t h = g * group; h < (g + 1) * group; ++h) {
      const detail::Operand<M, T> queries(pool, detail::part(c.q, begin, n, h, dim)),
          outputs(pool, detail::part(c.o, begin, n, h, dim)),
          above(pool, detail::part(c.d_o, begin, n, h, dim));
      const detail::Result<M, T> of_queries(pool, detail::part(c.dq, begin, n, h, dim));
      const auto q = queries.ref(), o = outputs.ref(), up = above.ref();
      const auto dq = of_queries.ref();
      const M* lse = c.lse + h * c.q.rows + begin;
      // From the last block, which sees every column and so is the one that may overwrite dk and dv.
      for (index_t i = (n - 1) / block * block; i >= 0; i -= block) {
        const index_t rows = std::min(block, n - i), low = s.first_seen(i);
        const index_t width = (s.causal ? i + rows : n) - low;
        const MatrixRef<M> p(scores.data(), rows, width), ds(gradients.data(), rows, width);
        EigenGemm::product(Trans::no, Trans::yes, M(1), q.slice(i, rows), k.slice(low, width), M(0), p);
        EigenGemm::product(Trans::no, Trans::yes, M(1), up.slice(i, rows), v.slice(low, width), M(0), ds);
        for (index_t r = 0; r < rows; ++r) {
          const index_t unseen = s.first_seen(i + r) - low, valid = s.causal ? i + r + 1 - low : width;
          V dot(0);
          for (index_t d = 0; d < dim; d += V::width)
            dot += load<V>(up.row(i + r) + d, dim - d) * load<V>(o.row(i + r) + d, dim - d);
          const V mean(sum(dot)), scale(static_cast<M>(s.scale)), shift(lse[i + r]);
          M *pr = p.row(r), *dr = ds.row(r);
          for (index_t j = 0; j < valid; j += V::width) {
            const V e = math::exp(load<V>(pr + j, valid - j) * scale - shift);
            store(dr + j, valid - j, e * (load<V>(dr + j, valid - j) - mean) * scale);
            store(pr + j, valid - j, e);
          }
          for (index_t j = valid; j < width; ++j) pr[j] = dr[j] = M(0);
          for (index_t j = 0; j < unseen; ++j) pr[j] = dr[j] = M(0);
        }
        const MatrixRef<const M> pc(p), dsc(ds);
        const M beta = first ? M(0) : M(1);
        EigenGemm::product(Trans::no, Trans::no, M(1), dsc, k.slice(low, width), M(0), dq.slice(i, rows));
        EigenGemm::product(Trans::yes, Trans::no, M(1), dsc, q.slice(i, rows), beta, dk.slice(low, width));
        EigenGemm::product(Trans::yes, Trans::no, M(1), pc, up.slice(i, rows), beta, dv.slice(low, width));
        first = false;
      }
    }
  });
}

}  // namespace lorica::cpu
