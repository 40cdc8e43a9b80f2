// SPDX-License-Identifier: MIT
/// @file lorica/gpu/attention.cuh
/// Ragged attention in tiles: a block of threads does some rows of one sequence and head, and goes over the
/// keys they see a tile at a time, by a running maximum and sum (Milakov and Gimelshein 2018; Dao et al.
/// 2022). No matrix of rows by rows is ever in the device's memory; backward the probabilities are computed
/// again, once by rows for dq and once by keys for dk and dv, and nobody adds to what another block writes.
#pragma once

#include <lorica/core/attention.hpp>
#include <lorica/core/block.hpp>
#include <lorica/gpu/launch.cuh>
#include <lorica/gpu/patches.cuh>

#include <algorithm>
#include <vector>

namespace lorica::gpu::detail {

/// Rows of a tile, so that what a block holds fits the memory of a multiprocessor.
template <class M> constexpr index_t tile_side(index_t head_dim) {
  const index_t bytes = head_dim * static_cast<index_t>(sizeof(M));
  return bytes <= 256 ? 64 : bytes <= 512 ? 32 : bytes <= 1024 ? 16 : 8;
}
/// [tiles, 4]: where the sequence begins and ends, the tile's first row, its rows.
inline std::vector<std::int32_t> tiles_of(std::span<const index_t> offsets, index_t side) {
  std::vector<std::int32_t> t;
  for (std::size_t s = 0; s + 1 < offsets.size(); ++s)
    for (index_t first = offsets[s]; first < offsets[s + 1]; first += side)
      for (const index_t v : {offsets[s], offsets[s + 1], first, std::min(side, offsets[s + 1] - first)})
        t.push_back(static_cast<std::int32_t>(v));
  return t;
}

/// What the three kernels have in common. Index t * heads + h: tile t, head h.
template <class T, class M> struct Tiles {
  static constexpr M unseen = M(-3e38f);
  AttentionShape shape;
  const std::int32_t* tile;  // [tiles, 4]
  index_t side, rows;        // of a tile; of the batch
  index_t before = 0;        // rows of k and v before the first that asks

  /// Rows of a tile stand apart by an odd number, so that a column of them is in all banks.
  LORICA_HD index_t ld() const { return shape.head_dim | 1; }
  LORICA_HD index_t lp() const { return side | 1; }
  LORICA_HD index_t of_rows() const { return side * ld(); }
  LORICA_HD index_t group() const { return shape.heads / shape.kv_heads; }
  /// Whether row i of the batch sees row j of k, in a sequence that begins and ends there.
  LORICA_HD bool sees(index_t i, index_t j, index_t begin, index_t end) const {
    const index_t place = before + i - begin;
    return j >= begin + shape.first_seen(place) && j < (shape.causal ? begin + place + 1 : before + end);
  }
  /// Rows first .. first + count of x, columns of one head, times s.
  LORICA_HD void read(M* to, MatrixRef<const T> x, index_t first, index_t count, index_t head,
                      M s = M(1)) const {
    const index_t dim = shape.head_dim;
    for (index_t e = block::thread(); e < count * dim; e += block::threads()) {
      const index_t r = e / dim, d = e % dim;
      to[r * ld() + d] = s * convert<M>(x.row(first + r)[head * dim + d]);
    }
  }
  LORICA_HD void write(MatrixRef<T> x, const M* from, index_t first, index_t count, index_t head, M s) const {
    const index_t dim = shape.head_dim;
    for (index_t e = block::thread(); e < count * dim; e += block::threads()) {
      const index_t r = e / dim, d = e % dim;
      x.row(first + r)[head * dim + d] = convert<T>(s * from[r * ld() + d]);
    }
  }
  LORICA_HD static void clear(M* x, index_t n) {
    for (index_t e = block::thread(); e < n; e += block::threads()) x[e] = M(0);
  }
  LORICA_HD View<M> by_row(const M* x) const { return {x, ld(), 1}; }
  LORICA_HD View<M> by_col(const M* x) const { return {x, 1, ld()}; }
};

template <class T, class M> struct AttendTile {
  Tiles<T, M> at;
  MatrixRef<const T> q, k, v;
  MatrixRef<T> o;
  M* lse;  // [heads, rows]

  [[nodiscard]] std::size_t bytes() const {
    return static_cast<std::size_t>(4 * at.of_rows() + at.side * at.lp() + 3 * at.side) * sizeof(M);
  }
  LORICA_HD void operator()(index_t index) const {
    const index_t h = index % at.shape.heads, side = at.side, dim = at.shape.head_dim, lp = at.lp();
    const std::int32_t* t = at.tile + 4 * (index / at.shape.heads);
    const index_t begin = t[0], end = t[1], first = t[2], count = t[3], g = h / at.group();
    M* const qs = block::memory<M>();
    M *const ks = qs + at.of_rows(), *const vs = ks + at.of_rows(), *const os = vs + at.of_rows(),
             *const p = os + at.of_rows(), *const top = p + side * lp, *const total = top + side,
             *const shrink = total + side;
    at.read(qs, q, first, count, h, M(at.shape.scale));
    at.clear(os, at.of_rows());
    for (index_t i = block::thread(); i < side; i += block::threads()) {
      top[i] = at.unseen;
      total[i] = M(0);
    }
    const index_t place = at.before + first - begin;
    const index_t low = begin + at.shape.first_seen(place);
    const index_t high = at.shape.causal ? begin + place + count : at.before + end;
    for (index_t from = low; from < high; from += side) {
      const index_t keys = side < high - from ? side : high - from;
      block::wait();  // whoever still reads the last tile
      at.read(ks, k, from, keys, g);
      at.read(vs, v, from, keys, g);
      block::wait();
      patches(count, keys, dim, at.by_row(qs), at.by_col(ks), [&](index_t i, index_t j, M s) {
        p[i * lp + j] = at.sees(first + i, from + j, begin, end) ? s : at.unseen;
      });
      block::wait();
      for (index_t i = block::thread(); i < count; i += block::threads()) {
        M most = top[i];
        for (index_t j = 0; j < keys; ++j) most = p[i * lp + j] > most ? p[i * lp + j] : most;
        M sum = M(0);
        for (index_t j = 0; j < keys; ++j) {
          M& e = p[i * lp + j];
          e = e > at.unseen ? math::exp(e - most) : M(0);
          sum += e;
        }
        shrink[i] = math::exp(top[i] - most);
        total[i] = total[i] * shrink[i] + sum;
        top[i] = most;
      }
      block::wait();
      patches(count, dim, keys, View<M>{p, lp, 1}, at.by_row(vs), [&](index_t i, index_t d, M s) {
        M& out = os[i * at.ld() + d];
        out = out * shrink[i] + s;
      });
    }
    block::wait();
    for (index_t e = block::thread(); e < count * dim; e += block::threads()) {
      const index_t i = e / dim, d = e % dim;
      o.row(first + i)[h * dim + d] = convert<T>(os[i * at.ld() + d] / total[i]);
    }
    using std::log;
    for (index_t i = block::thread(); i < count; i += block::threads())
      lse[h * at.rows + first + i] = top[i] + log(total[i]);
  }
};

/// Index i * heads + h: mean[h, i] = dO . O of one row of one head.
template <class T, class M> struct MeanGradient {
  AttentionShape shape;
  MatrixRef<const T> o, d_o;
  M* mean;  // [heads, rows]
  LORICA_HD void operator()(index_t index) const {
    const index_t i = index / shape.heads, h = index % shape.heads, dim = shape.head_dim;
    mean[h * o.rows + i] = row::head_dot<M>(o.row(i) + h * dim, d_o.row(i) + h * dim, dim);
  }
};

/// dq of a tile of rows.
template <class T, class M> struct AttendTileByQuery {
  Tiles<T, M> at;
  MatrixRef<const T> q, k, v, d_o;
  const M *lse, *mean;  // [heads, rows]
  MatrixRef<T> dq;

  [[nodiscard]] std::size_t bytes() const {
    return static_cast<std::size_t>(5 * at.of_rows() + at.side * at.lp()) * sizeof(M);
  }
  LORICA_HD void operator()(index_t index) const {
    const index_t h = index % at.shape.heads, side = at.side, dim = at.shape.head_dim, lp = at.lp();
    const std::int32_t* t = at.tile + 4 * (index / at.shape.heads);
    const index_t begin = t[0], end = t[1], first = t[2], count = t[3], g = h / at.group();
    M* const qs = block::memory<M>();
    M *const ks = qs + at.of_rows(), *const vs = ks + at.of_rows(), *const up = vs + at.of_rows(),
             *const out = up + at.of_rows(), *const p = out + at.of_rows();
    at.read(qs, q, first, count, h, M(at.shape.scale));
    at.read(up, d_o, first, count, h);
    at.clear(out, at.of_rows());
    const M *const of_row = lse + h * at.rows + first, *const mean_of = mean + h * at.rows + first;
    const index_t low = begin + at.shape.first_seen(first - begin);
    const index_t high = at.shape.causal ? first + count : end;
    for (index_t from = low; from < high; from += side) {
      const index_t keys = side < high - from ? side : high - from;
      block::wait();
      at.read(ks, k, from, keys, g);
      at.read(vs, v, from, keys, g);
      block::wait();
      patches(count, keys, dim, at.by_row(qs), at.by_col(ks), [&](index_t i, index_t j, M s) {
        const bool seen = at.sees(first + i, from + j, begin, end);
        p[i * lp + j] = seen ? math::exp(s - of_row[i]) : M(0);
      });
      // The same threads have the same elements of p: no need to wait.
      patches(count, keys, dim, at.by_row(up), at.by_col(vs),
              [&](index_t i, index_t j, M s) { p[i * lp + j] *= s - mean_of[i]; });
      block::wait();
      patches(count, dim, keys, View<M>{p, lp, 1}, at.by_row(ks),
              [&](index_t i, index_t d, M s) { out[i * at.ld() + d] += s; });
    }
    block::wait();
    at.write(dq, out, first, count, h, M(at.shape.scale));
  }
};

/// dk and dv of a tile of rows. Index t * kv_heads + g.
template <class T, class M> struct AttendTileByKey {
  Tiles<T, M> at;
  MatrixRef<const T> q, k, v, d_o;
  const M *lse, *mean;  // [heads, rows]
  MatrixRef<T> dk, dv;

  [[nodiscard]] std::size_t bytes() const {
    return static_cast<std::size_t>(6 * at.of_rows() + at.side * at.lp()) * sizeof(M);
  }
  LORICA_HD void operator()(index_t index) const {
    const index_t g = index % at.shape.kv_heads, side = at.side, dim = at.shape.head_dim, lp = at.lp();
    const std::int32_t* t = at.tile + 4 * (index / at.shape.kv_heads);
    const index_t begin = t[0], end = t[1], first = t[2], count = t[3];
    M* const ks = block::memory<M>();
    M *const vs = ks + at.of_rows(), *const qs = vs + at.of_rows(), *const up = qs + at.of_rows(),
             *const by_key = up + at.of_rows(), *const by_value = by_key + at.of_rows(),
             *const p = by_value + at.of_rows();
    at.read(ks, k, first, count, g);
    at.read(vs, v, first, count, g);
    at.clear(by_key, 2 * at.of_rows());
    // Row i of p is one that asks, column j one that is seen.
    const index_t low = at.shape.causal ? first : begin;
    const index_t high = begin + at.shape.last_seeing(first + count - 1 - begin, end - begin);
    for (index_t h = g * at.group(); h < (g + 1) * at.group(); ++h)
      for (index_t from = low; from < high; from += side) {
        const index_t asking = side < high - from ? side : high - from;
        const M *const of_row = lse + h * at.rows + from, *const mean_of = mean + h * at.rows + from;
        block::wait();
        at.read(qs, q, from, asking, h, M(at.shape.scale));
        at.read(up, d_o, from, asking, h);
        block::wait();
        patches(asking, count, dim, at.by_row(qs), at.by_col(ks), [&](index_t i, index_t j, M s) {
          const bool seen = at.sees(from + i, first + j, begin, end);
          p[i * lp + j] = seen ? math::exp(s - of_row[i]) : M(0);
        });
        block::wait();
        patches(count, dim, asking, View<M>{p, 1, lp}, at.by_row(up),
                [&](index_t j, index_t d, M s) { by_value[j * at.ld() + d] += s; });
        block::wait();
        patches(asking, count, dim, at.by_row(up), at.by_col(vs),
                [&](index_t i, index_t j, M s) { p[i * lp + j] *= s - mean_of[i]; });
        block::wait();
        patches(count, dim, asking, View<M>{p, 1, lp}, at.by_row(qs),
                [&](index_t j, index_t d, M s) { by_key[j * at.ld() + d] += s; });
      }
    block::wait();
    at.write(dk, by_key, first, count, g, M(1));
    at.write(dv, by_value, first, count, g, M(1));
  }
};

/// The tiles of a batch, where a device can read them: all layers of a step ask for the same.
template <template <class> class Buffer> struct TileTable {
  std::vector<index_t> offsets;
  index_t side = 0, count = 0;
  Buffer<std::int32_t> device;  // [count, 4]

  [[nodiscard]] bool serves(std::span<const index_t> of, index_t with) const {
    return with == side && std::ranges::equal(of, offsets);
  }
};

/// o and lse, by launch(blocks, bytes of shared memory, functor).
template <class T, class M, class Table, class Launch>
void attention(const AttentionCall<T, M>& c, const Table& tiles, const Launch& launch) {
  const Tiles<T, M> at{c.shape, tiles.device.data(), tiles.side, c.q.rows, c.before};
  launch(tiles.count * c.shape.heads, AttendTile<T, M>{at, c.q, c.k, c.v, c.o, c.lse});
}
/// dq, dk and dv; mean [heads, rows] is room.
template <class T, class M, class Table, class Launch>
void attention_gradient(const AttentionGradientCall<T, M>& c, const Table& tiles, M* mean,
                        const Launch& launch) {
  const Tiles<T, M> at{c.shape, tiles.device.data(), tiles.side, c.q.rows};
  for_each_index(c.q.rows * c.shape.heads, MeanGradient<T, M>{c.shape, c.o, c.d_o, mean});
  launch(tiles.count * c.shape.heads, AttendTileByQuery<T, M>{at, c.q, c.k, c.v, c.d_o, c.lse, mean, c.dq});
  launch(tiles.count * c.shape.kv_heads,
         AttendTileByKey<T, M>{at, c.q, c.k, c.v, c.d_o, c.lse, mean, c.dk, c.dv});
}

}  // namespace lorica::gpu::detail
