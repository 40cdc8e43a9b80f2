// SPDX-License-Identifier: MIT
/// @file lorica/tasks/metrics/squad.hpp
/// Exact match and F1 of answers in words, as SQuAD's two official scripts define them, and the threshold
/// above which v2.0 had better say that there is no answer.
#pragma once

#include <lorica/core/check.hpp>
#include <lorica/tasks/unicode.hpp>

#include <algorithm>
#include <cstddef>
#include <map>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lorica::tasks {

/// In lower case, without ASCII punctuation, without the words a, an and the, one space between words.
[[nodiscard]] inline std::string normalized_answer(std::string_view answer) {
  std::string text = lower(answer);
  std::erase_if(text, [](char c) { return c > ' ' && c < 0x7F && (c == '_' || !of_a_word(char32_t(c))); });
  std::string kept;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i;  // of the characters of one word, or after one character of none
    while (end < text.size() && of_a_word(code_point(text, end).value)) end += code_point(text, end).bytes;
    if (end == i) end += code_point(text, i).bytes;
    const std::string_view word = std::string_view(text).substr(i, end - i);
    kept += word == "a" || word == "an" || word == "the" ? std::string_view(" ") : word;
    i = end;
  }
  std::string joined;
  for (const std::string_view word : split(kept)) (joined += joined.empty() ? "" : " ") += word;
  return joined;
}

/// 1 where the two are the same after normalisation, else 0.
[[nodiscard]] inline double exact_match(std::string_view predicted, std::string_view expected) {
  return normalized_answer(predicted) == normalized_answer(expected) ? 1 : 0;
}

/// F1 of the two bags of words. Where one has no words: 1 if neither has and `empty_may_match` (v2.0's
/// script), else 0 (v1.1's).
[[nodiscard]] inline double answer_f1(std::string_view predicted, std::string_view expected,
                                      bool empty_may_match = true) {
  const std::string p = normalized_answer(predicted), e = normalized_answer(expected);
  const auto words_p = split(p), words_e = split(e);
  if (words_p.empty() || words_e.empty())
    return empty_may_match && words_p.empty() && words_e.empty() ? 1 : 0;
  std::map<std::string_view, std::size_t> left;
  for (const auto word : words_e) ++left[word];
  std::size_t common = 0;
  for (const auto word : words_p)
    if (const auto it = left.find(word); it != left.end() && it->second > 0) {
      --it->second;
      ++common;
    }
  if (common == 0) return 0;
  const double precision = static_cast<double>(common) / static_cast<double>(words_p.size()),
               recall = static_cast<double>(common) / static_cast<double>(words_e.size());
  return 2 * precision * recall / (precision + recall);
}

/// A question, answered: `expected` is empty where the right thing to say is nothing.
struct AnsweredQuestion {
  std::vector<std::string> expected;
  std::string predicted;  // empty: no answer
  double no_answer = 0;   // the larger, the less there is an answer: a probability, or a difference of scores
};

enum class SquadVersion { v1_1, v2_0 };

/// Percentages over all questions and, for v2.0, over those with an answer and those without.
struct SquadScores {
  double exact = 0, f1 = 0;
  std::size_t total = 0;
  double answer_exact = 0, answer_f1 = 0;
  std::size_t answer_total = 0;
  double no_answer_exact = 0, no_answer_f1 = 0;
  std::size_t no_answer_total = 0;
};

/// What would have been reached with the threshold chosen afterwards, and that threshold.
struct SquadThreshold {
  double best_exact = 0, exact_threshold = 0;
  double best_f1 = 0, f1_threshold = 0;
};

namespace detail {

struct RawScore {
  double exact = 0, f1 = 0;
};
/// The best over the expected answers, before any threshold.
[[nodiscard]] inline RawScore raw_score(const AnsweredQuestion& q, SquadVersion version) {
  const bool v2 = version == SquadVersion::v2_0;
  std::vector<std::string> expected = q.expected;
  if (v2) std::erase_if(expected, [](const std::string& e) { return normalized_answer(e).empty(); });
  if (v2 && expected.empty()) expected.emplace_back();
  RawScore best;
  for (const std::string& e : expected) {
    best.exact = std::max(best.exact, exact_match(q.predicted, e));
    best.f1 = std::max(best.f1, answer_f1(q.predicted, e, v2));
  }
  return best;
}

struct Best {
  double score = 0, threshold = 0;
};
/// Walks up the thresholds: every question answered adds its score, or costs one that had no answer.
[[nodiscard]] inline Best best_threshold(std::span<const AnsweredQuestion> questions,
                                         std::span<const double> scores) {
  std::vector<std::size_t> order(questions.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(
      order, [&](std::size_t i, std::size_t j) { return questions[i].no_answer < questions[j].no_answer; });
  double now = 0;
  for (const AnsweredQuestion& q : questions) now += q.expected.empty() ? 1 : 0;
  Best best{now, 0};
  for (const std::size_t i : order) {
    const AnsweredQuestion& q = questions[i];
    if (!q.expected.empty())
      now += scores[i];
    else if (!q.predicted.empty())
      now -= 1;
    if (now > best.score) best = {now, q.no_answer};
  }
  return {100 * best.score / static_cast<double>(questions.size()), best.threshold};
}

}  // namespace detail

/// Scores of all questions. v2.0: one whose `no_answer` is above `threshold` counts as not answered; v1.1
/// has no threshold. Throws ConfigError on no questions.
[[nodiscard]] inline SquadScores squad_scores(std::span<const AnsweredQuestion> questions,
                                              SquadVersion version, double threshold = 1) {
  expects(!questions.empty(), "SQuAD: no questions to score, expected at least one");
  SquadScores s;
  for (const AnsweredQuestion& q : questions) {
    const bool has_answer = !q.expected.empty();
    detail::RawScore raw = detail::raw_score(q, version);
    if (version == SquadVersion::v2_0 && q.no_answer > threshold)
      raw = has_answer ? detail::RawScore{} : detail::RawScore{1, 1};
    (has_answer ? s.answer_exact : s.no_answer_exact) += raw.exact;
    (has_answer ? s.answer_f1 : s.no_answer_f1) += raw.f1;
    ++(has_answer ? s.answer_total : s.no_answer_total);
  }
  const auto percent = [](double sum, std::size_t n) {
    return n == 0 ? 0 : 100 * sum / static_cast<double>(n);
  };
  s.total = questions.size();
  s.exact = percent(s.answer_exact + s.no_answer_exact, s.total);
  s.f1 = percent(s.answer_f1 + s.no_answer_f1, s.total);
  s.answer_exact = percent(s.answer_exact, s.answer_total);
  s.answer_f1 = percent(s.answer_f1, s.answer_total);
  s.no_answer_exact = percent(s.no_answer_exact, s.no_answer_total);
  s.no_answer_f1 = percent(s.no_answer_f1, s.no_answer_total);
  return s;
}

/// The thresholds that are best on these very questions, v2.0's best_exact and best_f1. Questions of equal
/// `no_answer` are taken in the order given, and a threshold between them is not excluded, as there.
[[nodiscard]] inline SquadThreshold squad_threshold(std::span<const AnsweredQuestion> questions) {
  expects(!questions.empty(), "SQuAD: no questions to find a threshold on, expected at least one");
  std::vector<double> exact, f1;
  for (const AnsweredQuestion& q : questions) {
    const detail::RawScore raw = detail::raw_score(q, SquadVersion::v2_0);
    exact.push_back(raw.exact);
    f1.push_back(raw.f1);
  }
  const auto e = detail::best_threshold(questions, exact), f = detail::best_threshold(questions, f1);
  return {e.score, e.threshold, f.score, f.threshold};
}

}  // namespace lorica::tasks
