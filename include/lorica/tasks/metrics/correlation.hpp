// SPDX-License-Identifier: MIT
/// @file lorica/tasks/metrics/correlation.hpp
/// Predicted numbers against the right ones: Pearson's and Spearman's correlation, as SciPy computes them.
#pragma once

#include <lorica/core/check.hpp>
#include <lorica/core/ranks.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

namespace lorica::tasks {

namespace detail {

inline void expects_finite_pairs(const char* metric, std::span<const double> x, std::span<const double> y) {
  expects(x.size() == y.size() && x.size() > 1, metric, ": ", x.size(), " numbers against ", y.size(),
          ", expected as many, and at least two");
  for (std::size_t i = 0; i < x.size(); ++i)
    expects<NumericError>(std::isfinite(x[i]) && std::isfinite(y[i]), metric, ": pair ", i, " is ", x[i],
                          " and ", y[i], ", expected finite numbers");
}
[[nodiscard]] inline bool constant(std::span<const double> x) {
  return std::ranges::all_of(x, [&](double value) { return value == x[0]; });
}
/// Minus the mean, over the norm; by the largest first, so that squares neither vanish nor overflow.
[[nodiscard]] inline std::vector<double> standard(std::span<const double> x) {
  double mean = 0, largest = 0, square = 0;
  for (const double value : x) mean += value / static_cast<double>(x.size());
  std::vector<double> out;
  for (const double value : x) {
    out.push_back(value - mean);
    largest = std::max(largest, std::abs(out.back()));
  }
  for (double& value : out) {
    value /= largest;
    square += value * value;
  }
  for (double& value : out) value /= std::sqrt(square);
  return out;
}

}  // namespace detail

/// Pearson's r, within [-1, 1]. NaN where one side is constant, as SciPy's pearsonr. Throws NumericError on
/// a number that is not finite, ConfigError on fewer than two pairs.
[[nodiscard]] inline double pearson(std::span<const double> x, std::span<const double> y) {
  detail::expects_finite_pairs("Pearson's correlation", x, y);
  if (detail::constant(x) || detail::constant(y)) return std::numeric_limits<double>::quiet_NaN();
  const std::vector<double> a = detail::standard(x), b = detail::standard(y);
  return std::clamp(std::inner_product(a.begin(), a.end(), b.begin(), 0.0), -1.0, 1.0);
}

/// Spearman's rho: Pearson's r of the ranks. NaN and errors as there.
[[nodiscard]] inline double spearman(std::span<const double> x, std::span<const double> y) {
  detail::expects_finite_pairs("Spearman's correlation", x, y);
  return pearson(mean_ranks(x), mean_ranks(y));
}

}  // namespace lorica::tasks
