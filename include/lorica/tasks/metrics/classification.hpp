// SPDX-License-Identifier: MIT
/// @file lorica/tasks/metrics/classification.hpp
/// Predicted classes against the right ones: accuracy, F1, Matthews' correlation, as scikit-learn counts
/// them.
#pragma once

#include <lorica/core/check.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>

namespace lorica::tasks {

using Classes = std::span<const std::int32_t>;

namespace detail {

inline void expects_pairs(const char* metric, std::size_t predicted, std::size_t expected) {
  expects(predicted == expected && expected > 0, metric, ": ", predicted, " predictions for ", expected,
          " labels, expected as many, and at least one");
}

/// How often a class was predicted, was right, and both.
struct Tally {
  double predicted = 0, expected = 0, both = 0;
  /// 2 tp / (2 tp + fp + fn); 0 where the class was neither predicted nor right.
  [[nodiscard]] double f1() const {
    return predicted + expected > 0 ? 2 * both / (predicted + expected) : 0.0;
  }
};

[[nodiscard]] inline std::map<std::int32_t, Tally> tallies(Classes predicted, Classes expected) {
  std::map<std::int32_t, Tally> of;  // by class, for all that occur on either side
  for (std::size_t i = 0; i < expected.size(); ++i) {
    ++of[predicted[i]].predicted;
    ++of[expected[i]].expected;
    if (predicted[i] == expected[i]) ++of[expected[i]].both;
  }
  return of;
}

}  // namespace detail

/// The fraction that is right. Throws ConfigError, as all of these do, on nothing or on unequal counts.
[[nodiscard]] inline double accuracy(Classes predicted, Classes expected) {
  detail::expects_pairs("accuracy", predicted.size(), expected.size());
  std::size_t right = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) right += predicted[i] == expected[i] ? 1 : 0;
  return static_cast<double>(right) / static_cast<double>(expected.size());
}

/// The harmonic mean of precision and recall of one class: 2 tp / (2 tp + fp + fn); 0 where the class is
/// neither predicted nor right, as scikit-learn's f1_score(zero_division=0).
[[nodiscard]] inline double f1(Classes predicted, Classes expected, std::int32_t positive = 1) {
  detail::expects_pairs("F1", predicted.size(), expected.size());
  return detail::tallies(predicted, expected)[positive].f1();
}

/// The plain mean of F1 over all classes that were predicted or right, as f1_score(average="macro").
[[nodiscard]] inline double macro_f1(Classes predicted, Classes expected) {
  detail::expects_pairs("macro F1", predicted.size(), expected.size());
  const auto of = detail::tallies(predicted, expected);
  double sum = 0;
  for (const auto& [name, tally] : of) sum += tally.f1();
  return sum / static_cast<double>(of.size());
}

/// Matthews' correlation for two classes or more (Gorodkin 2004); 0 where either side is of one class, as
/// scikit-learn's matthews_corrcoef.
[[nodiscard]] inline double matthews(Classes predicted, Classes expected) {
  detail::expects_pairs("Matthews' correlation", predicted.size(), expected.size());
  const auto n = static_cast<double>(expected.size());
  double right = 0, cross = 0, square_p = 0, square_e = 0;
  for (const auto& [name, tally] : detail::tallies(predicted, expected)) {
    right += tally.both;
    cross += tally.predicted * tally.expected;
    square_p += tally.predicted * tally.predicted;
    square_e += tally.expected * tally.expected;
  }
  const double spread = (n * n - square_p) * (n * n - square_e);  // whole numbers: 0 is exact
  return spread > 0 ? (right * n - cross) / std::sqrt(spread) : 0.0;
}

}  // namespace lorica::tasks
