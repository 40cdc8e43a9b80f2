// SPDX-License-Identifier: MIT
/// @file lorica/cpu/panel.hpp
/// How bf16 lies for matrix registers. The left operand of a product lies in rows; the right one in rows of
/// pairs, two neighbours of a sum in the place of one float. Both are copied into panels of whole tiles, zero
/// beyond what there is.
#pragma once

#include <lorica/core/lanes.hpp>
#include <lorica/core/matrix.hpp>
#include <lorica/cpu/tile.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>

#if defined(__AVX512BF16__) && defined(__AVX512BW__)
#  include <immintrin.h>
#endif

namespace lorica::cpu::panel {

/// A tile's rows or columns, and how many numbers one instruction sums.
inline constexpr index_t side = 16, depth = 32;
constexpr index_t whole(index_t n, index_t of) { return (n + of - 1) / of * of; }

using Rows = MatrixRef<const bf16>;
using Pairs = MatrixRef<const float>;  // places, not numbers: the even one of a sum is the lower half

/// Two registers rounded to bf16: as two rows, and as a row of pairs, where one is wanted.
template <class V> LORICA_INLINE void store_two(V even, V odd, bf16* even_row, bf16* odd_row, float* pairs) {
#if defined(__AVX512BF16__) && defined(__AVX512BW__)
  if constexpr (V::width == 16) {
    // The processor's own rounding takes subnormals for 0, which weights beside 1 bear.
    const auto both = (__m512i)_mm512_cvtne2ps_pbh((__m512)odd.v, (__m512)even.v);
    if (even_row != nullptr) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(even_row), _mm512_castsi512_si256(both));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(odd_row), _mm512_extracti64x4_epi64(both, 1));
    }
    if (pairs != nullptr) {
      const __m512i low = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(both)),
                    high = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(both, 1));
      _mm512_storeu_si512(pairs, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
    }
    return;
  }
#endif
  bf16 rounded[2][V::width];
  store(rounded[0], V::width, even);
  store(rounded[1], V::width, odd);
  if (even_row != nullptr) {
    std::copy_n(rounded[0], V::width, even_row);
    std::copy_n(rounded[1], V::width, odd_row);
  }
  if (pairs != nullptr)
    for (index_t l = 0; l < V::width; ++l) {
      const bf16 pair[2] = {rounded[0][l], rounded[1][l]};
      std::memcpy(pairs + l, pair, sizeof pair);
    }
}
/// to <- from       from [n, k]; to of whole tiles, zero beyond
inline void copy(MatrixRef<const bf16> from, MatrixRef<bf16> to) {
  for (index_t i = 0; i < to.rows; ++i) {
    const index_t count = i < from.rows ? from.cols : 0;
    if (count > 0) std::copy_n(from.row(i), count, to.row(i));
    std::fill(to.row(i) + count, to.row(i) + to.cols, bf16());
  }
}
/// The transpose of rows as pairs: what multiplies rows that are as long.
///       from [n, k], to [k / 2, n], all in whole tiles
inline void transpose(Rows from, MatrixRef<float> to) {
  // Places move as floats, whose bits a move keeps.
  tile::transpose(Pairs(reinterpret_cast<const float*>(from.data), from.rows, from.cols / 2, from.stride / 2),
                  to);
}
/// Rows as pairs of rows: what multiplies rows as long as these are many.
///       from [n, k], to [n / 2, k], all in whole tiles
inline void interleave(Rows from, MatrixRef<float> to) {
  using V = Lanes<float>;
  for (index_t i = 0; i < to.rows; ++i)
    for (index_t j = 0; j < to.cols; j += V::width)
      store_two(load<V>(from.row(2 * i) + j, V::width), load<V>(from.row(2 * i + 1) + j, V::width), nullptr,
                nullptr, to.row(i) + j);
}
/// Pairs as two rows each: the transpose of rows, of pairs that are one.
///       from [n / 2, k], to [n, k] or fewer rows, all in whole tiles
inline void split(Pairs from, MatrixRef<bf16> to) {
  for (index_t i = 0; i < to.rows; ++i) {
    const float* pairs = from.row(i / 2);
    for (index_t j = 0; j < to.cols; ++j) {
      std::uint32_t pair;
      std::memcpy(&pair, pairs + j, sizeof pair);
      to.row(i)[j].bits = static_cast<std::uint16_t>(i % 2 == 0 ? pair : pair >> 16);
    }
  }
}
/// to <- from^T, rounded       from [k, n], whole tiles; to [n, k]; `room` for as many numbers as `from` has
inline void turn_back(MatrixRef<const float> from, MatrixRef<bf16> to, float* room) {
  using V = Lanes<float>;
  const MatrixRef<float> turned(room, from.cols, from.rows);
  tile::transpose(from, turned);
  for (index_t i = 0; i < to.rows; ++i)
    for (index_t j = 0; j < to.cols; j += V::width)
      store(to.row(i) + j, to.cols - j, load<V>(turned.row(i) + j, V::width));
}

}  // namespace lorica::cpu::panel
