// SPDX-License-Identifier: MIT
#include <lorica/core/block.hpp>

#include "support/catch.hpp"

using namespace lorica;

// Where several threads are a block, tests/support/block.hpp plays them: the preset cpp runs every typed test
// so.
TEST_CASE("a host's thread is a block of its own", "[core][block]") {
  CHECK(block::threads() == 1);
  CHECK(block::thread() == 0);
  block::wait();
  CHECK(block::over_all(7.f, [](float a, float b) { return a + b; }) == 7);
  CHECK(block::over_neighbours(7.f, 1, [](float a, float b) { return a + b; }) == 7);
  double room[4] = {1, 2, 3, 4};
  block::host.memory = room;
  CHECK(block::memory<double>()[3] == 4);
  CHECK(static_cast<void*>(block::memory<float>()) == room);
  block::host.memory = nullptr;
}
