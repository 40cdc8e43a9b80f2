// SPDX-License-Identifier: MIT
// All runs that are not done, several at a time on shared frozen weights.
#pragma once

#include "plan.hpp"

namespace lorica::studies {

/// At most so many runs, 0 is all, or until the user asks to stop. As many at a time as `models` has threads
/// for; each computes with as many as the calling one has (cpu::threads). Every run is recorded as it ends;
/// one that fails, with its reason.
void execute(const Ready& ready, OpenModel& models, Record& record, index_t at_most);

}  // namespace lorica::studies
