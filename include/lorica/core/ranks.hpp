// SPDX-License-Identifier: MIT
/// @file lorica/core/ranks.hpp
/// Places of numbers in their order, on the host: what rank correlations are made of.
#pragma once

#include <lorica/core/check.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <span>
#include <vector>

namespace lorica {

/// Ranks from 1, the smallest first; equal values share the mean of theirs. What is not a number has no place
/// (NumericError).
[[nodiscard]] inline std::vector<double> mean_ranks(std::span<const double> values) {
  for (std::size_t i = 0; i < values.size(); ++i)
    expects<NumericError>(!std::isnan(values[i]), "ranks: value ", i, " of ", values.size(),
                          " is not a number");
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return values[i]; });
  std::vector<double> rank(values.size());
  for (std::size_t first = 0, last = 0; first < order.size(); first = last) {
    while (last < order.size() && values[order[last]] == values[order[first]]) ++last;
    for (std::size_t i = first; i < last; ++i) rank[order[i]] = 0.5 * double(first + 1 + last);
  }
  return rank;
}

}  // namespace lorica
