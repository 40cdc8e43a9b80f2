// SPDX-License-Identifier: MIT
#include <lorica/core/block_lanes.hpp>

#include "support/catch.hpp"

#include <vector>

using namespace lorica;

// Where several threads are a block, tests/support/block.hpp plays them: the preset cpp runs every typed test
// so.
TEST_CASE("a block of one thread is a lane", "[core][lanes]") {
  using V = BlockLanes<float>;
  static_assert(is_block<V> && InBlock<V> && !is_block<float>);
  CHECK(V::count() == 1);
  const std::vector<float> x = {1, 2, 3};
  std::vector<bf16> y(3, convert<bf16>(0.f));
  V total(0), most(-9);
  for (index_t j = 0; j < 3; j += V::count()) {
    const V v = load<V>(x.data() + j, 3 - j);
    total += v * V(2) - v / V(2);
    most = select(v > most, v, most);
    store(y.data() + j, 3 - j, first_of(v, 2 - j));
  }
  CHECK(sum(total) == 9);
  CHECK(largest(most) == 3);
  CHECK(convert<float>(y[1]) == 2);
  CHECK(convert<float>(y[2]) == 0);
  CHECK(load<V>(x.data(), 0, 7.f).v == 7);
  std::vector<float> z = {1, 1};
  add_at<V>(z.data(), 1, 2.f);
  CHECK(z == std::vector<float>{1, 3});
  CHECK((-V(1)).v == -1);
}
