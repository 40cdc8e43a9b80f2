// SPDX-License-Identifier: MIT
/// @file tests/cpu/parallel.test.cpp
#include <lorica/cpu/parallel.hpp>

#include "support/catch.hpp"
#include "support/threads.hpp"

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace lorica;

TEST_CASE("every piece is done once, whoever does it", "[cpu][parallel]") {
  for (const int threads : {1, 2, 3}) {
    const test::Threads with(threads);
    for (const bool dynamic : {false, true})
      for (const index_t pieces : {0, 1, 2, 3, 17, 1000}) {
        std::vector<std::atomic<int>> done(static_cast<std::size_t>(pieces));
        cpu::parallel_for(pieces, dynamic, [&](index_t i) { ++done[static_cast<std::size_t>(i)]; });
        int wrong = 0;
        for (const auto& d : done) wrong += d != 1;
        REQUIRE(wrong == 0);
      }
  }
}

TEST_CASE("ranges cover everything, and their boundaries do not depend on the threads", "[cpu][parallel]") {
  for (const index_t n : {0, 1, 9, 10, 11, 20, 105})
    for (const int threads : {1, 2, 3}) {
      const test::Threads with(threads);
      std::vector<std::atomic<index_t>> piece(static_cast<std::size_t>(n));
      std::atomic<index_t> counted = 0;
      cpu::parallel_ranges(n, 10, [&](index_t first, index_t count) {
        counted += count;
        for (index_t i = first; i < first + count; ++i) piece[static_cast<std::size_t>(i)] = first;
      });
      REQUIRE(counted == n);
      int wrong = 0;
      for (index_t i = 0; i < n; ++i) wrong += piece[static_cast<std::size_t>(i)] != i / 10 * 10;
      REQUIRE(wrong == 0);
    }
}

TEST_CASE("an exception leaves the loop whole", "[cpu][parallel]") {
  for (const int threads : {1, 2, 3}) {
    const test::Threads with(threads);
    for (const bool dynamic : {false, true})
      REQUIRE_THROWS_WITH(cpu::parallel_for(20, dynamic,
                                            [](index_t i) {
                                              if (i == 13) throw std::runtime_error("piece 13");
                                            }),
                          "piece 13");
  }
}

TEST_CASE("a loop inside a loop stays in its thread", "[cpu][parallel]") {
  const test::Threads with(2);
  std::atomic<int> most = 0, done = 0;
  cpu::parallel_for(4, false, [&](index_t) {
    if (cpu::threads() > most) most = cpu::threads();
    cpu::parallel_for(5, false, [&](index_t) { ++done; });
  });
  REQUIRE(done == 20);
  REQUIRE(most == 1);
}

#if defined(_OPENMP)
TEST_CASE("a thread's loops use the threads it asked for, another's do not", "[cpu][parallel]") {
  const test::Threads with(2);
  int theirs = 0;
  std::thread other([&] {
    cpu::use_threads(3);
    theirs = cpu::threads();
  });
  other.join();
  CHECK(theirs == 3);
  CHECK(cpu::threads() == 2);
  cpu::use_threads(1);
  CHECK(cpu::threads() == 1);
}
#endif
TEST_CASE("no threads is an error that says so", "[cpu][parallel]") {
  CHECK_THROWS_WITH(cpu::use_threads(0), "use_threads: 0 threads, expected 1 or more");
}
