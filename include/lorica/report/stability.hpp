// SPDX-License-Identifier: MIT
/// @file lorica/report/stability.hpp
/// Whether a score says the same twice, as a table and a sentence.
#pragma once

#include <lorica/adapt/stability.hpp>
#include <lorica/report/format.hpp>
#include <lorica/report/table.hpp>

namespace lorica::report {

namespace detail {
inline std::string number_or_dash(double v, int digits) { return std::isnan(v) ? "-" : fixed(v, digits); }
}  // namespace detail

/// A row a run: its dominant site, the share of the sum that site holds, Gini's coefficient, and its rank
/// correlation with every run. A dash where a number is not defined.
[[nodiscard]] inline Table stability_table(const adapt::Stability& s, const std::vector<std::string>& runs) {
  expects(runs.size() == s.runs(), "stability_table: ", runs.size(), " names for ", s.runs(), " runs");
  std::vector<Column> columns = {{"run"}, {"dominant"}, {"share", Align::right}, {"Gini", Align::right}};
  for (const auto& run : runs) columns.push_back({run, Align::right});
  Table table(std::move(columns));
  for (std::size_t r = 0; r < s.runs(); ++r) {
    std::vector<std::string> cells = {runs[r], s.sites[s.dominant[r]].path,
                                      detail::number_or_dash(100 * s.top_share[r], 1) + " %",
                                      detail::number_or_dash(s.gini[r], 3)};
    for (std::size_t other = 0; other < s.runs(); ++other)
      cells.push_back(detail::number_or_dash(s.correlation_of(r, other), 3));
    table.add(cells);
  }
  return table;
}
/// "blocks.1.down is dominant in 3 of 4 runs; two runs agree with probability 0.50; least rank correlation
/// 0.91"
[[nodiscard]] inline std::string stability_line(const adapt::Stability& s) {
  const auto times = std::ranges::count(s.dominant, s.usual);
  return message(s.sites[s.usual].path, " is dominant in ", times, " of ", s.runs(),
                 " runs; two runs agree with probability ", fixed(s.agreement, 2),
                 "; least rank correlation ", detail::number_or_dash(s.least_correlation(), 2));
}

}  // namespace lorica::report
