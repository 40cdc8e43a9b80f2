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
  for (const index_t n : {0, 1, 3, 4})  // of 1 .. 3
    cpu::with_number<3>(n, [&](auto known) { seen.push_back(100 + decltype(known)::value); });
  CHECK(seen == std::vector<index_t>{0, 2, 4, 6, 101, 103});
  seen.resize(4);
  cpu::unrolled<0>([&](auto) LORICA_UNROLLED { seen.clear(); });
  CHECK(seen.size() == 4);
}
