// SPDX-License-Identifier: MIT
// All runs that are not done, several at a time on shared frozen weights.
#pragma once

#include "plan.hpp"

namespace lorica::studies {

enum class Ended { all, enough, interrupted };

/// At most so many runs; 0 is all. `at_once` of them, for as many as `models` serve; each with the threads
/// that the calling one has (cpu::threads). Every run is recorded as it ends; one that fails, with its
/// reason.
Ended execute(const Ready& ready, OpenModel& models, Record& record, index_t at_most, index_t at_once);

}  // namespace lorica::studies
