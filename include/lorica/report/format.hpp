// SPDX-License-Identifier: MIT
/// @file lorica/report/format.hpp
/// Numbers as people read them, whatever the locale.
#pragma once

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace lorica::report {

/// 2.50 with so many digits after the point.
[[nodiscard]] inline std::string fixed(double value, int digits) {
  char text[400];  // the longest double has 309 digits before the point
  const auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::fixed, digits);
  return {text, end.ptr};
}

/// At most so many significant digits, no trailing zeros: 0.0613, 2.5, 1.2e-07.
[[nodiscard]] inline std::string significant(double value, int digits = 3) {
  char text[64];
  const auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::general, digits);
  return {text, end.ptr};
}

/// With leading zeros: 05.
[[nodiscard]] inline std::string two_digits(std::int64_t value) {
  return (value < 10 ? "0" : "") + std::to_string(value);
}

/// 832, 1.23 k, 1.23 M: three significant digits above a thousand.
[[nodiscard]] inline std::string human_count(double value) {
  constexpr std::array<std::string_view, 6> unit{"", " k", " M", " G", " T", " P"};
  if (!std::isfinite(value)) return significant(value);
  std::size_t u = 0;
  // 999.5 would be shown as 1000 of this unit, and is one of the next.
  for (; std::fabs(value) >= 999.5 && u + 1 < unit.size(); ++u) value /= 1000;
  const double size = std::fabs(value);
  if (u == 0) return value == std::round(value) ? fixed(value, 0) : significant(value);
  return fixed(value, size < 9.995 ? 2 : size < 99.95 ? 1 : 0).append(unit[u]);
}

/// 832 B, 4.1 kB, 3.9 MB: powers of a thousand, one digit after the point.
[[nodiscard]] inline std::string human_bytes(double value) {
  constexpr std::array<std::string_view, 6> unit{" B", " kB", " MB", " GB", " TB", " PB"};
  if (!std::isfinite(value)) return significant(value);
  std::size_t u = 0;
  for (; std::fabs(value) >= (u == 0 ? 999.5 : 999.95) && u + 1 < unit.size(); ++u) value /= 1000;
  return fixed(value, u == 0 ? 0 : 1).append(unit[u]);
}

/// 3.2s, 42s, 2m05s, 1h02m, 3d04h; two dashes for what is not a duration.
[[nodiscard]] inline std::string human_duration(double seconds) {
  if (!(seconds >= 0) || seconds > 1e15) return "--";
  if (seconds < 9.95) return fixed(seconds, 1) + "s";
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 60) return std::to_string(whole) + "s";
  if (whole < 3600) return std::to_string(whole / 60) + "m" + two_digits(whole % 60) + "s";
  if (whole < 86400) return std::to_string(whole / 3600) + "h" + two_digits(whole / 60 % 60) + "m";
  return std::to_string(whole / 86400) + "d" + two_digits(whole / 3600 % 24) + "h";
}

}  // namespace lorica::report
