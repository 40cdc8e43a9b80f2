// SPDX-License-Identifier: MIT
/// @file lorica/cpu/unrolled.hpp
/// Numbers that the compiler knows, in loops and cases. Sums that are to stay in registers must not be found
/// by a running number, and below -O3 g++ leaves even the shortest loop one.
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

/// f(std::integral_constant<index_t, n>) if n is 1 .. N, and nothing else: a compiled case each.
template <index_t N, class F> void with_number(index_t n, F&& f) {
  unrolled<N>([&](auto i) LORICA_UNROLLED {
    if (n == i + 1) f(std::integral_constant<index_t, i + 1>());
  });
}

}  // namespace lorica::cpu
