// SPDX-License-Identifier: MIT
/// @file lorica/report/rank_map.hpp
/// Where the ranks are, and how they moved: layers by roles, and sites by cuts.
#pragma once

#include <lorica/adapt/budget/cut.hpp>
#include <lorica/report/site_map.hpp>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace lorica::report {

namespace detail {
/// The rank of a site in a list by ordinal; throws ShapeError where the list is shorter.
[[nodiscard]] inline double rank_of(const SiteInfo& site, std::span<const index_t> ranks) {
  const auto at = static_cast<std::size_t>(site.ordinal);
  expects<ShapeError>(at < ranks.size(), "rank map: ", ranks.size(), " ranks, expected one for site ",
                      site.ordinal, " (", site.path, ") as well");
  return static_cast<double>(ranks[at]);
}
}  // namespace detail

/// Layers down, roles across, `ranks` by the sites' ordinals. Two sites of one layer and role share a cell:
/// their ranks add.
[[nodiscard]] inline HeatMap rank_map(std::string title, std::span<const SiteInfo> sites,
                                      std::span<const index_t> ranks) {
  expects(!sites.empty(), "rank map: no sites, expected at least one");
  adapt::SiteScores as_scores{{sites.begin(), sites.end()}, {}};
  for (const SiteInfo& site : sites) as_scores.values.push_back(detail::rank_of(site, ranks));
  HeatMap map = site_map(std::move(title), as_scores);
  map.scale = Scale::linear;
  return map;
}

/// At most so many of `count` things: the first, the last, and others evenly between.
[[nodiscard]] inline std::vector<std::size_t> evenly(std::size_t count, std::size_t most) {
  const std::size_t kept = std::min(count, std::max<std::size_t>(most, 2));
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < kept; ++i) out.push_back(kept == 1 ? 0 : i * (count - 1) / (kept - 1));
  return out;
}

/// Sites down ("block 3 up", or the path where several are called that), cuts across, labelled with the steps
/// made until then. Of more than `columns` cuts some are left out, never the first and the last.
[[nodiscard]] inline HeatMap rank_history(std::string title, std::span<const SiteInfo> sites,
                                          std::span<const adapt::Cut> cuts, std::size_t columns = 60) {
  expects(!sites.empty(), "rank history: no sites, expected at least one");
  expects(!cuts.empty(), "rank history: no cuts, expected at least one");
  const auto name = [](const SiteInfo& s) { return message("block ", s.layer, ' ', name_of(s.role)); };
  std::map<std::string, int> bearers;
  for (const SiteInfo& site : sites) ++bearers[name(site)];
  const std::vector<std::size_t> shown = evenly(cuts.size(), columns);
  HeatMap map{.title = std::move(title)};
  for (const std::size_t c : shown) map.column_labels.push_back(std::to_string(cuts[c].step + 1));
  for (const SiteInfo& site : sites) {
    map.row_labels.push_back(bearers[name(site)] == 1 ? name(site) : site.path);
    for (const std::size_t c : shown) map.values.push_back(detail::rank_of(site, cuts[c].rank));
  }
  return map;
}

}  // namespace lorica::report
