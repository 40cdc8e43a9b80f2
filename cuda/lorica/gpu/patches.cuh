// SPDX-License-Identifier: MIT
/// @file lorica/gpu/patches.cuh
/// A small product by all threads of a block: each takes patches of 4 x 4 numbers, so that what it reads from
/// shared memory serves four times.
#pragma once

#include <lorica/core/block.hpp>

namespace lorica::gpu::detail {

/// A matrix in the memory of a block, or its transpose: element (i, j) lies at i * by_row + j * by_col.
template <class M> struct View {
  const M* data;
  index_t by_row, by_col;
  LORICA_HD M operator()(index_t i, index_t j) const { return data[i * by_row + j * by_col]; }
};

/// a b + c, on a device in one: our programs are built so that the compiler fuses nothing of its own accord.
template <class M> LORICA_HD M multiply_add(M a, M b, M c) {
#if defined(__CUDA_ARCH__)
  return fma(a, b, c);
#else
  return a * b + c;
#endif
}

/// take(i, j, sum_l a(i, l) b(l, j)) for i < m, j < n, each by one thread: the same for every call with this
/// m and n. The rows of a patch lie apart, so that neighbouring threads read neighbours.
template <class M, class F>
LORICA_HD void patches(index_t m, index_t n, index_t depth, View<M> a, View<M> b, F take) {
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
      for (index_t s = 0; s < side; ++s) x[s] = a(i[s], l);
      for (index_t s = 0; s < side; ++s) y[s] = b(l, j[s]);
      for (index_t s = 0; s < side; ++s)
        for (index_t t = 0; t < side; ++t) sum[s][t] = multiply_add(x[s], y[t], sum[s][t]);
    }
    for (index_t s = 0; s < side; ++s)
      for (index_t t = 0; t < side; ++t)
        if (i0 + s * down < m && j0 + t * across < n) take(i0 + s * down, j0 + t * across, sum[s][t]);
  }
}

}  // namespace lorica::gpu::detail
