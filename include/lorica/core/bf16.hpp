// SPDX-License-Identifier: MIT
/// @file lorica/core/bf16.hpp
/// The numbers a matrix may hold. bf16 is a storage type: it is widened on load and rounded on store.
#pragma once

#include <lorica/core/config.hpp>

#include <concepts>
#include <cstring>

namespace lorica {

/// The upper half of a float: 8 exponent bits, 8 significant bits. Rounding is to nearest, ties to even; NaN
/// stays NaN.
struct bf16 {
  std::uint16_t bits = 0;

  bf16() = default;
  LORICA_HD explicit bf16(float x) {
    std::uint32_t u;
    std::memcpy(&u, &x, sizeof u);
    const bool nan = (u & 0x7fffffffu) > 0x7f800000u;
    u = nan ? (u | 0x00400000u) : u + 0x7fffu + ((u >> 16) & 1u);
    bits = static_cast<std::uint16_t>(u >> 16);
  }
  LORICA_HD explicit operator float() const {
    const std::uint32_t u = static_cast<std::uint32_t>(bits) << 16;
    float x;
    std::memcpy(&x, &u, sizeof x);
    return x;
  }
  LORICA_HD explicit operator double() const { return static_cast<double>(static_cast<float>(*this)); }
};

/// What a matrix may hold: double, float, bf16.
template <class T>
concept Scalar = std::same_as<T, double> || std::same_as<T, float> || std::same_as<T, bf16>;

namespace detail {
template <class T> struct Arithmetic { using type = T; };
template <> struct Arithmetic<bf16> { using type = float; };
}  // namespace detail

/// The type a stored T is computed in: itself, or float for bf16.
template <class T> using arithmetic_t = typename detail::Arithmetic<T>::type;

namespace detail {
/// The float next to x with an odd last bit, or x itself where a float holds it: rounding it further rounds x
/// once.
LORICA_HD inline float round_to_odd(double x) {
  const auto nearest = static_cast<float>(x);
  const auto back = static_cast<double>(nearest);
  std::uint32_t u;
  std::memcpy(&u, &nearest, sizeof u);
  if (back < x || back > x) {
    if ((back < 0 ? -back : back) > (x < 0 ? -x : x)) --u;
    u |= 1u;
  }
  float odd;
  std::memcpy(&odd, &u, sizeof odd);
  return odd;
}
}  // namespace detail

/// Value conversion between any two scalars, rounding once.
template <class To, class From> LORICA_HD To convert(From x) {
  if constexpr (std::same_as<To, bf16> && std::same_as<From, double>)
    return bf16(detail::round_to_odd(x));
  else
    return static_cast<To>(static_cast<arithmetic_t<To>>(static_cast<arithmetic_t<From>>(x)));
}

}  // namespace lorica
