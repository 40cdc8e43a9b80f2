// SPDX-License-Identifier: MIT
/// @file lorica/tasks/squad_rows.hpp
/// A question and its paragraph as token rows: in windows that overlap where the paragraph is too long, with
/// the answer's rows as label.
#pragma once

#include <lorica/tasks/samples.hpp>
#include <lorica/tasks/squad.hpp>
#include <lorica/text/template.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lorica::tasks {

struct SquadRowsConfig {
  index_t max_length = 384;   // tokens of a window, question and special ones included
  index_t stride = 128;       // tokens of the paragraph that a window shares with the one before it
  index_t max_question = 64;  // tokens; the rest of a longer question is cut off
};

/// One sample: `count` tokens of a paragraph from number `token`, the first of them at row `row`.
struct SquadWindow {
  std::size_t question = 0;
  std::size_t token = 0, count = 0, row = 0;
};

/// The tokens [first, last] that cover bytes [begin, end); nothing where no token is of those bytes.
[[nodiscard]] inline std::optional<std::pair<std::size_t, std::size_t>> covering(
    const std::vector<text::Span>& spans, std::size_t begin, std::size_t end) {
  std::optional<std::pair<std::size_t, std::size_t>> found;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    if (spans[i].begin >= spans[i].end || spans[i].end <= begin || spans[i].begin >= end) continue;
    if (!found) found = {i, i};
    found->second = i;
  }
  return found;
}

/// The windows of a file's questions, question by question. The label is the rows of the first answer; row 0,
/// the [CLS] of those models, where there is none or the window has not all of it.
class SquadRows {
 public:
  template <text::PretrainedTokenizer T>
  SquadRows(const T& tokenizer, Squad squad, const SquadRowsConfig& config = {})
      : squad_(std::move(squad)), around_(tokenizer.around().two) {
    expects(config.stride >= 0 && config.max_question > 0, "SQuAD: a stride of ", config.stride,
            " and questions of ", config.max_question, " tokens, expected at least 0 and 1");
    for (const std::string& context : squad_.contexts) contexts_.push_back(tokenizer.encode(context));
    for (std::size_t q = 0; q < squad_.questions.size(); ++q) {
      std::string_view asked = squad_.questions[q].question;  // some begin with spaces
      asked.remove_prefix(std::min(asked.find_first_not_of(" \t\n"), asked.size()));
      questions_.push_back(tokenizer.encode(asked));
      text::truncate(questions_.back(), static_cast<std::size_t>(config.max_question));
      first_window_.push_back(windows_.size());
      add_windows(q, config);
      add_answer(q);
    }
    first_window_.push_back(windows_.size());
  }

  [[nodiscard]] index_t size() const { return static_cast<index_t>(windows_.size()); }
  [[nodiscard]] index_t length(index_t i) const {
    const SquadWindow& w = window(i);
    return static_cast<index_t>(around_.added() + questions_[w.question].size() + w.count);
  }
  void append(nn::Sequences& to, index_t i) const {
    const SquadWindow& w = window(i);
    const text::Encoding& context = contexts_[squad_.questions[w.question].context];
    const auto cut = [&](const auto& all) {
      const auto begin = all.begin() + static_cast<std::ptrdiff_t>(w.token);
      return std::remove_cvref_t<decltype(all)>(begin, begin + static_cast<std::ptrdiff_t>(w.count));
    };
    const text::Encoding part{cut(context.ids), cut(context.types), cut(context.spans)};
    const text::Encoding rows = text::join(around_, questions_[w.question], part);
    const bool plain = std::ranges::all_of(rows.types, [](std::int32_t type) { return type == 0; });
    to.add(rows.ids, plain ? std::span<const std::int32_t>() : std::span(rows.types), label(i));
  }

  [[nodiscard]] const Squad& squad() const { return squad_; }
  [[nodiscard]] const SquadWindow& window(index_t i) const { return windows_[static_cast<std::size_t>(i)]; }
  /// The windows of question q are numbers [first, second).
  [[nodiscard]] std::pair<index_t, index_t> windows_of(std::size_t q) const {
    return {static_cast<index_t>(first_window_[q]), static_cast<index_t>(first_window_[q + 1])};
  }
  [[nodiscard]] nn::Label label(index_t i) const {
    const SquadWindow& w = window(i);
    nn::Label label;
    label.first = label.last = 0;
    const auto& answer = answers_[w.question];
    if (answer && answer->first >= w.token && answer->second < w.token + w.count) {
      label.first = static_cast<std::int32_t>(w.row + answer->first - w.token);
      label.last = static_cast<std::int32_t>(w.row + answer->second - w.token);
    }
    return label;
  }
  /// The bytes of its paragraph that rows [first, last] of window i stand for: whole characters, of which a
  /// token may be a part, without the spaces around, which byte-level tokens carry. Empty where none is left.
  [[nodiscard]] text::Span bytes(index_t i, index_t first, index_t last) const {
    const SquadWindow& w = window(i);
    const auto row = static_cast<index_t>(w.row);
    expects(first >= row && last >= first && last < row + static_cast<index_t>(w.count), "SQuAD: rows ",
            first, " to ", last, " of window ", i, ", expected rows of the paragraph: ", row, " to ",
            row + static_cast<index_t>(w.count) - 1);
    const std::size_t c = squad_.questions[w.question].context;
    text::Span all;
    for (index_t r = first; r <= last; ++r) {
      const text::Span& s = contexts_[c].spans[w.token + static_cast<std::size_t>(r - row)];
      if (s.begin >= s.end) continue;
      if (all.begin == all.end) all = s;
      all.end = std::max(all.end, s.end);
    }
    const std::string& context = squad_.contexts[c];
    const auto inside = [&](std::size_t at) {
      return at < context.size() && (static_cast<unsigned char>(context[at]) & 0xC0) == 0x80;
    };
    while (all.begin > 0 && inside(all.begin)) --all.begin;
    while (all.begin < all.end && inside(all.end)) ++all.end;
    const auto space = [&](std::size_t at) { return context[at] == ' ' || context[at] == '\n'; };
    while (all.begin < all.end && space(all.begin)) ++all.begin;
    while (all.begin < all.end && space(all.end - 1)) --all.end;
    return all;
  }
  [[nodiscard]] std::string_view text(index_t i, index_t first, index_t last) const {
    const text::Span s = bytes(i, first, last);
    return std::string_view(squad_.contexts[squad_.questions[window(i).question].context])
        .substr(s.begin, s.end - s.begin);
  }

 private:
  void add_windows(std::size_t q, const SquadRowsConfig& config) {
    const std::size_t asked = questions_[q].size(), n = contexts_[squad_.questions[q].context].size();
    const index_t room = config.max_length - static_cast<index_t>(around_.added() + asked);
    expects(room > config.stride, "SQuAD: question ", io::json::quote(squad_.questions[q].id), " leaves ",
            room, " of ", config.max_length, " tokens to its paragraph, expected more than the stride of ",
            config.stride);
    const auto most = static_cast<std::size_t>(room), step = static_cast<std::size_t>(room - config.stride);
    for (std::size_t token = 0;; token += step) {
      const std::size_t count = std::min(most, n - token);
      windows_.push_back({q, token, count, around_.begin(text::Slot::Kind::second, asked, count).value()});
      if (token + count >= n) return;
    }
  }
  void add_answer(std::size_t q) {
    const SquadQuestion& question = squad_.questions[q];
    answers_.emplace_back();
    if (question.answers.empty()) return;
    const SquadAnswer& a = question.answers.front();
    answers_.back() = covering(contexts_[question.context].spans, a.begin, a.end);
    expects(answers_.back().has_value(), "SQuAD: question ", io::json::quote(question.id),
            ": no token is of the answer ", io::json::quote(a.text));
  }

  Squad squad_;
  text::Template around_;
  std::vector<text::Encoding> contexts_, questions_;
  std::vector<std::optional<std::pair<std::size_t, std::size_t>>>
      answers_;  // tokens of the paragraph, by question
  std::vector<SquadWindow> windows_;
  std::vector<std::size_t> first_window_;  // by question
};
static_assert(Measurable<SquadRows>);

}  // namespace lorica::tasks
