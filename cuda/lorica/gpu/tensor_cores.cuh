// SPDX-License-Identifier: MIT
/// @file lorica/gpu/tensor_cores.cuh
/// The product of a device's tensor cores, by the 32 threads of a warp together, and which numbers of it each
/// thread holds (PTX ISA, mma.m16n8k16 for bf16). On a host the block is the warp.
#pragma once

#include <lorica/core/bf16.hpp>
#include <lorica/core/block.hpp>

namespace lorica::gpu::detail {

inline constexpr index_t warp_threads = 32;

/// Two neighbours of a bf16 matrix, as a register has them.
struct Pair {
  std::uint32_t bits;
  LORICA_HD static Pair of(bf16 first, bf16 second) {
    return {first.bits | static_cast<std::uint32_t>(second.bits) << 16};
  }
  LORICA_HD bf16 operator[](index_t i) const {
    bf16 x;
    x.bits = static_cast<std::uint16_t>(bits >> (16 * i));
    return x;
  }
};
struct Place {
  index_t row, col;
};

/// Pair p of 4 of the left operand, 16 x 16, two neighbours of a row: where the first one is.
LORICA_HD inline Place left_place(index_t lane, index_t p) {
  return {lane / 4 + 8 * (p % 2), 2 * (lane % 4) + 8 * (p / 2)};
}
/// Pair p of 2 of the right operand, 16 x 8, two neighbours of a column.
LORICA_HD inline Place right_place(index_t lane, index_t p) { return {2 * (lane % 4) + 8 * p, lane / 4}; }
/// Number e of 4 of the product, 16 x 8.
LORICA_HD inline Place product_place(index_t lane, index_t e) {
  return {lane / 4 + 8 * (e / 2), 2 * (lane % 4) + e % 2};
}

/// sum <- x y + sum, by all threads of a warp: a lane's numbers of each.
LORICA_HD inline void multiply_add(const Pair (&x)[4], const Pair (&y)[2], float (&sum)[4]) {
#if defined(__CUDA_ARCH__)
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
      : "r"(x[0].bits), "r"(x[1].bits), "r"(x[2].bits), "r"(x[3].bits), "r"(y[0].bits), "r"(y[1].bits));
#else
  const index_t lane = block::thread();
  double* const all = block::host.shared;  // [warp_threads, 6]
  block::wait();
  for (index_t p = 0; p < 4; ++p) all[6 * lane + p] = x[p].bits;
  for (index_t p = 0; p < 2; ++p) all[6 * lane + 4 + p] = y[p].bits;
  block::wait();
  float left[16][16], right[16][8];
  for (index_t of = 0; of < warp_threads; ++of) {
    for (index_t p = 0; p < 4; ++p)
      for (index_t i = 0; i < 2; ++i) {
        const Place at = left_place(of, p);
        left[at.row][at.col + i] = float(Pair{static_cast<std::uint32_t>(all[6 * of + p])}[i]);
      }
    for (index_t p = 0; p < 2; ++p)
      for (index_t i = 0; i < 2; ++i) {
        const Place at = right_place(of, p);
        right[at.row + i][at.col] = float(Pair{static_cast<std::uint32_t>(all[6 * of + 4 + p])}[i]);
      }
  }
  for (index_t e = 0; e < 4; ++e) {
    const Place at = product_place(lane, e);
    for (index_t l = 0; l < 16; ++l) sum[e] += left[at.row][l] * right[l][at.col];
  }
#endif
}

}  // namespace lorica::gpu::detail
