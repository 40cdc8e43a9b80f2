// SPDX-License-Identifier: MIT
/// @file lorica/gpu/sweep.cuh
/// The elements of many matrices in one launch: its parts travel as the kernel's arguments, so that nothing
/// is uploaded, and every index looks up whose it is.
#pragma once

#include <lorica/core/sweep.hpp>
#include <lorica/gpu/launch.cuh>

#include <algorithm>
#include <span>

namespace lorica::gpu::detail {

/// Neighbouring indices of one part: a block of threads, so that all of them look up the same.
inline constexpr index_t sweep_piece = 256;

/// Some parts of a sweep. Index i is element i % sweep_piece of piece i / sweep_piece; pieces are counted
/// through.
template <class F> struct SweepSome {
  /// Arguments of a kernel may take 32 KiB from CUDA 12.1 on; half of that is enough for two hundred parts.
  static constexpr int most =
      static_cast<int>((std::size_t(16) << 10) / (sizeof(SweepPart<F>) + sizeof(index_t))) - 1;
  static_assert(most > 0);
  int count = 0;
  index_t first[most + 1] = {};  // piece of every part, and their number
  SweepPart<F> part[most];

  void add(const SweepPart<F>& p) {
    part[count] = p;
    first[count + 1] = first[count] + (p.n + sweep_piece - 1) / sweep_piece;
    ++count;
  }
  [[nodiscard]] index_t indices() const { return first[count] * sweep_piece; }
  LORICA_HD void operator()(index_t index) const {
    const index_t piece = index / sweep_piece;
    int low = 0, high = count;  // the last part that begins at or before the piece, and is not empty
    while (high - low > 1) {
      const int middle = (low + high) / 2;
      (first[middle] <= piece ? low : high) = middle;
    }
    const index_t i = index - first[low] * sweep_piece;
    if (i < part[low].n) part[low].f(i);
  }
};

template <class F> void sweep(std::span<const SweepPart<F>> parts) {
  constexpr auto most = static_cast<std::size_t>(SweepSome<F>::most);
  for (std::size_t begin = 0; begin < parts.size(); begin += most) {
    SweepSome<F> some;
    for (const auto& p : parts.subspan(begin, std::min(most, parts.size() - begin))) some.add(p);
    for_each_index(some.indices(), some);
  }
}

}  // namespace lorica::gpu::detail
