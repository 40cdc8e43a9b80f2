// SPDX-License-Identifier: MIT
/// @file tests/core/config.test.cpp
#include <lorica/core/config.hpp>

#include "support/catch.hpp"

#include <limits>
#include <type_traits>

using namespace lorica;

namespace {
struct Both {
  LORICA_HD static constexpr int twice(int x) { return 2 * x; }
};
}  // namespace

TEST_CASE("an index is signed and reaches beyond any matrix", "[core][config]") {
  STATIC_REQUIRE(std::is_signed_v<index_t>);
  REQUIRE(std::numeric_limits<index_t>::max() > index_t{1} << 40);
}

TEST_CASE("LORICA_HD may stand before any function", "[core][config]") { REQUIRE(Both::twice(21) == 42); }
