// SPDX-License-Identifier: MIT
/// @file lorica/tasks/metrics/bleu.hpp
/// Corpus BLEU (Papineni et al. 2002) equal to sacrebleu's: mteval-v13a tokens, 4-grams, the reference of the
/// closest length, exponential smoothing (sacrebleu's signature "eff:no|tok:13a|smooth:exp").
///
/// mteval itself, and scripts that follow it, compare in lower case: `lowercase`.
#pragma once

#include <lorica/core/check.hpp>
#include <lorica/tasks/unicode.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lorica::tasks {

namespace detail {

[[nodiscard]] inline std::string replaced(std::string text, std::string_view what, std::string_view by) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
  return text;
}
[[nodiscard]] inline bool digit(char c) { return c >= '0' && c <= '9'; }
[[nodiscard]] inline bool point_or_comma(char c) { return c == '.' || c == ','; }
/// ASCII punctuation but for the apostrophe, the comma, the hyphen and the point; and the space.
[[nodiscard]] inline bool stands_alone(char c) {
  return (c >= '{' && c <= '~') || (c >= '[' && c <= '`') || (c >= ' ' && c <= '&') ||
         (c >= '(' && c <= '+') || (c >= ':' && c <= '@') || c == '/';
}
/// Replaces every pair (a, b) that `apart` accepts, left to right and without overlap, by what `put` appends.
template <class Apart, class Put>
[[nodiscard]] std::string by_pairs(std::string_view text, const Apart& apart, const Put& put) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i + 1 < text.size() && apart(text[i], text[i + 1])) {
      put(out, text[i], text[i + 1]);
      ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace detail

/// The tokens of mteval-v13a, as sacrebleu's "13a": punctuation stands alone, but not the apostrophe, nor
/// points and commas inside numbers. Splits at Unicode white space.
[[nodiscard]] inline std::vector<std::string> tokens_13a(std::string_view line) {
  using detail::digit, detail::point_or_comma, detail::replaced;
  while (!line.empty()) {  // trailing white space first: a hyphen at the end joins no lines
    std::size_t last = line.size() - 1;
    while (last > 0 && (static_cast<unsigned char>(line[last]) & 0xC0) == 0x80) --last;
    if (!is_space(code_point(line, last).value)) break;
    line = line.substr(0, last);
  }
  std::string text = replaced(std::string(line), "<skipped>", "");
  text = replaced(replaced(text, "-\n", ""), "\n", " ");
  text = replaced(replaced(text, "&quot;", "\""), "&amp;", "&");
  text = replaced(replaced(text, "&lt;", "<"), "&gt;", ">");
  std::string spaced = " ";
  for (const char c : text + ' ') {
    if (detail::stands_alone(c))
      spaced += {' ', c, ' '};
    else
      spaced += c;
  }
  spaced = detail::by_pairs(
      spaced, [](char a, char b) { return !digit(a) && point_or_comma(b); },
      [](std::string& out, char a, char b) {
        out += {a, ' ', b, ' '};
      });
  spaced = detail::by_pairs(
      spaced, [](char a, char b) { return point_or_comma(a) && !digit(b); },
      [](std::string& out, char a, char b) {
        out += {' ', a, ' ', b};
      });
  spaced = detail::by_pairs(
      spaced, [](char a, char b) { return digit(a) && b == '-'; },
      [](std::string& out, char a, char b) {
        out += {a, ' ', b, ' '};
      });
  std::vector<std::string> tokens;
  for (const std::string_view word : split(spaced)) tokens.emplace_back(word);
  return tokens;
}

struct Bleu {
  double score = 0;                       // 0 to 100
  std::array<double, 4> precisions = {};  // of 1- to 4-grams, 0 to 100, smoothed
  double brevity_penalty = 1;
  std::size_t length = 0;            // tokens of all hypotheses
  std::size_t reference_length = 0;  // of the references closest in length, the shorter of two
};

struct BleuConfig {
  bool lowercase = false;
};

namespace detail {

using Ngrams = std::map<std::vector<std::string_view>, std::size_t>;

[[nodiscard]] inline Ngrams ngrams(const std::vector<std::string>& tokens, std::size_t n) {
  Ngrams counts;
  for (std::size_t i = 0; i + n <= tokens.size(); ++i) {
    std::vector<std::string_view> gram;
    for (std::size_t k = i; k < i + n; ++k) gram.emplace_back(tokens[k]);
    ++counts[std::move(gram)];
  }
  return counts;
}

struct BleuCounts {
  std::array<std::size_t, 4> right = {}, all = {};
  std::size_t length = 0, reference_length = 0;

  void add(const std::vector<std::string>& hypothesis,
           const std::vector<std::vector<std::string>>& references) {
    const auto apart = [&](const std::vector<std::string>& r) {
      return std::max(r.size(), hypothesis.size()) - std::min(r.size(), hypothesis.size());
    };
    std::size_t closest = references[0].size(), least = apart(references[0]);
    for (const auto& r : references)
      if (apart(r) < least || (apart(r) == least && r.size() < closest)) {
        closest = r.size();
        least = apart(r);
      }
    length += hypothesis.size();
    reference_length += closest;
    for (std::size_t n = 1; n <= 4; ++n) {
      Ngrams most;  // of each n-gram in any one reference
      for (const auto& r : references)
        for (const auto& [gram, count] : ngrams(r, n)) most[gram] = std::max(most[gram], count);
      for (const auto& [gram, count] : ngrams(hypothesis, n)) {
        const auto found = most.find(gram);
        right[n - 1] += found == most.end() ? 0 : std::min(count, found->second);
        all[n - 1] += count;
      }
    }
  }
};

}  // namespace detail

/// BLEU of a corpus: one hypothesis and one or more references a segment. 0 where nothing matches; where no
/// hypothesis is as long as an n-gram, that precision is 0 and the score with it.
[[nodiscard]] inline Bleu bleu(std::span<const std::string> hypotheses,
                               std::span<const std::vector<std::string>> references,
                               const BleuConfig& config = {}) {
  expects(hypotheses.size() == references.size() && !hypotheses.empty(), "BLEU: ", hypotheses.size(),
          " hypotheses for ", references.size(), " sets of references, expected as many, and at least one");
  const auto tokens = [&](const std::string& text) {
    return tokens_13a(config.lowercase ? lower(text) : text);
  };
  detail::BleuCounts counts;
  for (std::size_t i = 0; i < hypotheses.size(); ++i) {
    expects(!references[i].empty(), "BLEU: hypothesis ", i, " has no reference, expected at least one");
    std::vector<std::vector<std::string>> of_it;
    for (const std::string& r : references[i]) of_it.push_back(tokens(r));
    counts.add(tokens(hypotheses[i]), of_it);
  }
  Bleu b;
  b.length = counts.length;
  b.reference_length = counts.reference_length;
  if (b.length < b.reference_length)
    b.brevity_penalty =
        b.length == 0 ? 0.0
                      : std::exp(1 - static_cast<double>(b.reference_length) / static_cast<double>(b.length));
  if (std::ranges::all_of(counts.right, [](std::size_t n) { return n == 0; })) return b;
  double halving = 1, logarithms = 0;
  for (std::size_t n = 0; n < 4; ++n) {
    if (counts.all[n] == 0) return b;  // the logarithm of 0
    const auto all = static_cast<double>(counts.all[n]);
    if (counts.right[n] == 0) halving *= 2;
    b.precisions[n] =
        counts.right[n] == 0 ? 100 / (halving * all) : 100 * static_cast<double>(counts.right[n]) / all;
    logarithms += std::log(b.precisions[n]);
  }
  b.score = b.brevity_penalty * std::exp(logarithms / 4);
  return b;
}

}  // namespace lorica::tasks
