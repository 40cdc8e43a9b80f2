// SPDX-License-Identifier: MIT
/// @file lorica/report/significance.hpp
/// What a handful of measurements bears: mean and spread, Student's interval, the bootstrap's.
#pragma once

#include <lorica/core/check.hpp>
#include <lorica/core/random.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

namespace lorica::report {

/// Of n values; what is not defined (a mean of none, a deviation of one) is NaN.
struct Spread {
  std::size_t n = 0;
  double mean = std::numeric_limits<double>::quiet_NaN();
  double deviation = std::numeric_limits<double>::quiet_NaN();  ///< of the sample: divided by n - 1
};

[[nodiscard]] inline Spread spread(std::span<const double> values) {
  Spread s{.n = values.size()};
  if (values.empty()) return s;
  const auto n = static_cast<double>(values.size());
  s.mean = 0;
  for (const double v : values) s.mean += v / n;
  if (values.size() < 2) return s;
  double squares = 0;
  for (const double v : values) squares += (v - s.mean) * (v - s.mean);
  s.deviation = std::sqrt(squares / (n - 1));
  return s;
}

namespace detail {
/// The regularised incomplete beta function, by its continued fraction (Abramowitz and Stegun 26.5.8), which
/// converges fast below the mean of the distribution; above, by the symmetry I_x(a, b) = 1 - I_(1-x)(b, a).
[[nodiscard]] inline double incomplete_beta(double x, double a, double b) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incomplete_beta(1 - x, b, a);
  const int terms = 200 + static_cast<int>(4 * std::sqrt(std::max(a, b)));
  double fraction = 1;
  for (int m = terms; m >= 0; --m) {
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    fraction = 1 + odd / fraction;
    if (m == 0) break;
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    fraction = 1 + even / fraction;
  }
  const double front =
      std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x);
  return std::exp(front) / (a * fraction);
}
}  // namespace detail

/// The probability that a variable of Student's distribution is at most t.
[[nodiscard]] inline double student_cdf(double t, double freedom) {
  expects(freedom > 0, "student_cdf: ", freedom, " degrees of freedom, expected above 0");
  const double tail = 0.5 * detail::incomplete_beta(freedom / (freedom + t * t), freedom / 2, 0.5);
  return t > 0 ? 1 - tail : tail;
}

/// The t that a variable of Student's distribution exceeds with probability 1 - p.
[[nodiscard]] inline double student_quantile(double p, double freedom) {
  expects(p > 0 && p < 1, "student_quantile: the probability is ", p, ", expected between 0 and 1");
  expects(freedom > 0, "student_quantile: ", freedom, " degrees of freedom, expected above 0");
  if (p == 0.5) return 0;
  // Of the two tails the small one, in which doubles are dense.
  const double tail = std::min(p, 1 - p);
  double low = -1, high = 0;
  while (student_cdf(low, freedom) > tail) low *= 2;
  for (int i = 0; i < 200 && low < high; ++i) {
    const double middle = 0.5 * (low + high);
    if (middle == low || middle == high) break;
    (student_cdf(middle, freedom) < tail ? low : high) = middle;
  }
  return p < 0.5 ? high : -high;
}

struct Interval {
  double low = std::numeric_limits<double>::quiet_NaN();
  double high = std::numeric_limits<double>::quiet_NaN();
};

/// Where the mean is that the values are drawn around, if they are normal; NaN of fewer than two.
[[nodiscard]] inline Interval student_interval(std::span<const double> values, double level = 0.95) {
  expects(level > 0 && level < 1, "student_interval: the level is ", level, ", expected between 0 and 1");
  const Spread s = spread(values);
  if (s.n < 2) return {};
  const auto n = static_cast<double>(s.n);
  const double reach = student_quantile(0.5 + 0.5 * level, n - 1) * s.deviation / std::sqrt(n);
  return {s.mean - reach, s.mean + reach};
}

/// The same without their being normal: percentiles of the means of resampled values (Efron 1979), between
/// order statistics by a straight line. NaN of fewer than two, and where a value is not finite.
[[nodiscard]] inline Interval bootstrap_interval(std::span<const double> values, double level = 0.95,
                                                 index_t draws = 10000, Seed seed = 0) {
  expects(level > 0 && level < 1, "bootstrap_interval: the level is ", level, ", expected between 0 and 1");
  expects(draws > 0, "bootstrap_interval: ", draws, " draws, expected at least 1");
  if (values.size() < 2 || !std::ranges::all_of(values, [](double x) { return std::isfinite(x); })) return {};
  const std::size_t n = values.size();
  std::vector<double> means;
  for (index_t d = 0; d < draws; ++d) {
    const Stream stream(seed, "bootstrap", "", static_cast<std::uint64_t>(d));
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += values[static_cast<std::size_t>(stream.below(n, i))];
    means.push_back(sum / static_cast<double>(n));
  }
  std::ranges::sort(means);
  const auto at = [&](double p) {
    const double place = p * static_cast<double>(means.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, means.size() - 1);
    return means[below] + (place - static_cast<double>(below)) * (means[above] - means[below]);
  };
  return {at(0.5 - 0.5 * level), at(0.5 + 0.5 * level)};
}

}  // namespace lorica::report
