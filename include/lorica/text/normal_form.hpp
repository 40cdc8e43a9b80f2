// SPDX-License-Identifier: MIT
/// @file lorica/text/normal_form.hpp
/// Unicode's four normal forms of a text that remembers its source.
#pragma once

#include <lorica/text/aligned.hpp>
#include <lorica/text/unicode.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>
#include <vector>

namespace lorica::text {

enum class NormalForm { nfc, nfd, nfkc, nfkd };

namespace detail {

/// A character of the new text: 1 - `taken` ... is how many of the old text's characters it uses up.
struct Normalized {
  char32_t point = 0;
  int combining = 0;
  std::size_t takes = 0;  ///< characters of the old text this one replaces; 0: it belongs to the one before
};

[[nodiscard]] inline std::vector<Normalized> decompose(std::string_view text, bool compatibility) {
  std::vector<Normalized> out;
  out.reserve(text.size());
  const auto options =
      static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | (compatibility ? UTF8PROC_COMPAT : 0));
  std::array<utf8proc_int32_t, 32> parts{};  // the longest decomposition has 18
  for_each_character(text, [&](const Character& c) {
    const auto count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c.point), parts.data(),
                                               static_cast<utf8proc_ssize_t>(parts.size()), options, nullptr);
    for (utf8proc_ssize_t i = 0; i < count; ++i) {
      const auto point = static_cast<char32_t>(parts[static_cast<std::size_t>(i)]);
      out.push_back({point, combining_class(point), i == 0 ? std::size_t{1} : 0});
    }
  });
  for (auto begin = out.begin(); begin != out.end();) {  // marks in canonical order, letters stay
    const auto is_letter = [](const Normalized& c) { return c.combining == 0; };
    const auto end = std::find_if(begin, out.end(), is_letter);
    std::stable_sort(begin, end,
                     [](const Normalized& a, const Normalized& b) { return a.combining < b.combining; });
    begin = end == out.end() ? end : end + 1;
  }
  return out;
}

/// A mark joins the last letter when Unicode has the two as one and no other mark of its class is between.
[[nodiscard]] inline std::vector<Normalized> recompose(const std::vector<Normalized>& parts) {
  std::vector<Normalized> out;
  out.reserve(parts.size());
  std::size_t letter = 0;
  bool begun = false;
  for (const Normalized& part : parts) {
    const bool adjacent = begun && out.size() == letter + 1;
    if (begun && (adjacent || out.back().combining < part.combining)) {
      if (const auto both = compose(out[letter].point, part.point)) {
        out[letter].point = *both;
        out[letter].takes += part.takes;
        continue;
      }
    }
    if (part.combining == 0) {
      letter = out.size();
      begun = true;
    }
    out.push_back(part);
  }
  return out;
}

}  // namespace detail

/// The text in that form. A composed character stands for what its letter stood for, without the marks: the
/// places of tokens are then those the reference gives.
[[nodiscard]] inline Aligned normal_form(Aligned text, NormalForm form) {
  if (is_ascii(text.text)) return text;
  const bool compatibility = form == NormalForm::nfkc || form == NormalForm::nfkd;
  auto points = detail::decompose(text.text, compatibility);
  if (form == NormalForm::nfc || form == NormalForm::nfkc) points = detail::recompose(points);
  Aligned out;
  out.reserve(text.text.size() + text.text.size() / 2);
  std::size_t at = 0;
  for (const detail::Normalized& c : points) {
    const std::size_t source = c.takes > 0 ? at : at - 1;  // the very first character takes at least one
    const Span from = at == 0 && c.takes == 0 ? Span{} : text.from[source];
    for (std::size_t i = 0; i < c.takes; ++i) at = character(text.text, at).end;
    out.append(c.point, from);
  }
  return out;
}

}  // namespace lorica::text
