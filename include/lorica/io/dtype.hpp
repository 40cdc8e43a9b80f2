// SPDX-License-Identifier: MIT
/// @file lorica/io/dtype.hpp
/// The number types a tensor file may hold, and the two half precisions as bits.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lorica::io {

static_assert(std::endian::native == std::endian::little,
              "lorica: tensor files are little-endian and mapped as they are");

/// In the order of the format's reference implementation, smaller elements first; a writer sorts by it.
enum class Dtype : std::uint8_t {
  BOOL,
  U8,
  I8,
  F8_E5M2,
  F8_E4M3,
  I16,
  U16,
  F16,
  BF16,
  I32,
  U32,
  F32,
  C64,
  F64,
  I64,
  U64
};

namespace detail {
struct DtypeFact {
  std::string_view name;
  std::size_t size;  // bytes of one element
};
inline constexpr std::array<DtypeFact, 16> dtype_facts{{{"BOOL", 1},
                                                        {"U8", 1},
                                                        {"I8", 1},
                                                        {"F8_E5M2", 1},
                                                        {"F8_E4M3", 1},
                                                        {"I16", 2},
                                                        {"U16", 2},
                                                        {"F16", 2},
                                                        {"BF16", 2},
                                                        {"I32", 4},
                                                        {"U32", 4},
                                                        {"F32", 4},
                                                        {"C64", 8},
                                                        {"F64", 8},
                                                        {"I64", 8},
                                                        {"U64", 8}}};
static_assert(dtype_facts.size() == static_cast<std::size_t>(Dtype::U64) + 1);
}  // namespace detail

[[nodiscard]] constexpr std::string_view dtype_name(Dtype type) {
  return detail::dtype_facts[static_cast<std::size_t>(type)].name;
}

/// Bytes of one element.
[[nodiscard]] constexpr std::size_t dtype_size(Dtype type) {
  return detail::dtype_facts[static_cast<std::size_t>(type)].size;
}

/// The type a header's word names, if it names one.
[[nodiscard]] constexpr std::optional<Dtype> dtype_named(std::string_view name) {
  for (std::size_t i = 0; i < detail::dtype_facts.size(); ++i) {
    if (detail::dtype_facts[i].name == name) return static_cast<Dtype>(i);
  }
  return std::nullopt;
}

/// "F32, F64, ...": for messages.
[[nodiscard]] inline std::string dtype_names() {
  std::string names;
  for (const detail::DtypeFact& fact : detail::dtype_facts) (names += names.empty() ? "" : ", ") += fact.name;
  return names;
}

/// Exact.
[[nodiscard]] inline float from_bf16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

/// To nearest, ties to even; a NaN stays one, though its low bits go.
[[nodiscard]] inline std::uint16_t to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (std::isnan(value)) return static_cast<std::uint16_t>((bits >> 16) | 0x40);
  // A carry out of the fraction reaches the exponent, as it should.
  return static_cast<std::uint16_t>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

/// Exact. A half has 1 sign, 5 exponent (bias 15) and 10 fraction bits.
[[nodiscard]] inline float from_f16(std::uint16_t bits) {
  const auto sign = static_cast<std::uint32_t>(bits & 0x8000) << 16;
  const auto exponent = static_cast<std::uint32_t>(bits >> 10) & 31;
  const auto fraction = static_cast<std::uint32_t>(bits) & 0x3FF;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000 | fraction << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
  const float small = static_cast<float>(fraction) * 0x1p-24F;  // zero or subnormal
  return sign != 0 ? -small : small;
}

/// To nearest, ties to even; from 65520 on that is infinity; a NaN stays one, though its low bits go.
[[nodiscard]] inline std::uint16_t to_f16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = bits >> 16 & 0x8000;
  const std::uint32_t size = bits & 0x7FFFFFFF;
  const auto signed_bits = [&](std::uint32_t magnitude) {
    return static_cast<std::uint16_t>(sign | magnitude);
  };
  if (size > 0x7F800000) return signed_bits(0x7E00 | (size >> 13 & 0x3FF));
  if (size >= 0x47800000) return signed_bits(0x7C00);  // 65536 and above
  if (size >= 0x38800000) {  // 2^-14 and above: normal halves, the carry as for bf16
    return signed_bits((size - (112U << 23) + 0xFFF + (size >> 13 & 1)) >> 13);
  }
  // Below, halves are multiples of 2^-24. Adding 1/2, a float whose last place is that, rounds as wanted.
  const float shifted = std::bit_cast<float>(size) + 0.5F;
  return signed_bits(std::bit_cast<std::uint32_t>(shifted) - std::bit_cast<std::uint32_t>(0.5F));
}

}  // namespace lorica::io
