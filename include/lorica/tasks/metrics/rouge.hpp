// SPDX-License-Identifier: MIT
/// @file lorica/tasks/metrics/rouge.hpp
/// ROUGE-L (Lin 2004) equal to the package rouge_score's rougeL without stemmer: words of a-z and 0-9 in
/// lower case, precision and recall of the longest common subsequence.
#pragma once

#include <lorica/core/check.hpp>
#include <lorica/tasks/unicode.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lorica::tasks {

struct RougeL {
  double precision = 0, recall = 0, f1 = 0;  // 0 to 1
};

namespace detail {

[[nodiscard]] inline std::vector<std::string> rouge_words(std::string_view text) {
  std::vector<std::string> words(1);
  for (const char c : lower(text)) {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
      words.back() += c;
    else if (!words.back().empty())
      words.emplace_back();
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

[[nodiscard]] inline std::size_t common_subsequence(const std::vector<std::string>& a,
                                                    const std::vector<std::string>& b) {
  std::vector<std::size_t> row(b.size() + 1);  // longest of a's words so far and b's first j
  for (const std::string& word : a) {
    std::size_t diagonal = 0;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t above = row[j + 1];
      row[j + 1] = word == b[j] ? diagonal + 1 : std::max(above, row[j]);
      diagonal = above;
    }
  }
  return row.back();
}

}  // namespace detail

/// Against one reference; all 0 where either has no words.
[[nodiscard]] inline RougeL rouge_l(std::string_view hypothesis, std::string_view reference) {
  const auto h = detail::rouge_words(hypothesis), r = detail::rouge_words(reference);
  if (h.empty() || r.empty()) return {};
  const auto common = static_cast<double>(detail::common_subsequence(r, h));
  RougeL s{common / static_cast<double>(h.size()), common / static_cast<double>(r.size()), 0};
  if (common > 0) s.f1 = 2 * s.precision * s.recall / (s.precision + s.recall);
  return s;
}

/// Against several: the reference of the highest F1, the first of equals, as RougeScorer.score_multi.
[[nodiscard]] inline RougeL rouge_l(std::string_view hypothesis, std::span<const std::string> references) {
  expects(!references.empty(), "ROUGE-L: no reference, expected at least one");
  RougeL best = rouge_l(hypothesis, references[0]);
  for (const std::string& r : references.subspan(1))
    if (const RougeL s = rouge_l(hypothesis, r); s.f1 > best.f1) best = s;
  return best;
}

/// The plain mean over a corpus. (rouge_score's aggregator draws bootstrap samples around it.)
[[nodiscard]] inline RougeL rouge_l(std::span<const std::string> hypotheses,
                                    std::span<const std::vector<std::string>> references) {
  expects(hypotheses.size() == references.size() && !hypotheses.empty(), "ROUGE-L: ", hypotheses.size(),
          " hypotheses for ", references.size(), " sets of references, expected as many, and at least one");
  RougeL mean;
  const auto n = static_cast<double>(hypotheses.size());
  for (std::size_t i = 0; i < hypotheses.size(); ++i) {
    const RougeL s = rouge_l(hypotheses[i], references[i]);
    mean.precision += s.precision / n;
    mean.recall += s.recall / n;
    mean.f1 += s.f1 / n;
  }
  return mean;
}

}  // namespace lorica::tasks
