// SPDX-License-Identifier: MIT
/// @file lorica/text/normalizer.hpp
/// What is done to a text before it is cut into words: each step takes a text and gives the text that
/// follows.
#pragma once

#include <lorica/text/normal_form.hpp>
#include <lorica/text/pattern.hpp>

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lorica::text {

/// Any of the steps below, or several in a row.
using Normalizer = std::function<Aligned(Aligned)>;

namespace detail {
/// The text of those characters for which keep(point) holds.
template <class Keep> [[nodiscard]] Aligned filter(const Aligned& text, Keep&& keep) {
  Aligned out;
  out.reserve(text.text.size());
  for_each_character(text.text, [&](const Character& c) {
    if (keep(c.point)) out.append(text, c.begin, c.end);
  });
  return out;
}
}  // namespace detail

/// All letters lower case, one by one: a final sigma is a sigma.
[[nodiscard]] inline Aligned lower_case(Aligned text) {
  if (is_ascii(text.text)) {
    for (char& c : text.text) c = static_cast<char>(lower(static_cast<unsigned char>(c)).first);
    return text;
  }
  Aligned out;
  out.reserve(text.text.size());
  for_each_character(text.text, [&](const Character& c) {
    const Lower small = lower(c.point);
    out.append(small.first, text.from[c.begin]);
    if (small.second != 0) out.append(small.second, text.from[c.begin]);
  });
  return out;
}

/// Without marks; accents that are part of a character stay (a normal form D before this parts them).
[[nodiscard]] inline Aligned strip_accents(Aligned text) {
  if (is_ascii(text.text)) return text;
  return detail::filter(text, [](char32_t c) { return !is_mark(c); });
}

/// Without white space at its ends.
struct Strip {
  bool left = true, right = true;
  [[nodiscard]] Aligned operator()(const Aligned& text) const {
    std::size_t begin = 0, end = text.text.size();
    while (left && begin < end && is_space(character(text.text, begin).point)) {
      begin = character(text.text, begin).end;
    }
    while (right && end > begin && is_space(character_before(text.text, end).point)) {
      end = character_before(text.text, end).begin;
    }
    Aligned out;
    out.append(text, begin, end);
    return out;
  }
};

/// Every match with other content, which stands for the last character it replaces.
struct Replace {
  Pattern pattern;
  std::string content;
  [[nodiscard]] Aligned operator()(const Aligned& text) const {
    Aligned out;
    out.reserve(text.text.size());
    std::size_t kept = 0;
    pattern.for_each_match(text.text, [&](Span match) {
      out.append(text, kept, match.begin);
      out.append(content, text.from[match.end - 1]);
      kept = match.end;
    });
    out.append(text, kept, text.text.size());
    return out;
  }
};

/// Something before a text that is not empty; it stands for the first character.
struct Prepend {
  std::string content;
  [[nodiscard]] Aligned operator()(const Aligned& text) const {
    Aligned out;
    if (text.text.empty()) return out;
    out.reserve(content.size() + text.text.size());
    out.append(content, text.from[0]);
    out.append(text, 0, text.text.size());
    return out;
  }
};

/// Several steps, first to last.
struct NormalizerSequence {
  std::vector<Normalizer> steps;
  [[nodiscard]] Aligned operator()(Aligned text) const {
    for (const Normalizer& step : steps) text = step(std::move(text));
    return text;
  }
};

/// BERT's: no control characters, all white space a space, spaces around Chinese characters, no accents,
/// lower case; each as configured.
struct BertNormalizer {
  bool clean_text = true, chinese_characters = true, strip_accents = true, lower_case = true;

  [[nodiscard]] Aligned operator()(Aligned text) const {
    if (is_ascii(text.text)) return of_ascii(std::move(text));
    if (clean_text) text = clean(text);
    if (chinese_characters) text = set_apart(text);
    if (strip_accents) {
      text = detail::filter(normal_form(std::move(text), NormalForm::nfd),
                            [](char32_t c) { return !is_nonspacing_mark(c); });
    }
    return lower_case ? text::lower_case(std::move(text)) : text;
  }

 private:
  /// The same for ASCII, where half of the steps do nothing.
  [[nodiscard]] Aligned of_ascii(Aligned text) const {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < text.text.size(); ++i) {
      char c = text.text[i];
      const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
      if (clean_text && control) {
        if (c != '\t' && c != '\n' && c != '\r') continue;
        c = ' ';
      }
      text.text[kept] = lower_case ? static_cast<char>(lower(static_cast<unsigned char>(c)).first) : c;
      text.from[kept++] = text.from[i];
    }
    text.text.resize(kept);
    text.from.resize(kept);
    return text;
  }
  [[nodiscard]] static Aligned clean(const Aligned& text) {
    Aligned out;
    out.reserve(text.text.size());
    for_each_character(text.text, [&](const Character& c) {
      if (c.point == 0 || c.point == 0xFFFD || is_control(c.point)) return;
      if (is_space(c.point))
        out.append(U' ', text.from[c.begin]);
      else
        out.append(text, c.begin, c.end);
    });
    return out;
  }
  [[nodiscard]] static Aligned set_apart(const Aligned& text) {
    Aligned out;
    out.reserve(text.text.size() + text.text.size() / 2);
    for_each_character(text.text, [&](const Character& c) {
      const bool apart = is_chinese(c.point);
      if (apart) out.append(U' ', text.from[c.begin]);
      out.append(text, c.begin, c.end);
      if (apart) out.append(U' ', text.from[c.begin]);
    });
    return out;
  }
};

}  // namespace lorica::text
