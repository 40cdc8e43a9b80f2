// SPDX-License-Identifier: MIT
// From recorded runs to tables, sentences and pictures: one list of sections, for Markdown and for HTML.
#pragma once

#include "plan.hpp"

#include <lorica/report/html.hpp>
#include <lorica/report/significance.hpp>

namespace lorica::studies {

/// The figures of a part, [row][column][seed]; NaN where there is none.
struct Grid {
  std::vector<std::vector<std::vector<double>>> value = {};
  std::vector<bool> present = {};             // columns whose data is at hand
  std::vector<std::size_t> primary = {};      // of every task the first column, by which methods are compared
  std::vector<std::vector<Cell>> cells = {};  // [row][entry]

  std::vector<std::size_t> group = {};  // of every column: those of one count as one, by their mean

  /// Of a row under a seed, over the present columns; NaN where one is missing.
  [[nodiscard]] double average(std::size_t row, std::size_t seed) const;
};
Grid grid(const Ready& ready, const Record& record, std::size_t part);

/// The table that stands beside a part's; null: none.
const PaperTable* paper_of(const Study& study, const Part& part);
/// How a paper makes its column of averages, as its own rows tell.
struct AverageRule {
  std::size_t each = 0, paired = 0;  // rows that it reproduces: every column once, or a pair's mean once
  [[nodiscard]] bool pairs(const PaperTable& paper) const {
    return paired == paper.lines.size() && each < paper.lines.size();
  }
};
AverageRule rule_of(const PaperTable& paper);
/// The average of a paper's line, every column once or pairs as one.
double average_of(const PaperTable& paper, const PaperTable::Line& line, bool pairs);

/// Differences of two rows over (task, seed), positive where the first is better.
struct Comparison {
  std::vector<double> differences = {};
  report::Spread spread;
  report::Interval student, bootstrap;  // the second of 8 pairs or more

  /// 1: better, -1: worse, 0: neither is shown.
  [[nodiscard]] int verdict() const;
  /// "mean +0.52, 95 % -0.10 to 1.14, n = 12"
  [[nodiscard]] std::string to_text() const;
};
Comparison compare(const Part& part, const Grid& grid, std::size_t row, std::size_t against);

/// A section of the report; `varies`: it holds times, by which two runs of one study differ.
struct Section {
  report::HtmlSection html;
  bool varies = false;

  /// Where its picture lies beside the Markdown: "pictures/glue-losses-on-cola.svg".
  [[nodiscard]] std::string picture() const;
};

/// Tables and sentences.
std::vector<Section> tables(const Ready& ready, const Record& record);
/// Pictures: curves over budgets, where the ranks went, losses, PAGE.
std::vector<Section> pictures(const Ready& ready, const Record& record);

/// Headings, paragraphs and tables, links to pictures, and where asked for what varies.
std::string markdown(const Study& study, const std::vector<Section>& sections, bool varying);
/// Every mean with its spread, one a line.
std::string csv(const Ready& ready, const Record& record);
report::HtmlPage page(const Ready& ready, const std::vector<Section>& sections, const Plan& plan);

}  // namespace lorica::studies
