// SPDX-License-Identifier: MIT
/// @file lorica/cpu/idle.hpp
/// What threads do between two loops. OpenMP lets them spin, for milliseconds (libgomp) or a fifth of a
/// second (LLVM's), in the hope of the next loop. Where nothing else runs that is right: to be woken takes
/// longer. Beside other work threads that spin keep those that compute from their core. How long is read from
/// the environment when OpenMP is loaded, before main.
#pragma once

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

#if defined(_OPENMP) && defined(__linux__)
#  include <unistd.h>
#endif

namespace lorica::cpu {

/// Whether something else computes on this machine now: seen in four of five looks, 2 ms apart. False where
/// the system does not say (/proc/loadavg).
inline bool others_at_work() {
  int seen = 0;
  for (int look = 0; look < 5 && look - seen < 2; ++look) {  // two looks in vain settle it
    if (look > 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    std::ifstream file("/proc/loadavg");
    std::string minute, five, quarter;
    int running = 0;  // who looks included
    if (file >> minute >> five >> quarter >> running && running > 1) ++seen;
  }
  return seen >= 4;
}

/// Call first in main: starts the program anew, once, with idle threads that spin for some microseconds.
/// Returns at once where the environment already says how long (OMP_WAIT_POLICY, GOMP_SPINCOUNT,
/// KMP_BLOCKTIME), where there are no threads, or where a program cannot start itself.
inline void let_idle_threads_sleep([[maybe_unused]] char** argv) {
#if defined(_OPENMP) && defined(__linux__)
  for (const char* said : {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"})
    if (std::getenv(said) != nullptr) return;
  setenv("GOMP_SPINCOUNT", "1000", 1);
  setenv("KMP_BLOCKTIME", "0", 1);
  execv("/proc/self/exe", argv);
#endif
}

}  // namespace lorica::cpu
