// SPDX-License-Identifier: MIT
/// @file lorica/io/utf8.hpp
/// What is UTF-8 and what only looks like it; a byte-level decoder may generate either.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace lorica::io {

/// Bytes of the well-formed sequence that starts at `at`, or 0 where there is none (Unicode 15, table 3-7).
[[nodiscard]] inline std::size_t utf8_sequence(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto within = [&](std::size_t i, unsigned low, unsigned high) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  if (at >= text.size()) return 0;
  const unsigned first = byte(at);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return within(at + 1, 0x80, 0xBF) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {  // no overlong forms (E0), no surrogates (ED)
    const bool second = within(at + 1, first == 0xE0 ? 0xA0 : 0x80, first == 0xED ? 0x9F : 0xBF);
    return second && within(at + 2, 0x80, 0xBF) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {  // no overlong forms (F0), nothing above U+10FFFF (F4)
    const bool second = within(at + 1, first == 0xF0 ? 0x90 : 0x80, first == 0xF4 ? 0x8F : 0xBF);
    return second && within(at + 2, 0x80, 0xBF) && within(at + 3, 0x80, 0xBF) ? 4 : 0;
  }
  return 0;
}

/// Is every byte part of a well-formed sequence?
[[nodiscard]] inline bool valid_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t n = utf8_sequence(text, i);
    if (n == 0) return false;
    i += n;
  }
  return true;
}

/// The text with every byte that is not UTF-8 replaced by U+FFFD.
[[nodiscard]] inline std::string to_valid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t n = utf8_sequence(text, i);
    if (n == 0)
      out += "\xEF\xBF\xBD";
    else
      out += text.substr(i, n);
    i += n == 0 ? 1 : n;
  }
  return out;
}

/// Appends one code point; it must be a Unicode scalar value.
inline void append_utf8(std::string& out, char32_t point) {
  const auto put = [&](char32_t bits) { out += static_cast<char>(static_cast<unsigned char>(bits)); };
  if (point < 0x80) return put(point);
  if (point < 0x800) {
    put(0xC0 | (point >> 6));
  } else {
    if (point < 0x10000) {
      put(0xE0 | (point >> 12));
    } else {
      put(0xF0 | (point >> 18));
      put(0x80 | ((point >> 12) & 0x3F));
    }
    put(0x80 | ((point >> 6) & 0x3F));
  }
  put(0x80 | (point & 0x3F));
}

}  // namespace lorica::io
