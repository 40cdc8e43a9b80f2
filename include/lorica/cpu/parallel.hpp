// SPDX-License-Identifier: MIT
/// @file lorica/cpu/parallel.hpp
/// Work split over threads. With OpenMP when the compiler was given it, alone otherwise. What is computed
/// never depends on how it is split: the pieces are fixed by the problem, only who does them varies.
#pragma once

#include <lorica/core/check.hpp>

#include <exception>
#include <memory>
#include <type_traits>

#if defined(_OPENMP)
#  include <omp.h>
#endif

namespace lorica::cpu {

/// Threads a loop may use here: OMP_NUM_THREADS, and one inside a parallel region.
inline int threads() {
#if defined(_OPENMP)
  return omp_in_parallel() ? 1 : omp_get_max_threads();
#else
  return 1;
#endif
}

/// Lets the loops of the calling thread use that many, 1 or more, in place of OMP_NUM_THREADS: for a program
/// that computes in several threads of its own. Without OpenMP there is one all the same.
inline void use_threads([[maybe_unused]] int n) {
  expects(n >= 1, "use_threads: ", n, " threads, expected 1 or more");
#if defined(_OPENMP)
  omp_set_num_threads(n);
#endif
}

namespace detail {
/// The one parallel region of the library: what it runs is behind a pointer, so that a program compiles it
/// once and not for every loop. A piece is thousands of operations; the call is not felt.
inline void run_pieces(index_t pieces, bool dynamic, void (*run)(void*, index_t), void* work) {
#if defined(_OPENMP)
  if (pieces > 1 && threads() > 1) {
    std::exception_ptr failure = nullptr;  // an exception may not leave a parallel region
    const auto guarded = [&](index_t i) {
      try {
        run(work, i);
      } catch (...) {
#  pragma omp critical(lorica_parallel_for)
        if (!failure) failure = std::current_exception();
      }
    };
    if (dynamic) {
#  pragma omp parallel for schedule(dynamic, 1)
      for (index_t i = 0; i < pieces; ++i) guarded(i);
    } else {
#  pragma omp parallel for schedule(static)
      for (index_t i = 0; i < pieces; ++i) guarded(i);
    }
    if (failure) std::rethrow_exception(failure);
    return;
  }
#endif
  (void)dynamic;
  for (index_t i = 0; i < pieces; ++i) run(work, i);
}
}  // namespace detail

/// f(piece) for piece in 0 .. pieces. `dynamic` hands out pieces one by one, for pieces of unequal work.
template <class F> void parallel_for(index_t pieces, bool dynamic, F&& f) {
  using Work = std::remove_reference_t<F>;
  detail::run_pieces(
      pieces, dynamic, [](void* work, index_t i) { (*static_cast<Work*>(work))(i); },
      const_cast<void*>(static_cast<const void*>(std::addressof(f))));
}

/// f(first, count) over 0 .. n in pieces of `grain`, each piece but the last whole.
template <class F> void parallel_ranges(index_t n, index_t grain, F&& f) {
  if (n <= grain) {
    if (n > 0) f(index_t{0}, n);
    return;
  }
  parallel_for((n + grain - 1) / grain, false, [&](index_t i) {
    const index_t first = i * grain;
    f(first, n - first < grain ? n - first : grain);
  });
}

}  // namespace lorica::cpu
