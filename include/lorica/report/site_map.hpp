// SPDX-License-Identifier: MIT
/// @file lorica/report/site_map.hpp
/// What every site is worth, as a picture: layers by roles.
#pragma once

#include <lorica/adapt/probe.hpp>
#include <lorica/report/heatmap.hpp>

#include <cmath>
#include <limits>

namespace lorica::report {

/// Layers down, the roles that occur across, in the order of Role. Two sites of one layer and role share a
/// cell: their values add.
[[nodiscard]] inline HeatMap site_map(std::string title, const adapt::SiteScores& scores) {
  index_t layers = 0;
  std::vector<int> column(role_count, -1);
  for (const auto& s : scores.sites) {
    layers = std::max(layers, s.layer + 1);
    column[static_cast<std::size_t>(s.role)] = 0;
  }
  HeatMap map{.title = std::move(title), .scale = Scale::logarithmic};
  for (int r = 0; r < role_count; ++r)
    if (column[static_cast<std::size_t>(r)] == 0) {
      column[static_cast<std::size_t>(r)] = static_cast<int>(map.column_labels.size());
      map.column_labels.emplace_back(name_of(static_cast<Role>(r)));
    }
  for (index_t l = 0; l < layers; ++l) map.row_labels.push_back(message("block ", l));
  map.values.assign(map.row_labels.size() * map.column_labels.size(),
                    std::numeric_limits<double>::quiet_NaN());
  for (std::size_t i = 0; i < scores.sites.size(); ++i) {
    const auto& s = scores.sites[i];
    double& cell = map.values[static_cast<std::size_t>(s.layer) * map.column_labels.size() +
                              static_cast<std::size_t>(column[static_cast<std::size_t>(s.role)])];
    cell = std::isnan(cell) ? scores.values[i] : cell + scores.values[i];
  }
  return map;
}

}  // namespace lorica::report
