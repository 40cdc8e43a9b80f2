// SPDX-License-Identifier: MIT
/// @file lorica/cpu/attention.hpp
/// Attention in row blocks through products of tiles. A causal block sees only the columns from its
/// window's beginning to its end; scores are rebuilt from the log-sum-exp in the backward pass, so a thread
/// holds one block's scores at a time. A task is one sequence and one key/value head: it alone writes its
/// columns of dq, dk, dv. Activations in bf16 are widened a head at a time, and results rounded once.
#pragma once

#include <lorica/core/attention.hpp>
#include <lorica/cpu/parallel.hpp>
#include <lorica/cpu/pool.hpp>
#include <lorica/cpu/tile.hpp>

#include <algorithm>
#include <vector>

namespace lorica::cpu {

namespace detail {
inline constexpr index_t block_rows = 48;  // whole tiles

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

/// Rows of one head in the numbers they are multiplied in, each of whole registers: where they lie, or a
/// copy.
template <class M> class Rows {
 public:
  template <class T> Rows(const std::shared_ptr<Pool>& pool, MatrixRef<const T> from) {
    if constexpr (std::same_as<M, T>)
      if (from.cols % tile::lanes<M> == 0) {
        ref_ = from;
        return;
      }
    const index_t stride = tile::padded<M>(from.cols);
    copy_ = Buffer<M>(pool, from.rows * stride);
    for (index_t i = 0; i < from.rows; ++i) {
      M* to = copy_.data() + i * stride;
      for (index_t j = 0; j < from.cols; ++j) to[j] = convert<M>(from.row(i)[j]);
      for (index_t j = from.cols; j < stride; ++j) to[j] = M(0);
    }
    ref_ = MatrixRef<const M>(copy_.data(), from.rows, from.cols, stride);
  }
  [[nodiscard]] MatrixRef<const M> ref() const { return ref_; }
  [[nodiscard]] MatrixRef<const M> slice(index_t begin, index_t count) const {
    return ref_.slice(begin, count);
  }

 private:
  Buffer<M> copy_;
  MatrixRef<const M> ref_;
};
/// The transpose of rows of one head. Whole registers may be read from any column on.
template <class M> class Turned {
 public:
  Turned(const std::shared_ptr<Pool>& pool, MatrixRef<const M> from) {
    const index_t stride = tile::padded<M>(from.rows) + tile::lanes<M>;
    copy_ = Buffer<M>(pool, from.cols * stride);
    ref_ = MatrixRef<const M>(copy_.data(), from.cols, from.rows, stride);
    tile::transpose(from, {copy_.data(), from.cols, stride});
  }
  [[nodiscard]] MatrixRef<const M> columns(index_t begin, index_t count) const {
    return ref_.columns(begin, count);
  }

 private:
  Buffer<M> copy_;
  MatrixRef<const M> ref_;
};
/// A part of a result: where it belongs, if it has the right numbers and whole registers, or a buffer that is
/// rounded into it in the end.
template <class M, class T> class Result {
 public:
  Result(const std::shared_ptr<Pool>& pool, MatrixRef<T> to) : to_(to) {
    if constexpr (std::same_as<M, T>)
      if (to.cols % tile::lanes<M> == 0) {
        ref_ = to;
        return;
      }
    const index_t stride = tile::padded<M>(to.cols);
    copy_ = Buffer<M>(pool, to.rows * stride);
    ref_ = MatrixRef<M>(copy_.data(), to.rows, to.cols, stride);
  }
  Result(Result&&) = delete;
  ~Result() {
    if (copy_.data() == nullptr) return;
    for (index_t i = 0; i < to_.rows; ++i)
      for (index_t j = 0; j < to_.cols; ++j) to_.row(i)[j] = convert<T>(ref_.row(i)[j]);
  }
  [[nodiscard]] MatrixRef<M> ref() const { return ref_; }
  [[nodiscard]] MatrixRef<M> slice(index_t begin, index_t count) const { return ref_.slice(begin, count); }

 private:
  MatrixRef<T> to_;
  Buffer<M> copy_;
  MatrixRef<M> ref_;
};
}  // namespace detail

template <class T, class M>
void attention_forward(const std::shared_ptr<Pool>& pool, const AttentionCall<T, M>& c) {
  const auto& s = c.shape;
  detail::each_task(s, c.offsets, [&](index_t begin, index_t n, index_t g) {
    const index_t group = s.heads / s.kv_heads, all = c.before + n, block = std::min(n, detail::block_rows);
    const index_t stride = tile::padded<M>(all);
    Buffer<M> scores(pool, block * stride);
    const detail::Rows<M> keys(pool, detail::part(c.k, begin, all, g, s.head_dim)),
        v(pool, detail::part(c.v, begin, all, g, s.head_dim));
    const detail::Turned<M> k(pool, keys.ref());
    for (index_t h = g * group; h < (g + 1) * group; ++h) {
      const detail::Rows<M> q(pool, detail::part(c.q, begin, n, h, s.head_dim));
      const detail::Result<M, T> o(pool, detail::part(c.o, begin, n, h, s.head_dim));
      M* lse = c.lse + h * c.q.rows + begin;
      for (index_t i = 0; i < n; i += block) {
        const index_t rows = std::min(block, n - i), at = c.before + i, low = s.first_seen(at);
        const index_t width = (s.causal ? at + rows : all) - low;
        const MatrixRef<M> p(scores.data(), rows, width, stride);
        tile::product(tile::as_it_lies(q.slice(i, rows)), k.columns(low, width), false, p);
        for (index_t r = 0; r < rows; ++r) {
          const index_t unseen = s.first_seen(at + r) - low, end = s.causal ? at + r + 1 - low : width;
          lse[i + r] = row::softmax(p.row(r) + unseen, end - unseen, width - unseen, static_cast<M>(s.scale));
          for (index_t j = 0; j < unseen; ++j) p.row(r)[j] = M(0);
        }
        tile::product(tile::as_it_lies(MatrixRef<const M>(p)), v.slice(low, width), false, o.slice(i, rows));
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
    const index_t stride = tile::padded<M>(n);
    Buffer<M> scores(pool, block * stride), gradients(pool, block * stride);
    const detail::Rows<M> k(pool, detail::part(c.k, begin, n, g, dim)),
        v(pool, detail::part(c.v, begin, n, g, dim));
    const detail::Turned<M> turned_k(pool, k.ref()), turned_v(pool, v.ref());
    const detail::Result<M, T> dk(pool, detail::part(c.dk, begin, n, g, dim)),
        dv(pool, detail::part(c.dv, begin, n, g, dim));
    bool adds = s.window != 0;
    if (adds)  // no block sees every column
      for (index_t j = 0; j < n; ++j)
        for (index_t d = 0; d < dim; ++d) dk.ref().row(j)[d] = dv.ref().row(j)[d] = M(0);
    for (index_t h = g * group; h < (g + 1) * group; ++h) {
      const auto o = detail::part(c.o, begin, n, h, dim);
      const detail::Rows<M> q(pool, detail::part(c.q, begin, n, h, dim)),
          up(pool, detail::part(c.d_o, begin, n, h, dim));
      const detail::Result<M, T> dq(pool, detail::part(c.dq, begin, n, h, dim));
      const M* lse = c.lse + h * c.q.rows + begin;
      // From the last block, which sees every column and so is the one that may overwrite dk and dv.
      for (index_t i = (n - 1) / block * block; i >= 0; i -= block) {
        const index_t rows = std::min(block, n - i), low = s.first_seen(i);
        const index_t width = (s.causal ? i + rows : n) - low;
        const MatrixRef<M> p(scores.data(), rows, width, stride), ds(gradients.data(), rows, width, stride);
        tile::product(tile::as_it_lies(q.slice(i, rows)), turned_k.columns(low, width), false, p);
        tile::product(tile::as_it_lies(up.slice(i, rows)), turned_v.columns(low, width), false, ds);
        for (index_t r = 0; r < rows; ++r) {
          const index_t unseen = s.first_seen(i + r) - low, valid = s.causal ? i + r + 1 - low : width;
          V dot(0);
          for (index_t d = 0; d < dim; d += V::width)
            dot += load<V>(up.ref().row(i + r) + d, dim - d) * load<V>(o.row(i + r) + d, dim - d);
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
        tile::product(tile::as_it_lies(dsc), k.slice(low, width), false, dq.slice(i, rows));
        tile::product(tile::transposed(dsc), q.slice(i, rows), adds, dk.slice(low, width));
        tile::product(tile::transposed(pc), up.slice(i, rows), adds, dv.slice(low, width));
        adds = true;
      }
    }
  });
}

}  // namespace lorica::cpu
