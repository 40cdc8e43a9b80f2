// SPDX-License-Identifier: MIT
#include <lorica/core/out_of_memory.hpp>

#include "support/catch.hpp"

using namespace lorica;

TEST_CASE("bytes are said in MiB", "[core][out_of_memory]") {
  REQUIRE(mebibytes(0) == "0.0 MiB");
  REQUIRE(mebibytes(std::size_t(25) << 19) == "12.5 MiB");
  REQUIRE(mebibytes(std::size_t(80) << 30) == "81920.0 MiB");
}

TEST_CASE("an error of memory keeps its numbers", "[core][out_of_memory]") {
  try {
    throw OutOfMemory("no room", 3, 5);
  } catch (const Error& e) {
    REQUIRE(std::string(e.what()) == "no room");
    const auto* o = dynamic_cast<const OutOfMemory*>(&e);
    REQUIRE(o != nullptr);
    REQUIRE(o->asked == 3);
    REQUIRE(o->in_use == 5);
  }
}
