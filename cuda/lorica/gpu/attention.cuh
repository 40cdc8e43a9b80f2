// SPDX-License-Identifier: MIT
/// @file lorica/gpu/attention.cuh
/// Ragged attention in tiles: a block of threads does some rows of one sequence and head, and goes over the
/// keys they see a tile at a time, by a running maximum and sum (Milakov and Gimelshein 2018; Dao et al.
/// 2022). No matrix of rows by rows is ever in the device's memory; backward the probabilities are computed
/// again, once by rows for dq and once by keys for dk and dv, and nobody adds to what another block writes.
/// Of bf16 tensor cores multiply; sums, maxima and exponentials are float.
#pragma once

#include <lorica/core/attention.hpp>
#include <lorica/core/block.hpp>
#include <lorica/gpu/launch.cuh>
#include <lorica/gpu/patches.cuh>

#include <algorithm>
#include <type_traits>
#include <vector>

namespace lorica::gpu::detail {

/// What a block keeps of q, k, v and dO, and of the probabilities it multiplies them with: what tensor cores
/// take, where the numbers come so; else M.
template <class T, class M>
using held_t = std::conditional_t<std::is_same_v<T, bf16> && std::is_same_v<M, float>, bf16, M>;

/// Rows of a tile, so that what a block holds fits the memory of a multiprocessor.
template <class T, class M> constexpr index_t tile_side(index_t head_dim) {
  if (std::is_same_v<held_t<T, M>, bf16>) return head_dim <= 128 ? 64 : 32;
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

/// A tile: its sequence begins and ends there, its first row, how many.
struct Tile {
  index_t begin, end, first, count;
};
struct Range {
  index_t first, last;  // one beyond
};

/// What the three kernels have in common. Index t * heads + h: tile t, head h.
template <class T, class M> struct Tiles {
  using Held = held_t<T, M>;
  static constexpr bool by_cores = std::is_same_v<Held, bf16>;
  static constexpr M unseen = M(-3e38f);
  AttentionShape shape;
  const std::int32_t* tile;  // [tiles, 4]
  index_t side, rows;        // of a tile; of the batch
  index_t before = 0;        // rows of k and v before the first that asks

  /// n, or what tensor cores read of it.
  LORICA_HD static index_t whole(index_t n) { return by_cores ? (n + 15) / 16 * 16 : n; }
  /// Rows stand apart so that those a warp reads at once are in different banks: a column of single numbers;
  /// for tensor cores eight rows of four pairs.
  LORICA_HD index_t ld() const { return by_cores ? whole(shape.head_dim) + 8 : shape.head_dim | 1; }
  LORICA_HD index_t ld_sum() const { return shape.head_dim | 1; }
  LORICA_HD index_t lp() const { return side | 1; }
  LORICA_HD index_t lw() const { return by_cores ? side + 8 : lp(); }
  LORICA_HD index_t group() const { return shape.heads / shape.kv_heads; }
  LORICA_HD Tile of(index_t t) const {
    const std::int32_t* p = tile + 4 * t;
    return {p[0], p[1], p[2], p[3]};
  }
  /// The rows of k that some row of a tile sees.
  LORICA_HD Range keys_of(const Tile& t) const {
    const index_t place = before + t.first - t.begin;
    return {t.begin + shape.first_seen(place), shape.causal ? t.begin + place + t.count : before + t.end};
  }
  /// The rows of q that see some row of a tile.
  LORICA_HD Range asking(const Tile& t) const {
    return {shape.causal ? t.first : t.begin,
            t.begin + shape.last_seeing(t.first + t.count - 1 - t.begin, t.end - t.begin)};
  }
  /// Whether row i of the batch sees row j of k, in the sequence of a tile.
  LORICA_HD bool sees(index_t i, index_t j, const Tile& t) const {
    const index_t place = before + i - t.begin;
    return j >= t.begin + shape.first_seen(place) &&
           j < (shape.causal ? t.begin + place + 1 : before + t.end);
  }
  /// Rows first .. first + count of x, columns of one head, and zeros around them.
  LORICA_HD void read(Held* to, MatrixRef<const T> x, index_t first, index_t count, index_t head) const {
    const auto dim = static_cast<int>(shape.head_dim), wide = static_cast<int>(whole(dim));
    const auto all = static_cast<int>(whole(count)) * wide, threads = static_cast<int>(block::threads());
    for (auto e = static_cast<int>(block::thread()); e < all; e += threads) {
      const int r = e / wide, d = e % wide;
      to[r * ld() + d] = r < count && d < dim ? convert<Held>(x.row(first + r)[head * dim + d]) : Held{};
    }
  }
  LORICA_HD void write(MatrixRef<T> x, const M* from, index_t first, index_t count, index_t head, M s) const {
    const auto dim = static_cast<int>(shape.head_dim), threads = static_cast<int>(block::threads());
    for (auto e = static_cast<int>(block::thread()); e < static_cast<int>(count) * dim; e += threads) {
      const int r = e / dim, d = e % dim;
      x.row(first + r)[head * dim + d] = convert<T>(s * from[r * ld_sum() + d]);
    }
  }
  template <class E> LORICA_HD static void clear(E* x, index_t n) {
    for (index_t e = block::thread(); e < n; e += block::threads()) x[e] = E{};
  }
  LORICA_HD View<Held> by_row(const Held* x) const { return {x, ld()}; }
  LORICA_HD View<Held, true> by_col(const Held* x) const { return {x, ld()}; }
};

/// The memory of a block, handed out: tiles of rows as they are held, sums, and probabilities, by query and
/// key, once as they are computed and once as they are held, which may be the same.
template <class T, class M> struct TileRoom {
  using Held = held_t<T, M>;
  Tiles<T, M> at;
  index_t tiles, sums, numbers;  // how many there are of each
  LORICA_HD index_t of_rows() const { return at.side * at.ld(); }
  /// Room of its own for probabilities as they are held; 0 where they are what was computed.
  LORICA_HD index_t of_held() const { return at.by_cores ? at.side * at.lw() : 0; }
  LORICA_HD index_t of_sums() const { return at.side * at.ld_sum(); }
  LORICA_HD std::size_t held_bytes() const {
    return static_cast<std::size_t>(tiles * of_rows() + of_held()) * sizeof(Held);
  }
  LORICA_HD std::size_t bytes() const {
    return held_bytes() +
           static_cast<std::size_t>(at.side * at.lp() + sums * of_sums() + numbers * at.side) * sizeof(M);
  }
  LORICA_HD Held* rows(index_t i) const { return block::memory<Held>() + i * of_rows(); }
  LORICA_HD M* probabilities() const { return reinterpret_cast<M*>(block::memory<char>() + held_bytes()); }
  LORICA_HD Held* held() const {
    if constexpr (Tiles<T, M>::by_cores)
      return rows(tiles);
    else
      return probabilities();
  }
  LORICA_HD M* sum(index_t i) const { return probabilities() + at.side * at.lp() + i * of_sums(); }
  LORICA_HD M* number(index_t i) const { return sum(sums) + i * at.side; }
};

template <class T, class M> struct AttendTile {
  using Held = held_t<T, M>;
  Tiles<T, M> at;
  MatrixRef<const T> q, k, v;
  MatrixRef<T> o;
  M* lse;  // [heads, rows]

  LORICA_HD TileRoom<T, M> room() const { return {at, 3, 1, 3}; }
  [[nodiscard]] std::size_t bytes() const { return room().bytes(); }
  LORICA_HD void operator()(index_t index) const {
    const index_t h = index % at.shape.heads, g = h / at.group(), side = at.side, dim = at.shape.head_dim,
                  lp = at.lp(), lw = at.lw();
    const Tile t = at.of(index / at.shape.heads);
    const auto room = this->room();
    Held *const qs = room.rows(0), *const ks = room.rows(1), *const vs = room.rows(2), *const w = room.held();
    M *const p = room.probabilities(), *const os = room.sum(0), *const top = room.number(0),
             *const total = room.number(1), *const shrink = room.number(2);
    at.read(qs, q, t.first, t.count, h);
    at.clear(os, room.of_sums());
    at.clear(w, room.of_held());
    for (index_t i = block::thread(); i < side; i += block::threads()) {
      top[i] = at.unseen;
      total[i] = M(0);
    }
    const Range seen = at.keys_of(t);
    for (index_t from = seen.first; from < seen.last; from += side) {
      const index_t keys = side < seen.last - from ? side : seen.last - from;
      block::wait();  // whoever still reads the last tile
      at.read(ks, k, from, keys, g);
      at.read(vs, v, from, keys, g);
      block::wait();
      patches(t.count, keys, dim, at.by_row(qs), at.by_col(ks), [&](index_t i, index_t j, M s) {
        p[i * lp + j] = at.sees(t.first + i, from + j, t) ? s * M(at.shape.scale) : at.unseen;
      });
      block::wait();
      soften(p, w, t.count, keys, top, total, shrink);
      block::wait();
      patches(t.count, dim, keys, View<Held>{w, lw}, at.by_row(vs), [&](index_t i, index_t d, M s) {
        M& out = os[i * at.ld_sum() + d];
        out = out * shrink[i] + s;
      });
    }
    block::wait();
    for (index_t e = block::thread(); e < t.count * dim; e += block::threads()) {
      const index_t i = e / dim, d = e % dim;
      o.row(t.first + i)[h * dim + d] = convert<T>(os[i * at.ld_sum() + d] / total[i]);
    }
    using std::log;
    for (index_t i = block::thread(); i < t.count; i += block::threads())
      lse[h * at.rows + t.first + i] = top[i] + log(total[i]);
  }

 private:
  /// Scores to exponentials below the running maximum, and how much all before them shrinks: some
  /// neighbouring threads a row.
  LORICA_HD void soften(M* p, Held* w, index_t count, index_t keys, M* top, M* total, M* shrink) const {
    index_t width = 1;
    while (2 * width <= warp_threads && block::threads() % (2 * width) == 0 &&
           2 * width * count <= block::threads())
      width *= 2;
    const index_t part = block::thread() % width, at_once = block::threads() / width;
    for (index_t i0 = 0; i0 < count; i0 += at_once) {
      const index_t i = i0 + block::thread() / width;
      const bool mine = i < count;
      M* const row = p + (mine ? i : 0) * at.lp();
      M most = mine ? top[i] : at.unseen;
      const M before = most;
      if (mine)
        for (index_t j = part; j < keys; j += width) most = row[j] > most ? row[j] : most;
      most = block::over_neighbours(most, width, lorica::detail::Larger{});
      M sum = M(0);
      if (mine)
        for (index_t j = part; j < keys; j += width) {
          const M e = row[j] > at.unseen ? math::exp(row[j] - most) : M(0);
          w[i * at.lw() + j] = convert<Held>(e);
          sum += e;
        }
      sum = block::over_neighbours(sum, width, lorica::detail::Plus{});
      if (mine && part == 0) {
        shrink[i] = math::exp(before - most);
        total[i] = total[i] * shrink[i] + sum;
        top[i] = most;
      }
    }
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
  using Held = held_t<T, M>;
  Tiles<T, M> at;
  MatrixRef<const T> q, k, v, d_o;
  const M *lse, *mean;  // [heads, rows]
  MatrixRef<T> dq;

  LORICA_HD TileRoom<T, M> room() const { return {at, 4, 1, 0}; }
  [[nodiscard]] std::size_t bytes() const { return room().bytes(); }
  LORICA_HD void operator()(index_t index) const {
    const index_t h = index % at.shape.heads, g = h / at.group(), side = at.side, dim = at.shape.head_dim,
                  lp = at.lp(), lw = at.lw();
    const Tile t = at.of(index / at.shape.heads);
    const auto room = this->room();
    Held *const qs = room.rows(0), *const ks = room.rows(1), *const vs = room.rows(2),
                *const up = room.rows(3), *const w = room.held();
    M *const p = room.probabilities(), *const out = room.sum(0);
    at.read(qs, q, t.first, t.count, h);
    at.read(up, d_o, t.first, t.count, h);
    at.clear(out, room.of_sums());
    at.clear(w, room.of_held());
    const M *const of_row = lse + h * at.rows + t.first, *const mean_of = mean + h * at.rows + t.first;
    const Range seen = at.keys_of(t);
    for (index_t from = seen.first; from < seen.last; from += side) {
      const index_t keys = side < seen.last - from ? side : seen.last - from;
      block::wait();
      at.read(ks, k, from, keys, g);
      at.read(vs, v, from, keys, g);
      block::wait();
      patches(t.count, keys, dim, at.by_row(qs), at.by_col(ks), [&](index_t i, index_t j, M s) {
        const bool counts = at.sees(t.first + i, from + j, t);
        p[i * lp + j] = counts ? math::exp(s * M(at.shape.scale) - of_row[i]) : M(0);
      });
      // The same threads have the same elements of p: no need to wait.
      patches(t.count, keys, dim, at.by_row(up), at.by_col(vs), [&](index_t i, index_t j, M s) {
        w[i * lw + j] = convert<Held>(p[i * lp + j] * (s - mean_of[i]));
      });
      block::wait();
      patches(t.count, dim, keys, View<Held>{w, lw}, at.by_row(ks),
              [&](index_t i, index_t d, M s) { out[i * at.ld_sum() + d] += s; });
    }
    block::wait();
    at.write(dq, out, t.first, t.count, h, M(at.shape.scale));
  }
};

/// dk and dv of a tile of rows. Index t * kv_heads + g.
template <class T, class M> struct AttendTileByKey {
  using Held = held_t<T, M>;
  Tiles<T, M> at;
  MatrixRef<const T> q, k, v, d_o;
  const M *lse, *mean;  // [heads, rows]
  MatrixRef<T> dk, dv;

  LORICA_HD TileRoom<T, M> room() const { return {at, 4, 2, 0}; }
  [[nodiscard]] std::size_t bytes() const { return room().bytes(); }
  LORICA_HD void operator()(index_t index) const {
    const index_t g = index % at.shape.kv_heads, side = at.side, dim = at.shape.head_dim, lp = at.lp(),
                  lw = at.lw();
    const Tile t = at.of(index / at.shape.kv_heads);
    const auto room = this->room();
    Held *const ks = room.rows(0), *const vs = room.rows(1), *const qs = room.rows(2),
                *const up = room.rows(3), *const w = room.held();
    M *const p = room.probabilities(), *const by_key = room.sum(0), *const by_value = room.sum(1);
    at.read(ks, k, t.first, t.count, g);
    at.read(vs, v, t.first, t.count, g);
    at.clear(by_key, 2 * room.of_sums());
    at.clear(w, room.of_held());
    // Row i of p is one that asks, column j one that is seen.
    const Range sees = at.asking(t);
    for (index_t h = g * at.group(); h < (g + 1) * at.group(); ++h)
      for (index_t from = sees.first; from < sees.last; from += side) {
        const index_t asking = side < sees.last - from ? side : sees.last - from;
        const M *const of_row = lse + h * at.rows + from, *const mean_of = mean + h * at.rows + from;
        block::wait();
        at.read(qs, q, from, asking, h);
        at.read(up, d_o, from, asking, h);
        block::wait();
        patches(asking, t.count, dim, at.by_row(qs), at.by_col(ks), [&](index_t i, index_t j, M s) {
          const bool counts = at.sees(from + i, t.first + j, t);
          p[i * lp + j] = counts ? math::exp(s * M(at.shape.scale) - of_row[i]) : M(0);
          w[i * lw + j] = convert<Held>(p[i * lp + j]);
        });
        block::wait();
        patches(t.count, dim, asking, View<Held, true>{w, lw}, at.by_row(up),
                [&](index_t j, index_t d, M s) { by_value[j * at.ld_sum() + d] += s; });
        block::wait();
        patches(asking, t.count, dim, at.by_row(up), at.by_col(vs), [&](index_t i, index_t j, M s) {
          w[i * lw + j] = convert<Held>(p[i * lp + j] * (s - mean_of[i]));
        });
        block::wait();
        patches(t.count, dim, asking, View<Held, true>{w, lw}, at.by_row(qs),
                [&](index_t j, index_t d, M s) { by_key[j * at.ld_sum() + d] += s; });
      }
    block::wait();
    at.write(dk, by_key, t.first, t.count, g, M(at.shape.scale));
    at.write(dv, by_value, t.first, t.count, g, M(1));
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
