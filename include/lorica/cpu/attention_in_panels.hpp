// SPDX-License-Identifier: MIT
/// @file lorica/cpu/attention_in_panels.hpp
/// Attention of bf16 by products of panels, on matrix registers. Weights and their gradients are rounded to
/// bf16 before they are multiplied; scores, the softmax and all sums are float. Forward, a block of queries
/// sees the keys; backward, a block of keys is seen by the queries, so that what it is multiplied by next
/// lies as it must. A task is one sequence and one key/value head.
#pragma once

#include <lorica/cpu/attention.hpp>
#include <lorica/cpu/panel.hpp>

namespace lorica::cpu {

namespace detail {

/// Memory for the panels of a task: asked for without memory it counts what they need.
class Parts {
 public:
  explicit Parts(float* memory = nullptr) : memory_(memory) {}
  MatrixRef<float> floats(index_t rows, index_t cols, index_t gap = 0) {
    return {take(rows * (cols + gap)), rows, cols, cols + gap};
  }
  MatrixRef<bf16> halves(index_t rows, index_t cols, index_t gap = 0) {
    return {reinterpret_cast<bf16*>(take(rows * (cols + gap) / 2)), rows, cols, cols + gap};
  }
  [[nodiscard]] index_t used() const { return used_; }

 private:
  float* take(index_t count) {
    float* const here = memory_ == nullptr ? nullptr : memory_ + used_;
    used_ += panel::whole(count, 16);  // whole cache lines
    return here;
  }
  float* memory_;
  index_t used_ = 0;
};
/// A desk and its memory.
template <class Desk> class OnDesk {
 public:
  template <class... Sizes> explicit OnDesk(const std::shared_ptr<Pool>& pool, Sizes... sizes) {
    Parts counted;
    (void)Desk(counted, sizes...);
    memory_ = Buffer<float>(pool, counted.used());
    Parts parts(memory_.data());
    desk_ = Desk(parts, sizes...);
  }
  Desk* operator->() { return &desk_; }
  const Desk& operator*() const { return desk_; }

 private:
  Buffer<float> memory_;
  Desk desk_;
};

inline constexpr index_t panel_rows = 2 * panel::side;  // of a block: queries, or keys in the backward pass
inline constexpr index_t panel_gap = panel::depth;      // room for a register, and rows of no power of 2

/// Panels of a forward task: n queries, `all` keys.
struct ForwardDesk {
  MatrixRef<bf16> rows, weights;
  MatrixRef<float> keys, values, scores, out;
  ForwardDesk() = default;
  ForwardDesk(Parts& p, index_t n, index_t all, index_t dim)
      : rows(p.halves(panel::whole(std::max(n, all), panel_rows), panel::whole(dim, panel::depth))),
        weights(p.halves(panel_rows, panel::whole(all, panel_rows), panel_gap)),
        keys(p.floats(rows.cols / 2, weights.cols, panel_gap)),
        values(p.floats(weights.cols / 2, panel::whole(dim, panel::side))),
        scores(p.floats(panel_rows, weights.cols, panel_gap)),
        out(p.floats(panel_rows, values.cols)) {}
};
/// Panels of a backward task over n rows.
struct BackwardDesk {
  MatrixRef<bf16> keys, values, turned_keys, rows, weights, gradients;
  MatrixRef<float> turned_queries, turned_up, queries, up, scores, by_score, pairs, turned_dq, dk, dv, room;
  float *lse = nullptr, *mean = nullptr;  // lse of base 2
  BackwardDesk() = default;
  BackwardDesk(Parts& p, index_t length, index_t dim) {
    const index_t n = panel::whole(length, panel_rows), deep = panel::whole(dim, panel::depth),
                  wide = panel::whole(dim, panel::side);
    for (auto* m : {&keys, &values, &rows}) *m = p.halves(n, deep);
    turned_keys = p.halves(wide, n, panel_gap);
    for (auto* m : {&weights, &gradients}) *m = p.halves(panel_rows, n, panel_gap);
    for (auto* m : {&turned_queries, &turned_up}) *m = p.floats(deep / 2, n, panel_gap);
    for (auto* m : {&queries, &up}) *m = p.floats(n / 2, wide);
    for (auto* m : {&scores, &by_score}) *m = p.floats(panel_rows, n, panel_gap);
    pairs = p.floats(panel_rows / 2, n, panel_gap);
    turned_dq = p.floats(wide, n, panel_gap);
    for (auto* m : {&dk, &dv, &room}) *m = p.floats(n, wide);
    lse = p.floats(1, n).data;
    mean = p.floats(1, n).data;
  }
};

/// A weight is a power of 2: what scores are multiplied with.
inline constexpr double log2_e = 1.44269504088896340736, log_2 = 0.69314718055994530942;

/// e_j <- 2^(scale x_j - top), rounded, over begin .. end; 0 elsewhere up to n, where whole registers may be
/// written beyond. Returns their sum and `top`.
struct Exponentials {
  float top, total;
};
inline Exponentials exponentials(const float* x, index_t begin, index_t end, index_t n, float scale,
                                 bf16* e) {
  using V = Lanes<float>;
  V most(-3e38f), total(0);
  index_t j = begin;
  for (; j + V::width <= end; j += V::width) most = larger(most, load<V>(x + j, V::width));
  const V last = load<V>(x + j, end - j, -3e38f);
  const float top = largest(larger(most, last)) * scale;
  for (j = begin; j + V::width <= end; j += V::width) {
    const V of = math::exp2_for_bf16(load<V>(x + j, V::width) * V(scale) - V(top));
    total += of;
    store(e + j, V::width, of);
  }
  if (j < end) {
    const V of = first_of(math::exp2_for_bf16(last * V(scale) - V(top)), end - j);
    total += of;
    store(e + j, V::width, of);
  }
  std::fill(e, e + begin, bf16());
  std::fill(e + end, e + n, bf16());
  return {top, sum(total)};
}

/// Which columns of a row count.
struct Seen {
  index_t begin, end;
  [[nodiscard]] bool all(index_t first, index_t count) const {
    return begin <= first && first + count <= end;
  }
  template <class V> [[nodiscard]] V only(V x, index_t first) const {
    for (int l = 0; l < V::width; ++l)
      if (first + l < begin || first + l >= end) x.set(l, 0);
    return x;
  }
};
/// Of two rows of scores, keys by queries, and their gradients by the weights: weights and gradients by the
/// scores, rounded; the gradients also as pairs.
inline void weigh_two(const BackwardDesk& d, index_t r, const Seen (&seen)[2], index_t first, index_t count,
                      float scale) {
  using V = Lanes<float>;
  const V by(scale), by_2(static_cast<float>(double(scale) * log2_e));
  for (index_t i = 0; i < count; i += V::width) {
    const V lse = load<V>(d.lse + first + i, V::width), mean = load<V>(d.mean + first + i, V::width);
    V p[2], gradient[2];
    for (index_t row = 0; row < 2; ++row) {
      p[row] = math::exp2_for_bf16(load<V>(d.scores.row(r + row) + i, V::width) * by_2 - lse);
      if (!seen[row].all(first + i, V::width)) p[row] = seen[row].only(p[row], first + i);
      gradient[row] = p[row] * (load<V>(d.by_score.row(r + row) + i, V::width) - mean) * by;
    }
    panel::store_two(p[0], p[1], d.weights.row(r) + i, d.weights.row(r + 1) + i, nullptr);
    panel::store_two(gradient[0], gradient[1], d.gradients.row(r) + i, d.gradients.row(r + 1) + i,
                     d.pairs.row(r / 2) + i);
  }
}

/// to <- s_i from_i, rounded
template <class Scales> void put_rows(MatrixRef<const float> from, MatrixRef<bf16> to, Scales s) {
  using V = Lanes<float>;
  for (index_t i = 0; i < to.rows; ++i)
    for (index_t j = 0; j < to.cols; j += V::width)
      store(to.row(i) + j, to.cols - j, load<V>(from.row(i) + j, V::width) * V(s(i)));
}

}  // namespace detail

template <class Products>
void attention_forward_by(const std::shared_ptr<Pool>& pool, const AttentionCall<bf16, float>& c) {
  const auto& s = c.shape;
  detail::each_task(s, c.offsets, [&](index_t begin, index_t n, index_t g) {
    const index_t group = s.heads / s.kv_heads, all = c.before + n, block = detail::panel_rows;
    detail::OnDesk<detail::ForwardDesk> desk(pool, n, all, s.head_dim);
    const Products products;
    const MatrixRef<bf16> keys = desk->rows.slice(0, desk->weights.cols);
    panel::copy(detail::part(c.k, begin, all, g, s.head_dim), keys);
    panel::transpose(keys, desk->keys);
    panel::copy(detail::part(c.v, begin, all, g, s.head_dim), keys);
    panel::interleave(keys, desk->values);
    for (index_t h = g * group; h < (g + 1) * group; ++h) {
      const MatrixRef<bf16> queries = desk->rows.slice(0, panel::whole(n, block));
      panel::copy(detail::part(c.q, begin, n, h, s.head_dim), queries);
      const auto o = detail::part(c.o, begin, n, h, s.head_dim);
      float* lse = c.lse + h * c.q.rows + begin;
      for (index_t i = 0; i < n; i += block) {
        const index_t rows = std::min(block, n - i), at = c.before + i,
                      low = s.first_seen(at) / block * block, end = s.causal ? at + rows : all,
                      width = panel::whole(end - low, block), tiles = panel::whole(rows, panel::side);
        const auto scores = desk->scores.slice(0, tiles).columns(0, width);
        const auto weights = desk->weights.slice(0, tiles).columns(0, width);
        const auto out = desk->out.slice(0, tiles);
        products.product(queries.slice(i, tiles), desk->keys.columns(low, width), false, scores);
        float inverse[detail::panel_rows] = {};
        for (index_t r = 0; r < tiles; ++r) {
          if (r >= rows) {
            std::fill(weights.row(r), weights.row(r) + width, bf16());
            continue;
          }
          const auto e = detail::exponentials(scores.row(r), s.first_seen(at + r) - low,
                                              (s.causal ? at + r + 1 : all) - low, width,
                                              static_cast<float>(s.scale * detail::log2_e), weights.row(r));
          lse[i + r] = e.top * static_cast<float>(detail::log_2) + std::log(e.total);
          inverse[r] = 1 / e.total;
        }
        products.product(weights, desk->values.slice(low / 2, width / 2), false, out);
        detail::put_rows(out, o.slice(i, rows), [&](index_t r) { return inverse[r]; });
      }
    }
  });
}

template <class Products>
void attention_backward_by(const std::shared_ptr<Pool>& pool, const AttentionGradientCall<bf16, float>& c) {
  const auto& s = c.shape;
  detail::each_task(s, c.offsets, [&](index_t begin, index_t n, index_t g) {
    const index_t group = s.heads / s.kv_heads, dim = s.head_dim, block = detail::panel_rows;
    const auto scale = static_cast<float>(s.scale);
    detail::OnDesk<detail::BackwardDesk> d(pool, n, dim);
    const Products products;
    panel::copy(detail::part(c.k, begin, n, g, dim), d->keys);
    panel::copy(detail::part(c.v, begin, n, g, dim), d->values);
    panel::transpose(d->keys, d->turned_queries);
    panel::split(d->turned_queries, d->turned_keys);
    for (index_t h = g * group; h < (g + 1) * group; ++h) {
      const auto up = detail::part(c.d_o, begin, n, h, dim), o = detail::part(c.o, begin, n, h, dim);
      panel::copy(detail::part(c.q, begin, n, h, dim), d->rows);
      panel::transpose(d->rows, d->turned_queries);
      panel::interleave(d->rows, d->queries);
      panel::copy(up, d->rows);
      panel::transpose(d->rows, d->turned_up);
      panel::interleave(d->rows, d->up);
      const float* lse = c.lse + h * c.q.rows + begin;
      for (index_t i = 0; i < d->rows.rows; ++i) {
        d->lse[i] = i < n ? lse[i] * static_cast<float>(detail::log2_e) : 0;
        d->mean[i] = i < n ? row::head_dot<float>(up.row(i), o.row(i), dim) : 0;
      }
      bool adds = s.window != 0;
      if (adds)  // no block is seen by every query
        for (index_t i = 0; i < d->turned_dq.rows; ++i)
          std::fill(d->turned_dq.row(i), d->turned_dq.row(i) + d->turned_dq.cols, 0.f);
      for (index_t j = 0; j < n; j += block) {
        const index_t first = s.causal ? j : 0,
                      last = s.causal ? s.last_seeing(std::min(j + block, n) - 1, n) : n,
                      width = panel::whole(last - first, block);
        const auto part = [&](const auto& m) { return m.columns(0, width); };
        products.product(d->keys.slice(j, block), d->turned_queries.columns(first, width), false,
                         part(d->scores));
        products.product(d->values.slice(j, block), d->turned_up.columns(first, width), false,
                         part(d->by_score));
        for (index_t r = 0; r < block; r += 2) {
          const auto seen = [&](index_t key) {
            return key >= n ? detail::Seen{0, 0}
                            : detail::Seen{s.causal ? key : 0, s.causal ? s.last_seeing(key, n) : n};
          };
          detail::weigh_two(*d, r, {seen(j + r), seen(j + r + 1)}, first, width, scale);
        }
        const bool more = h > g * group;
        products.product(part(d->weights), d->up.slice(first / 2, width / 2), more, d->dv.slice(j, block));
        products.product(part(d->gradients), d->queries.slice(first / 2, width / 2), more,
                         d->dk.slice(j, block));
        products.product(d->turned_keys.columns(j, block), part(d->pairs), adds,
                         d->turned_dq.columns(first, width));
        adds = true;
      }
      panel::turn_back(d->turned_dq, detail::part(c.dq, begin, n, h, dim), d->room.data);
    }
    const auto once = [](index_t) { return 1.f; };
    detail::put_rows(d->dk, detail::part(c.dk, begin, n, g, dim), once);
    detail::put_rows(d->dv, detail::part(c.dv, begin, n, g, dim), once);
  });
}

}  // namespace lorica::cpu
