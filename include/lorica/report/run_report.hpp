// SPDX-License-Identifier: MIT
/// @file lorica/report/run_report.hpp
/// What a run was and did, on one page.
#pragma once

#include <lorica/adapt/budget/cut.hpp>
#include <lorica/adapt/probe.hpp>
#include <lorica/report/html.hpp>
#include <lorica/report/line_chart.hpp>
#include <lorica/report/rank_map.hpp>
#include <lorica/report/site_map.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace lorica::report {

/// What is known of a run. What is empty is left out of the page.
struct RunReport {
  std::string title{};
  std::vector<Fact> facts{};                  ///< settings and results
  std::vector<double> loss{};                 ///< by step
  std::optional<adapt::SiteScores> scores{};  ///< what the probe heard at every site
  std::vector<SiteInfo> sites{};              ///< those that ranks and cuts speak of; empty: the probe's
  std::vector<index_t> ranks{};               ///< by ordinal, in the end; empty: those of the last cut
  std::vector<adapt::Cut> cuts{};
};

/// At every step the mean of what is finite among the last `window` values; NaN where nothing is.
[[nodiscard]] inline std::vector<double> trailing_mean(const std::vector<double>& values,
                                                       std::size_t window) {
  std::vector<double> out;
  for (std::size_t end = 1; end <= values.size(); ++end) {
    // Summed anew: a running sum never recovers from one value that is too large.
    double sum = 0;
    double count = 0;
    for (std::size_t i = end - std::min(window, end); i < end; ++i) {
      if (!std::isfinite(values[i])) continue;
      sum += values[i];
      ++count;
    }
    out.push_back(count > 0 ? sum / count : std::numeric_limits<double>::quiet_NaN());
  }
  return out;
}

namespace detail {

[[nodiscard]] inline HtmlSection loss_section(const std::vector<double>& loss) {
  LineChart chart{.x_label = "step", .y_label = "loss", .series = {{"each step", loss}}};
  const std::size_t window = std::min<std::size_t>(loss.size() / 20, 200);  // a short curve reads as it is
  if (window >= 5)
    chart.series.push_back({message("mean of ", window, " steps"), trailing_mean(loss, window)});
  return {.heading = "Loss", .svg = to_svg(chart)};
}

/// A number of every cut over the steps made until then; by decades where it spans more than one.
[[nodiscard]] inline HtmlSection cut_section(const std::vector<adapt::Cut>& cuts, std::string heading,
                                             std::string paragraph, double (*number)(const adapt::Cut&)) {
  LineChart chart{.x_label = "step", .series = {{}}};
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (const adapt::Cut& cut : cuts) {
    chart.series[0].x.push_back(static_cast<double>(cut.step + 1));
    const double value = chart.series[0].y.emplace_back(number(cut));
    if (!std::isfinite(value)) continue;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  if (low > 0 && high > 10 * low) chart.scale = Scale::logarithmic;
  return {.heading = std::move(heading), .paragraph = std::move(paragraph), .svg = to_svg(chart)};
}

/// Of many cuts some are shown.
[[nodiscard]] inline HtmlSection history_section(std::span<const SiteInfo> sites,
                                                 std::span<const adapt::Cut> cuts) {
  // A cell is some 200 bytes of the page: many sites get fewer columns.
  const std::size_t columns = std::clamp<std::size_t>(6000 / std::max<std::size_t>(1, sites.size()), 12, 60);
  std::string told = "The rank of every site after each cut, by the steps made until then.";
  if (cuts.size() > columns)
    told = message("The rank of every site after ", columns, " of the ", cuts.size(),
                   " cuts, by the steps made until then.");
  return {.heading = "How the ranks moved",
          .paragraph = std::move(told),
          .svg = to_svg(rank_history("", sites, cuts, columns)),
          .wide = cuts.size() > 12};
}

}  // namespace detail

/// Facts, loss, the probe's map, the ranks in the end, their history, the budget and the threshold: what of
/// them is known.
[[nodiscard]] inline HtmlPage run_report(const RunReport& run) {
  HtmlPage page{.title = run.title, .facts = run.facts};
  if (!run.loss.empty()) page.sections.push_back(detail::loss_section(run.loss));
  if (run.scores) {
    page.sections.push_back({.heading = "Where the gradient energy is",
                             .paragraph = "The PAGE of every site of the model before training.",
                             .svg = to_svg(site_map("", *run.scores))});
  }
  const auto& sites = run.sites.empty() && run.scores ? run.scores->sites : run.sites;
  const auto& ranks = run.ranks.empty() && !run.cuts.empty() ? run.cuts.back().rank : run.ranks;
  if (!ranks.empty()) {
    index_t total = 0;
    for (const index_t rank : ranks) total += rank;
    page.sections.push_back({.heading = "Ranks in the end",
                             .paragraph = message(total, " directions in all."),
                             .svg = to_svg(rank_map("", sites, ranks))});
  }
  if (run.cuts.empty()) return page;
  page.sections.push_back(detail::history_section(sites, run.cuts));
  page.sections.push_back(
      detail::cut_section(run.cuts, "Budget", "Directions left in all after each cut.",
                          [](const adapt::Cut& c) { return static_cast<double>(c.kept); }));
  page.sections.push_back(detail::cut_section(run.cuts, "Threshold",
                                              "The directions that scored at most this were cut.",
                                              [](const adapt::Cut& c) { return c.threshold; }));
  return page;
}

}  // namespace lorica::report
