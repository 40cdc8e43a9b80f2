// SPDX-License-Identifier: MIT
/// @file tests/support/tolerance.hpp
/// Numbers to test with, and how close is close: tolerances follow the backend's scalar.
#pragma once

#include <lorica/core/backend.hpp>
#include <lorica/core/random.hpp>

#include <cmath>
#include <limits>
#include <vector>

namespace lorica::test {

/// The relative Frobenius error that rounding may leave after one operation or a short chain of them.
template <class T> constexpr double tolerance_of() {
  return std::same_as<T, double> ? 1e-12 : std::same_as<T, float> ? 1e-5 : 2e-2;
}
/// The same for a backend, whose results are no better than its scalar.
template <Backend B> constexpr double tolerance() { return tolerance_of<typename B::scalar>(); }

/// n numbers from N(0, 1), the same on every machine.
template <std::integral I> std::vector<double> random_numbers(I seed, index_t n) {
  return normals(Stream(static_cast<Seed>(seed), "test", ""), n, 1.0);
}

/// The same numbers after rounding to T: what a reference in double should start from.
template <class T> std::vector<double> rounded(std::vector<double> x) {
  for (double& v : x) v = convert<double>(convert<T>(v));
  return x;
}

/// |got - want| / |want| in the Frobenius norm; |got| where `want` is zero, infinite where the sizes differ.
/// Not a number where either holds one, so REQUIRE(relative_error(got, want) < ...) fails then.
inline double relative_error(const std::vector<double>& got, const std::vector<double>& want) {
  if (got.size() != want.size()) return std::numeric_limits<double>::infinity();
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    difference += (got[i] - want[i]) * (got[i] - want[i]);
    size += want[i] * want[i];
  }
  return std::sqrt(size > 0 ? difference / size : difference);
}

}  // namespace lorica::test
