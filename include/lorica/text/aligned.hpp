// SPDX-License-Identifier: MIT
/// @file lorica/text/aligned.hpp
/// Text that is being rewritten and remembers, byte by byte, what of the input it stands for.
#pragma once

#include <lorica/io/utf8.hpp>
#include <lorica/text/encoding.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace lorica::text {

/// A character of UTF-8 and where it stands.
struct Character {
  char32_t point = 0;
  std::size_t begin = 0, end = 0;
};

/// The character at `at` of text that is UTF-8.
[[nodiscard]] inline Character character(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(text[i])); };
  const char32_t first = byte(at);
  if (first < 0x80) return {first, at, at + 1};
  const auto rest = [&](std::size_t i) { return byte(at + i) & 0x3F; };
  if (first < 0xE0) return {(first & 0x1F) << 6 | rest(1), at, at + 2};
  if (first < 0xF0) return {(first & 0x0F) << 12 | rest(1) << 6 | rest(2), at, at + 3};
  return {(first & 0x07) << 18 | rest(1) << 12 | rest(2) << 6 | rest(3), at, at + 4};
}

/// The character that ends at `end`, which is not 0, of text that is UTF-8.
[[nodiscard]] inline Character character_before(std::string_view text, std::size_t end) {
  std::size_t at = end - 1;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return character(text, at);
}

/// Calls f(Character) on each character of text that is UTF-8.
template <class F> void for_each_character(std::string_view text, F&& f) {
  for (std::size_t at = 0; at < text.size();) {
    const Character c = character(text, at);
    at = c.end;
    f(c);
  }
}

/// How many characters text has that is UTF-8.
[[nodiscard]] inline std::size_t count_characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

[[nodiscard]] inline bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

/// UTF-8, and for each of its bytes the bytes of the input it stands for: always those of whole characters.
struct Aligned {
  std::string text;
  std::vector<Span> from;

  void reserve(std::size_t bytes) {
    text.reserve(bytes);
    from.reserve(bytes);
  }
  void append(std::string_view bytes, Span source) {
    text += bytes;
    from.insert(from.end(), bytes.size(), source);
  }
  void append(char32_t point, Span source) {
    if (point < 0x80) {
      text += static_cast<char>(point);
      from.push_back(source);
    } else {
      io::append_utf8(text, point);
      from.resize(text.size(), source);
    }
  }
  /// Bytes [begin, end) of another text with what they stand for.
  void append(const Aligned& other, std::size_t begin, std::size_t end) {
    text.append(other.text, begin, end - begin);
    from.insert(from.end(), other.from.begin() + static_cast<std::ptrdiff_t>(begin),
                other.from.begin() + static_cast<std::ptrdiff_t>(end));
  }
  /// What bytes [begin, end), not none, stand for.
  [[nodiscard]] Span source(std::size_t begin, std::size_t end) const {
    return {from[begin].begin, from[end - 1].end};
  }
};

namespace detail {
/// Bytes at `at`, which begin no well-formed sequence, that one U+FFFD replaces: as much as could still have
/// become a character, at least one (Unicode 15, 3.9, "maximal subparts"; the choice of the web and of
/// Python).
[[nodiscard]] inline std::size_t broken_sequence(std::string_view text, std::size_t at) {
  const std::string_view tails[] = {"\x80", "\x80\x80", "\xBF", "\xBF\x80",
                                    "\x90", "\x90\x80", "\x9F", "\x9F\x80"};
  for (std::size_t length = std::min<std::size_t>(3, text.size() - at); length > 1; --length) {
    const std::string begun(text.substr(at, length));
    const auto completes = [&](std::string_view tail) {
      const std::string whole = begun + std::string(tail);
      return io::utf8_sequence(whole, 0) == whole.size();
    };
    if (std::ranges::any_of(tails, completes)) return length;
  }
  return 1;
}
}  // namespace detail

/// Bytes of the input at `at` that are one character after `align`.
[[nodiscard]] inline std::size_t source_character(std::string_view input, std::size_t at) {
  const std::size_t length = io::utf8_sequence(input, at);
  return length > 0 ? length : detail::broken_sequence(input, at);
}

/// Bytes of the input before `end`, which is not 0, that are one character after `align`.
[[nodiscard]] inline std::size_t source_character_before(std::string_view input, std::size_t end) {
  for (std::size_t length = std::min<std::size_t>(4, end); length > 1; --length) {
    if (source_character(input, end - length) == length) return length;
  }
  return 1;
}

/// The input as it is, except that bytes which are not UTF-8 become U+FFFD.
[[nodiscard]] inline Aligned align(std::string_view input) {
  Aligned out;
  out.reserve(input.size());
  for (std::size_t at = 0; at < input.size();) {
    if (static_cast<unsigned char>(input[at]) < 0x80) {
      out.text += input[at];
      out.from.push_back({at, at + 1});
      ++at;
      continue;
    }
    const std::size_t length = source_character(input, at);
    if (io::utf8_sequence(input, at) > 0)
      out.append(input.substr(at, length), {at, at + length});
    else
      out.append(U'\uFFFD', Span{at, at + length});
    at += length;
  }
  return out;
}

}  // namespace lorica::text
