// SPDX-License-Identifier: MIT
/// @file lorica/cpu/unrolled.hpp
/// A loop whose numbers the compiler knows. Sums that are to stay in registers must not be found by a running
/// number, and below -O3 g++ leaves even the shortest loop one.
#pragma once

#include <lorica/core/config.hpp>

#include <utility>

namespace lorica::cpu {

/// f(std::integral_constant<index_t, i>) for i = 0 .. N. Mark f `LORICA_UNROLLED`, or it may stay a call.
#define LORICA_UNROLLED __attribute__((always_inline))
template <index_t N, class F> LORICA_UNROLLED inline void unrolled(F&& f) {
  [&]<index_t... I>(std::integer_sequence<index_t, I...>) LORICA_UNROLLED {
    (f(std::integral_constant<index_t, I>()), ...);
  }
  (std::make_integer_sequence<index_t, N>());
}

}  // namespace lorica::cpu
