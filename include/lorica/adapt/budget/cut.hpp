// SPDX-License-Identifier: MIT
/// @file lorica/adapt/budget/cut.hpp
/// What one reallocation did: the row of a rank history.
#pragma once

#include <lorica/core/config.hpp>

#include <vector>

namespace lorica::adapt {

struct Cut {
  index_t step = 0;           // 0-based, of the optimiser step it followed
  index_t kept = 0;           // directions left in all
  double threshold = 0;       // directions that scored at most this were cut
  std::vector<index_t> rank;  // directions left at every site, by ordinal; 0 where nothing is adapted
};

}  // namespace lorica::adapt
