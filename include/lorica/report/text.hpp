// SPDX-License-Identifier: MIT
/// @file lorica/report/text.hpp
/// Text in columns: a width in characters, where bytes are not characters.
#pragma once

#include <lorica/io/utf8.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace lorica::report {

enum class Align { left, right, center };

/// Columns the text takes in a terminal: one a code point (combining and double-width ones are not told
/// apart).
[[nodiscard]] inline std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t i = 0; i < text.size(); ++width) i += std::max<std::size_t>(1, io::utf8_sequence(text, i));
  return width;
}

/// The text on one line: valid UTF-8, control characters as spaces.
[[nodiscard]] inline std::string one_line(std::string_view text) {
  std::string out = io::to_valid_utf8(text);
  std::ranges::replace_if(
      out, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, ' ');
  return out;
}

/// `count` times the same text.
[[nodiscard]] inline std::string repeat(std::string_view text, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += text;
  return out;
}

/// Spaces added until the text is `width` wide; a wider one stays as it is.
[[nodiscard]] inline std::string pad(std::string_view text, std::size_t width, Align align = Align::left) {
  const std::size_t has = display_width(text);
  const std::size_t missing = width > has ? width - has : 0;
  const std::size_t before = align == Align::left ? 0 : align == Align::right ? missing : missing / 2;
  return std::string(before, ' ') + std::string(text) + std::string(missing - before, ' ');
}

/// At most `width` wide, an ellipsis for the front: the end of a path says more than its beginning.
[[nodiscard]] inline std::string keep_end(std::string_view text, std::size_t width) {
  const std::size_t has = display_width(text);
  if (has <= width) return std::string(text);
  if (width == 0) return "";
  std::size_t at = 0;
  for (std::size_t drop = has - width + 1; drop > 0; --drop)
    at += std::max<std::size_t>(1, io::utf8_sequence(text, at));
  return "…" + std::string(text.substr(at));
}

}  // namespace lorica::report
