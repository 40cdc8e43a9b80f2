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

/// The text on one line: valid UTF-8 that XML takes too, control characters (of both sets) as spaces.
[[nodiscard]] inline std::string one_line(std::string_view text) {
  const std::string valid = io::to_valid_utf8(text);
  std::string out;
  for (std::size_t i = 0; i < valid.size();) {
    const std::size_t n = std::max<std::size_t>(1, io::utf8_sequence(valid, i));
    const std::string_view c(valid.data() + i, n);
    const auto first = static_cast<unsigned char>(c[0]);
    const bool c1 = n == 2 && first == 0xC2 && static_cast<unsigned char>(c[1]) < 0xA0;
    if (first < 0x20 || first == 0x7F || c1)
      out += ' ';
    else
      out += c == "\xEF\xBF\xBE" || c == "\xEF\xBF\xBF" ? "\xEF\xBF\xBD" : c;  // U+FFFE, U+FFFF
    i += n;
  }
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
