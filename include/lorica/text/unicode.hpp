// SPDX-License-Identifier: MIT
/// @file lorica/text/unicode.hpp
/// What is known about a character: utf8proc's tables (Unicode 15), and the few questions asked of them.
#pragma once

#include <utf8proc.h>

#include <cstdint>
#include <optional>

namespace lorica::text {

/// White_Space, the same set since Unicode 6.3.
[[nodiscard]] inline bool is_space(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= '\t' && c <= '\r');
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

namespace detail {
[[nodiscard]] inline utf8proc_category_t category(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}
[[nodiscard]] inline bool within(utf8proc_category_t c, utf8proc_category_t first, utf8proc_category_t last) {
  return c >= first && c <= last;
}
}  // namespace detail

/// General category P.
[[nodiscard]] inline bool is_punctuation(char32_t c) {
  return detail::within(detail::category(c), UTF8PROC_CATEGORY_PC, UTF8PROC_CATEGORY_PO);
}
/// Punctuation as BERT has it: also the symbols of ASCII.
[[nodiscard]] inline bool is_bert_punctuation(char32_t c) {
  if (c < 0x80)
    return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
           (c >= '{' && c <= '~');
  return is_punctuation(c);
}
/// General category N.
[[nodiscard]] inline bool is_numeric(char32_t c) {
  return detail::within(detail::category(c), UTF8PROC_CATEGORY_ND, UTF8PROC_CATEGORY_NO);
}
/// General category M.
[[nodiscard]] inline bool is_mark(char32_t c) {
  return detail::within(detail::category(c), UTF8PROC_CATEGORY_MN, UTF8PROC_CATEGORY_ME);
}
[[nodiscard]] inline bool is_nonspacing_mark(char32_t c) {
  return detail::category(c) == UTF8PROC_CATEGORY_MN;
}
/// Controls, format characters, private use: what BERT drops.
[[nodiscard]] inline bool is_control(char32_t c) {
  if (c == '\t' || c == '\n' || c == '\r') return false;
  return detail::within(detail::category(c), UTF8PROC_CATEGORY_CC, UTF8PROC_CATEGORY_CO);
}
/// The blocks BERT sets apart, a character a word.
[[nodiscard]] inline bool is_chinese(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) ||
         (c >= 0x2A700 && c <= 0x2B73F) || (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}
/// A character of a word in regular expressions (UTS 18): Alphabetic, M, Nd, Pc, Join_Control.
[[nodiscard]] inline bool is_word(char32_t c) {
  const utf8proc_category_t category = detail::category(c);
  if (detail::within(category, UTF8PROC_CATEGORY_LU, UTF8PROC_CATEGORY_NL)) return true;  // L, M, Nd, Nl
  return category == UTF8PROC_CATEGORY_PC || c == 0x200C || c == 0x200D || (c >= 0x24B6 && c <= 0x24E9) ||
         (c >= 0x1F130 && c <= 0x1F149) || (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189);
}

/// Lower case: one character, but two for the dotted capital I.
struct Lower {
  char32_t first = 0, second = 0;  ///< second is 0 where there is none
};
[[nodiscard]] inline Lower lower(char32_t c) {
  if (c < 0x80) return {c >= 'A' && c <= 'Z' ? c + 32 : c};
  if (c == 0x130) return {'i', 0x307};
  return {static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)))};
}

/// Where a mark stands among other marks of one letter; 0 for letters.
[[nodiscard]] inline int combining_class(char32_t c) {
  return c < 0x300 ? 0 : utf8proc_get_property(static_cast<utf8proc_int32_t>(c))->combining_class;
}
/// The two as one character, where Unicode composes them.
[[nodiscard]] inline std::optional<char32_t> compose(char32_t first, char32_t second) {
  if (second < 0x300) return std::nullopt;
  utf8proc_int32_t both[] = {static_cast<utf8proc_int32_t>(first), static_cast<utf8proc_int32_t>(second)};
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE);
  if (utf8proc_normalize_utf32(both, 2, options) != 1) return std::nullopt;
  return static_cast<char32_t>(both[0]);
}

}  // namespace lorica::text
