// SPDX-License-Identifier: MIT
/// @file lorica/tasks/squad_answers.hpp
/// From a score a row for beginning and ending an answer to the answers themselves.
#pragma once

#include <lorica/tasks/squad_rows.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lorica::tasks {

struct SpanConfig {
  std::size_t n_best = 20;
  index_t max_answer = 30;  // tokens
};

/// A place in a paragraph, and the sum of the scores of its first and its last row.
struct SpanCandidate {
  text::Span bytes;
  double score = 0;
};

/// What was found for a question. `no_answer` is the score of row 0 (least over the windows) minus the best
/// span's: above a threshold, say nothing.
struct SquadPrediction {
  std::string id;
  std::string text;  // the best span, whatever no_answer says
  double no_answer = 0;
  std::vector<SpanCandidate> best;  // falling scores
};

/// Takes windows in any order. Every span of up to max_answer tokens within a paragraph is weighed, not only
/// those whose two ends are each among the best; of equal scores the earlier in the paragraph wins.
class SquadAnswers {
 public:
  explicit SquadAnswers(const SquadRows& rows, const SpanConfig& config = {})
      : rows_(&rows),
        config_(config),
        found_(rows.squad().questions.size()),
        none_(found_.size(), std::numeric_limits<double>::infinity()),
        seen_(static_cast<std::size_t>(rows.size())) {
    expects(config.n_best > 0 && config.max_answer > 0, "SQuAD: the best ", config.n_best,
            " answers of up to ", config.max_answer, " tokens, expected at least 1 and 1");
  }

  /// The scores of all rows of window i. Throws ConfigError on another number of rows, NumericError on a
  /// score that is not finite.
  void add(index_t i, std::span<const double> begin, std::span<const double> end) {
    const SquadWindow& w = rows_->window(i);
    const auto rows = static_cast<std::size_t>(rows_->length(i));
    expects(begin.size() == rows && end.size() == rows, "SQuAD: ", begin.size(), " and ", end.size(),
            " scores for window ", i, ", expected one for each of its ", rows, " rows");
    for (std::size_t r = 0; r < rows; ++r)
      expects<NumericError>(std::isfinite(begin[r]) && std::isfinite(end[r]), "SQuAD: the scores of row ", r,
                            " of window ", i, " are ", begin[r], " and ", end[r],
                            ", expected finite numbers");
    seen_[static_cast<std::size_t>(i)] = true;
    none_[w.question] = std::min(none_[w.question], begin[0] + end[0]);
    std::vector<SpanCandidate>& best = found_[w.question];
    const std::size_t last_row = w.row + w.count, longest = static_cast<std::size_t>(config_.max_answer);
    for (std::size_t first = w.row; first < last_row; ++first)
      for (std::size_t last = first; last < std::min(last_row, first + longest); ++last) {
        const double score = begin[first] + end[last];
        if (best.size() == config_.n_best && score < best.back().score) continue;
        const text::Span bytes = rows_->bytes(i, static_cast<index_t>(first), static_cast<index_t>(last));
        if (bytes.begin < bytes.end) offer(best, {bytes, score});
      }
  }

  /// Of all questions, in the file's order. Throws ConfigError naming one whose windows are not all there.
  [[nodiscard]] std::vector<SquadPrediction> predictions() const {
    std::vector<SquadPrediction> all;
    const auto& questions = rows_->squad().questions;
    for (std::size_t q = 0; q < questions.size(); ++q) {
      const auto [first, last] = rows_->windows_of(q);
      for (index_t i = first; i < last; ++i)
        expects(seen_[static_cast<std::size_t>(i)], "SQuAD: no scores for window ", i, ", number ", i - first,
                " of question ", io::json::quote(questions[q].id));
      SquadPrediction p{questions[q].id, {}, std::numeric_limits<double>::infinity(), found_[q]};
      if (!p.best.empty()) {
        const text::Span at = p.best[0].bytes;
        p.text = rows_->squad().contexts[questions[q].context].substr(at.begin, at.end - at.begin);
        p.no_answer = none_[q] - p.best[0].score;
      }
      all.push_back(std::move(p));
    }
    return all;
  }

 private:
  static bool before(const SpanCandidate& a, const SpanCandidate& b) {
    if (a.score != b.score) return a.score > b.score;
    return a.bytes.begin != b.bytes.begin ? a.bytes.begin < b.bytes.begin : a.bytes.end < b.bytes.end;
  }
  /// Keeps `best` in order; a place that two windows share counts once, with its better score.
  void offer(std::vector<SpanCandidate>& best, const SpanCandidate& c) const {
    const auto same = std::ranges::find(best, c.bytes, &SpanCandidate::bytes);
    if (same != best.end()) {
      if (same->score >= c.score) return;
      best.erase(same);
    }
    best.insert(std::ranges::upper_bound(best, c, before), c);
    if (best.size() > config_.n_best) best.pop_back();
  }

  const SquadRows* rows_;
  SpanConfig config_;
  std::vector<std::vector<SpanCandidate>> found_;  // by question
  std::vector<double> none_;
  std::vector<bool> seen_;
};

/// Predictions beside what was expected, for squad_scores and squad_threshold. Without `may_refuse` (v1.1)
/// no_answer is not passed on.
[[nodiscard]] inline std::vector<AnsweredQuestion> answered(const Squad& squad,
                                                            std::span<const SquadPrediction> predictions,
                                                            SquadVersion version) {
  expects(predictions.size() == squad.questions.size(), "SQuAD: ", predictions.size(), " predictions for ",
          squad.questions.size(), " questions");
  std::vector<AnsweredQuestion> all;
  for (std::size_t q = 0; q < predictions.size(); ++q) {
    expects(predictions[q].id == squad.questions[q].id, "SQuAD: prediction ", q, " is for ",
            io::json::quote(predictions[q].id), ", expected ", io::json::quote(squad.questions[q].id));
    AnsweredQuestion a{{}, predictions[q].text, version == SquadVersion::v2_0 ? predictions[q].no_answer : 0};
    for (const SquadAnswer& answer : squad.questions[q].answers) a.expected.push_back(answer.text);
    all.push_back(std::move(a));
  }
  return all;
}

/// {"id": "answer"}, the file that SQuAD's scripts read; an empty text where no_answer is above the
/// threshold.
[[nodiscard]] inline io::json::Value predictions_by_id(
    std::span<const SquadPrediction> predictions,
    double threshold = std::numeric_limits<double>::infinity()) {
  io::json::Object all;
  for (const SquadPrediction& p : predictions) all.push_back({p.id, p.no_answer > threshold ? "" : p.text});
  return all;
}

}  // namespace lorica::tasks
