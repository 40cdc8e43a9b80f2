// SPDX-License-Identifier: MIT
// All runs that are not done, one after the other.
#pragma once

#include "plan.hpp"

namespace lorica::studies {

enum class Ended { all, enough, interrupted };

/// At most so many runs; 0 is all. Every run is recorded as it ends; one that fails, with its reason.
Ended execute(const Ready& ready, OpenModel& models, Record& record, index_t at_most);

}  // namespace lorica::studies
