// SPDX-License-Identifier: MIT
#include <lorica/cpu/unrolled.hpp>

#include "support/catch.hpp"

#include <vector>

using namespace lorica;

TEST_CASE("an unrolled loop calls in order, with numbers that are constants", "[cpu][unrolled]") {
  std::vector<index_t> seen;
  cpu::unrolled<4>([&](auto i) LORICA_UNROLLED {
    constexpr index_t twice = 2 * decltype(i)::value;
    seen.push_back(twice);
  });
  CHECK(seen == std::vector<index_t>{0, 2, 4, 6});
  cpu::unrolled<0>([&](auto) LORICA_UNROLLED { seen.clear(); });
  CHECK(seen.size() == 4);
}
