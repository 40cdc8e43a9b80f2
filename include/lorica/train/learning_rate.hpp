// SPDX-License-Identifier: MIT
/// @file lorica/train/learning_rate.hpp
/// How the learning rate moves over a run, as a multiple of its peak.
#pragma once

#include <lorica/core/check.hpp>

#include <cmath>
#include <numbers>

namespace lorica::train {

/// Linear warm-up over `warmup` steps, then constant, linear to `floor`, or half a cosine to `floor`.
struct Schedule {
  enum Shape { constant, linear, cosine } shape = constant;
  index_t warmup = 0;
  double floor = 0;  // multiple of the peak at the end

  /// The multiple for step t of `total`, t from 0. Warm-up step t gives (t + 1) / warmup, so that no step is
  /// lost at 0.
  [[nodiscard]] double operator()(index_t t, index_t total) const {
    if (t < warmup) return double(t + 1) / double(warmup);
    if (shape == constant || total <= warmup) return 1;
    const double done = double(t - warmup) / double(total - warmup);
    const double left = shape == linear ? 1 - done : 0.5 * (1 + std::cos(std::numbers::pi * done));
    return floor + (1 - floor) * left;
  }
  void validate(index_t total) const {
    expects(warmup >= 0 && warmup <= total, "schedule: a warm-up of ", warmup, " steps in a run of ", total);
    expects(floor >= 0 && floor <= 1, "schedule: the floor is ", floor,
            ", expected 0 to 1 (a multiple of the peak)");
  }
};

}  // namespace lorica::train
