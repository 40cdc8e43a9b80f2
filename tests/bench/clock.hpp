// SPDX-License-Identifier: MIT
/// @file tests/bench/clock.hpp
/// What the benchmarks measure with.
#pragma once

#include <lorica/train/callback.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

namespace lorica::bench {

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}
inline double median(std::vector<double> v) {
  std::ranges::sort(v);
  const std::size_t half = v.size() / 2;
  return v.size() % 2 == 1 ? v[half] : 0.5 * (v[half - 1] + v[half]);
}

/// f(step info) after each step.
template <class F> struct AfterStep {
  F f;
  template <class R> void step(const R&, const train::StepInfo& s) const { f(s); }
};
template <class F> AfterStep(F) -> AfterStep<F>;

}  // namespace lorica::bench
