// SPDX-License-Identifier: MIT
/// @file tests/support/threads.hpp
/// The same computation with another number of threads.
#pragma once

#if defined(_OPENMP)
#  include <omp.h>
#endif

namespace lorica::test {

/// OpenMP's number of threads, while this lives; without OpenMP there is one.
class Threads {
 public:
#if defined(_OPENMP)
  explicit Threads(int n) : before_(omp_get_max_threads()) { omp_set_num_threads(n); }
  ~Threads() { omp_set_num_threads(before_); }
#else
  explicit Threads(int) {}
#endif
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  [[maybe_unused]] int before_ = 1;
};

}  // namespace lorica::test
