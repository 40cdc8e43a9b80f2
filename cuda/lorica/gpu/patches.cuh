// SPDX-License-Identifier: MIT
/// @file lorica/gpu/patches.cuh
/// A small product by all threads of a block: each takes patches of 4 x 4 numbers, so that what it reads from
/// shared memory serves four times. Of bf16 a warp takes patches of 16 x 32, by tensor cores.
#pragma once

#include <lorica/gpu/tensor_cores.cuh>

#include <type_traits>

namespace lorica::gpu::detail {

/// A matrix in the memory of a block, its rows `ld` apart, or (turned) the transpose of one.
template <class E, bool turned = false> struct View {
  using value_type = E;
  const E* data;
  index_t ld;
  LORICA_HD E operator()(index_t i, index_t j) const { return turned ? data[j * ld + i] : data[i * ld + j]; }
  LORICA_HD View<E, !turned> transpose() const { return {data, ld}; }
  /// Elements (i, j) and (i, j + 1); ld and j are even.
  LORICA_HD Pair pair(index_t i, index_t j) const {
    if constexpr (turned) {
      return Pair::of((*this)(i, j), (*this)(i, j + 1));
    } else {
#if defined(__CUDA_ARCH__)
      return *reinterpret_cast<const Pair*>(data + i * ld + j);
#else
      return Pair::of((*this)(i, j), (*this)(i, j + 1));
#endif
    }
  }
};

/// a b + c, on a device in one: our programs are built so that the compiler fuses nothing of its own accord.
template <class M> LORICA_HD M multiply_add(M a, M b, M c) {
#if defined(__CUDA_ARCH__)
  return fma(a, b, c);
#else
  return a * b + c;
#endif
}

/// Threads of a block, in turn, a patch of 4 x 4 each, its rows apart so that neighbouring threads read
/// neighbours.
template <class A, class B, class F>
LORICA_HD void patches_by_threads(index_t m, index_t n, index_t depth, A a, B b, F take) {
  using M = arithmetic_t<typename A::value_type>;
  constexpr index_t side = 4;
  const index_t down = (m + side - 1) / side, across = (n + side - 1) / side;
  for (index_t patch = block::thread(); patch < down * across; patch += block::threads()) {
    const index_t i0 = patch / across, j0 = patch % across;
    M sum[side][side] = {};
    index_t i[side], j[side];  // beyond the end: the last one again, whose sum nobody takes
    for (index_t s = 0; s < side; ++s) {
      i[s] = i0 + s * down < m ? i0 + s * down : m - 1;
      j[s] = j0 + s * across < n ? j0 + s * across : n - 1;
    }
    for (index_t l = 0; l < depth; ++l) {
      M x[side], y[side];
      for (index_t s = 0; s < side; ++s) x[s] = convert<M>(a(i[s], l));
      for (index_t s = 0; s < side; ++s) y[s] = convert<M>(b(l, j[s]));
      for (index_t s = 0; s < side; ++s)
        for (index_t t = 0; t < side; ++t) sum[s][t] = multiply_add(x[s], y[t], sum[s][t]);
    }
    for (index_t s = 0; s < side; ++s)
      for (index_t t = 0; t < side; ++t)
        if (i0 + s * down < m && j0 + t * across < n) take(i0 + s * down, j0 + t * across, sum[s][t]);
  }
}

/// Warps of a block, in turn, a patch of 16 x 32 each.
template <class A, class B, class F>
LORICA_HD void patches_by_warps(index_t m, index_t n, index_t depth, A a, B b, F take) {
  constexpr index_t rows = 16, cols = 8, strips = 4;
  const index_t lane = block::thread() % warp_threads, warps = block::threads() / warp_threads;
  const index_t down = (m + rows - 1) / rows, across = (n + strips * cols - 1) / (strips * cols);
  for (index_t patch = block::thread() / warp_threads; patch < down * across; patch += warps) {
    const index_t i0 = patch / across * rows, j0 = patch % across * strips * cols;
    float sum[strips][4] = {};
    for (index_t l = 0; l < depth; l += rows) {
      Pair x[4];
      for (index_t p = 0; p < 4; ++p) {
        const Place at = left_place(lane, p);
        x[p] = a.pair(i0 + at.row, l + at.col);
      }
      for (index_t s = 0; s < strips; ++s) {
        if (j0 + s * cols < n) {
          Pair y[2];
          for (index_t p = 0; p < 2; ++p) {
            const Place at = right_place(lane, p);
            y[p] = b.transpose().pair(j0 + s * cols + at.col, l + at.row);
          }
          multiply_add(x, y, sum[s]);
        }
      }
    }
    for (index_t s = 0; s < strips; ++s)
      for (index_t e = 0; e < 4; ++e) {
        const Place at = product_place(lane, e);
        const index_t i = i0 + at.row, j = j0 + s * cols + at.col;
        if (i < m && j < n) take(i, j, sum[s][e]);
      }
  }
}

/// take(i, j, sum_l a(i, l) b(l, j)) for i < m, j < n, each by one thread: the same for every call with this
/// m and n. Of bf16, where there are warps: memory goes on to multiples of 16 rows, columns and depth, and
/// beyond `depth` one operand is zero, the other finite.
template <class A, class B, class F>
LORICA_HD void patches(index_t m, index_t n, index_t depth, A a, B b, F take) {
  if constexpr (std::is_same_v<typename A::value_type, bf16>) {
    if (block::threads() % warp_threads == 0) return patches_by_warps(m, n, depth, a, b, take);
  }
  patches_by_threads(m, n, depth, a, b, take);
}

}  // namespace lorica::gpu::detail
