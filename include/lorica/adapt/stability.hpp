// SPDX-License-Identifier: MIT
/// @file lorica/adapt/stability.hpp
/// Whether a score says the same twice: over draws, sample sets or tasks, how far the rankings of the sites
/// agree, whether the dominant one stays, and how much of the whole it holds.
#pragma once

#include <lorica/adapt/probe.hpp>
#include <lorica/core/ranks.hpp>

#include <limits>
#include <numeric>

namespace lorica::adapt {

/// Spearman's rank correlation, in -1 .. 1; not a number where either side ranks nothing (all values equal).
[[nodiscard]] inline double spearman(std::span<const double> x, std::span<const double> y) {
  expects(x.size() == y.size(), "spearman: ", x.size(), " values against ", y.size());
  const auto p = mean_ranks(x), q = mean_ranks(y);
  const double mean = 0.5 * (double(x.size()) + 1);
  double pq = 0, pp = 0, qq = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    pq += (p[i] - mean) * (q[i] - mean);
    pp += (p[i] - mean) * (p[i] - mean);
    qq += (q[i] - mean) * (q[i] - mean);
  }
  return pp > 0 && qq > 0 ? pq / std::sqrt(pp * qq) : std::numeric_limits<double>::quiet_NaN();
}

/// Gini's coefficient of values that are not negative: 0 where all are equal, 1 - 1/n where one has
/// everything; not a number where all are 0, or one is negative.
[[nodiscard]] inline double gini(std::span<const double> values) {
  std::vector<double> v(values.begin(), values.end());
  std::ranges::sort(v);
  const double n = double(v.size());
  double total = 0, weighted = 0;
  for (std::size_t i = 0; i < v.size(); ++i) {
    total += v[i];
    weighted += (2 * double(i + 1) - n - 1) * v[i];
  }
  return !v.empty() && v.front() >= 0 && total > 0 ? weighted / (n * total)
                                                   : std::numeric_limits<double>::quiet_NaN();
}

/// What several scorings of the same sites have in common.
struct Stability {
  std::vector<SiteInfo> sites = {};
  std::vector<double> correlation = {};    // Spearman's, of every two runs, [runs, runs] row by row
  std::vector<std::size_t> dominant = {};  // of every run, an index into sites
  std::vector<double> top_share = {};      // of every run, what the dominant site holds of the sum
  std::vector<double> gini = {};           // of every run
  double agreement = 1;                    // the share of pairs of runs with the same dominant site
  std::size_t usual = 0;                   // the site that is dominant most often; the first among equals
  double usual_share = 1;                  // in how many of the runs

  [[nodiscard]] std::size_t runs() const { return dominant.size(); }
  [[nodiscard]] double correlation_of(std::size_t a, std::size_t b) const {
    return correlation[a * runs() + b];
  }
  /// The least of any two runs; not a number where one of them ranks nothing.
  [[nodiscard]] double least_correlation() const {
    double least = 1;
    for (const double c : correlation) least = std::isnan(c) || c < least ? c : least;
    return least;
  }
};

[[nodiscard]] inline Stability stability(std::span<const SiteScores> runs) {
  expects(!runs.empty(), "stability: no scores");
  const auto& sites = runs.front().sites;
  expects(!sites.empty(), "stability: the scores are of no site");
  Stability out{.sites = sites};
  std::vector<index_t> times(sites.size());
  for (std::size_t r = 0; r < runs.size(); ++r) {
    const auto& run = runs[r];
    expects(run.sites.size() == sites.size() && run.values.size() == sites.size(), "stability: run ", r,
            " has ", run.values.size(), " scores of ", run.sites.size(), " sites, expected ", sites.size());
    for (std::size_t i = 0; i < sites.size(); ++i) {
      expects(run.sites[i].path == sites[i].path, "stability: site ", i, " of run ", r, " is ",
              run.sites[i].path, ", expected ", sites[i].path);
      expects<NumericError>(std::isfinite(run.values[i]), "stability: the score of ", sites[i].path,
                            " in run ", r, " is ", run.values[i]);
    }
    out.dominant.push_back(run.dominant());
    out.top_share.push_back(run.concentration());
    out.gini.push_back(gini(run.values));
    ++times[out.dominant.back()];
  }
  for (const auto& a : runs)
    for (const auto& b : runs) out.correlation.push_back(spearman(a.values, b.values));
  const double n = double(runs.size());
  double pairs = 0;
  for (const index_t t : times) pairs += double(t) * double(t - 1);
  if (runs.size() > 1) out.agreement = pairs / (n * (n - 1));
  out.usual = static_cast<std::size_t>(std::ranges::max_element(times) - times.begin());
  out.usual_share = double(times[out.usual]) / n;
  return out;
}
/// Of one score over several seeds, sample sets or tasks.
[[nodiscard]] inline Stability stability(const std::vector<SiteScores>& runs) {
  return stability(std::span<const SiteScores>(runs));
}

}  // namespace lorica::adapt
