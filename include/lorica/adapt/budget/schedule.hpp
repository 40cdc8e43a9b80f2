// SPDX-License-Identifier: MIT
/// @file lorica/adapt/budget/schedule.hpp
/// How much may be left at a step: AdaLoRA's cubic schedule.      Zhang et al. 2023, eq. (14), as the
/// authors' code has it
#pragma once

#include <lorica/core/check.hpp>

#include <cmath>

namespace lorica::adapt {

/// A part of a run: a number of optimiser steps, or a share of all of them. {200}, or {.share = 0.1}.
struct Duration {
  index_t steps = 0;
  double share = 0;
  /// In a run of `total` steps, to the nearest step.
  [[nodiscard]] index_t of(const char* name, index_t total) const {
    expects(steps == 0 || share == 0, "Budget: ", name, " is given as ", steps, " steps and as the share ",
            share, " of the run, expected one of them");
    expects(steps >= 0 && share >= 0 && share < 1, "Budget: ", name, " is ", steps, " steps or the share ",
            share, " of the run, expected 0 or more steps, or a share of at least 0 and below 1");
    return share > 0 ? static_cast<index_t>(std::llround(share * double(total))) : steps;
  }
};

/// In steps and amounts (of directions, or of parameters), all resolved. Three phases: all is kept until step
/// tinit; then budget(t) = target + (initial - target) (1 - (t - tinit) / (total - tfinal - tinit))^3, cut to
/// a whole number, every `interval` steps; the last tfinal steps stay at the target. Where paper and code
/// differ this is the code: the numerator is t - tinit (the paper's would start above the initial budget),
/// and warm-up includes step tinit.
struct CubicSchedule {
  index_t initial = 0;
  index_t target = 0;
  index_t tinit = 0;
  index_t tfinal = 0;
  index_t interval = 1;
  index_t total = 0;

  void validate(const char* unit) const {
    expects(interval >= 1, "Budget: the interval is ", interval, " steps, expected at least 1");
    expects(tinit < total - tfinal, "Budget: tinit is ", tinit, " and tfinal ", tfinal, " of ", total,
            " steps, expected tinit < total - tfinal: no step is left in which ranks may move");
    expects(target >= 1, "Budget: the target is ", target, ' ', unit, ", expected at least 1");
    expects(target < initial, "Budget: the target is ", target, ' ', unit, ", expected below the ", initial,
            " that the adapters start with; raise the rank at the start, or lower the target");
  }
  /// The last step in which ranks move; from the next on the target holds.
  [[nodiscard]] index_t end() const { return total - tfinal; }
  [[nodiscard]] index_t budget(index_t t) const {
    if (t <= tinit) return initial;
    if (t > end()) return target;
    const double m = 1 - double(t - tinit) / double(end() - tinit);
    return static_cast<index_t>(double(target) + double(initial - target) * (m * m * m));
  }
  /// Whether the authors' code cuts after step t.
  [[nodiscard]] bool cuts(index_t t) const { return t > end() || (t > tinit && t % interval == 0); }
};

}  // namespace lorica::adapt
