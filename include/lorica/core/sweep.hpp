// SPDX-License-Identifier: MIT
/// @file lorica/core/sweep.hpp
/// One functor over the elements of many matrices at once: all adapters of a model are a hundred small
/// matrices, and a loop over each costs more in starting it than in running it.
#pragma once

#include <lorica/core/backend.hpp>

#include <vector>

namespace lorica {

/// f(i) for i in 0 .. n: what one matrix asks of a sweep.
template <class F> struct SweepPart {
  index_t n;
  F f;
};

/// All parts, in any order and at once; one by one where the backend has no sweep of its own.
template <Backend B, class F> void sweep(B& b, const std::vector<SweepPart<F>>& parts) {
  if constexpr (requires { b.sweep(std::span<const SweepPart<F>>(parts)); })
    b.sweep(std::span<const SweepPart<F>>(parts));
  else
    for (const auto& p : parts) b.for_each_index(p.n, p.f);
}

}  // namespace lorica
