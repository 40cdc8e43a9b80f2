// SPDX-License-Identifier: MIT
/// @file lorica/io/decode.hpp
/// Stored numbers as floats: end to end or of a transposed matrix, many at a time.
#pragma once

#include <lorica/core/check.hpp>
#include <lorica/io/dtype.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>
#include <type_traits>

namespace lorica::io {

namespace detail {

/// from_f16 without branches.
[[nodiscard]] inline float widen_f16(std::uint16_t half) {
  const auto sign = static_cast<std::uint32_t>(half & 0x8000) << 16;
  const auto size = static_cast<std::uint32_t>(half & 0x7FFF) << 13;
  // Halves below 2^-14 are multiples of 2^-24: read above 2^-14 they are off by just that.
  const float small = std::bit_cast<float>(size + (113U << 23)) - 0x1p-14F;
  const std::uint32_t other = size + ((size >= 31U << 23 ? 224U : 112U) << 23);
  return std::bit_cast<float>(sign | (size < 1U << 23 ? std::bit_cast<std::uint32_t>(small) : other));
}

/// f(number) with a function that reads one number of the type as a float (as a double, from F64).
template <class F> decltype(auto) with_number(Dtype dtype, F&& f) {
  switch (dtype) {
    case Dtype::F64:
      return f([](double x) { return x; });
    case Dtype::F32:
      return f([](float x) { return x; });
    case Dtype::F16:
      return f([](std::uint16_t x) { return widen_f16(x); });
    default:
      return f([](std::uint16_t x) { return from_bf16(x); });
  }
}
template <class Number> struct StoredOf : StoredOf<decltype(&Number::operator())> {};
template <class F, class Wide, class Stored> struct StoredOf<Wide (F::*)(Stored) const> {
  using type = Stored;
};
/// What a function of with_number reads.
template <class Number> using stored_t = typename StoredOf<Number>::type;

/// The numbers that lie from `from` on, end to end: a block at a time, of a length that the compiler knows
/// and vectorises. Nothing promises alignment.
template <class Number> void decode(const std::byte* from, std::span<float> to, Number number) {
  using Stored = stored_t<Number>;
  constexpr std::size_t block = 64;
  Stored in[block];
  float out[block];
  for (std::size_t i = 0; i < to.size(); i += block) {
    const std::size_t n = std::min(block, to.size() - i);
    std::memcpy(in, from + i * sizeof(Stored), n * sizeof(Stored));
    if (n == block)
      for (std::size_t j = 0; j < block; ++j) out[j] = static_cast<float>(number(in[j]));
    else
      for (std::size_t j = 0; j < n; ++j) out[j] = static_cast<float>(number(in[j]));
    std::memcpy(to.data() + i, out, n * sizeof(float));
  }
}

/// Numbers of W from `first` on, where W^T [w.cols, w.rows] is what is stored: whole rows of W in tiles that
/// lie in cache both ways, the rest one by one.
template <class Number>
void decode_transposed(const std::byte* from, Shape w, index_t first, std::span<float> to, Number number) {
  using Stored = stored_t<Number>;
  constexpr index_t side = 16;
  const auto at = [&](index_t row, index_t col) {
    return from + static_cast<std::size_t>(col * w.rows + row) * sizeof(Stored);
  };
  const auto one_by_one = [&](index_t begin, index_t end) {
    for (index_t i = begin; i < end; ++i) {
      Stored stored;
      std::memcpy(&stored, at(i / w.cols, i % w.cols), sizeof stored);
      to[static_cast<std::size_t>(i - first)] = static_cast<float>(number(stored));
    }
  };
  const index_t last = first + static_cast<index_t>(to.size());
  const index_t top = (first + w.cols - 1) / w.cols, bottom = last / w.cols;
  if (top >= bottom) return one_by_one(first, last);
  one_by_one(first, top * w.cols);
  // Of whole tiles the extents are constants, and the compiler vectorises.
  const auto tile = [&](index_t row, index_t col, auto rows, auto cols) {
    float held[side][side];
    for (index_t c = 0; c < cols; ++c) {
      const auto n = static_cast<std::size_t>(index_t(rows));
      Stored in[side];
      std::memcpy(in, at(row, col + c), n * sizeof(Stored));
      for (std::size_t r = 0; r < n; ++r) held[c][r] = static_cast<float>(number(in[r]));
    }
    float* out = to.data() + (row * w.cols + col - first);
    for (index_t r = 0; r < rows; ++r)
      for (index_t c = 0; c < cols; ++c) out[r * w.cols + c] = held[c][r];
  };
  constexpr std::integral_constant<index_t, side> whole;
  for (index_t col = 0; col < w.cols; col += side)
    for (index_t row = top; row < bottom; row += side) {
      const index_t rows = std::min(side, bottom - row), cols = std::min(side, w.cols - col);
      if (rows == side && cols == side)
        tile(row, col, whole, whole);
      else
        tile(row, col, rows, cols);
    }
  one_by_one(bottom * w.cols, last);
}

/// f(first, count) over 0 .. n, `piece` at a time, by the threads of OpenMP where the compiler was given it.
/// f may not throw.
template <class F> void in_pieces(index_t n, index_t piece, const F& f) {
  const index_t pieces = (n + piece - 1) / piece;
#if defined(_OPENMP)
#  pragma omp parallel for schedule(static) if (pieces > 1)
#endif
  for (index_t i = 0; i < pieces; ++i) f(i * piece, std::min(piece, n - i * piece));
}

}  // namespace detail

/// `to.size()` numbers of F64, F32, F16 or BF16 that lie end to end, F64 rounded to nearest.
inline void decode(Dtype dtype, std::span<const std::byte> raw, std::span<float> to) {
  if (dtype == Dtype::F32)
    std::memcpy(to.data(), raw.data(), to.size_bytes());
  else
    detail::with_number(dtype, [&](auto number) { detail::decode(raw.data(), to, number); });
}
/// Numbers of W, row by row from the first-th on, where W^T is what is stored.
inline void decode_transposed(Dtype dtype, std::span<const std::byte> raw, Shape w, index_t first,
                              std::span<float> to) {
  detail::with_number(dtype,
                      [&](auto number) { detail::decode_transposed(raw.data(), w, first, to, number); });
}

}  // namespace lorica::io
