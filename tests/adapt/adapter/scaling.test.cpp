// SPDX-License-Identifier: MIT
#include <lorica/adapt/adapter/scaling.hpp>

#include "support/catch.hpp"

using namespace lorica;
using namespace lorica::adapt;

namespace {
struct Fixed {
  double operator()(index_t) const { return 2; }
};
struct Mute {};
static_assert(Scaling<Fixed> && !Scaling<Mute> && !Scaling<double>);
}  // namespace

TEST_CASE("alpha over the rank, its root, or the rank and a little", "[adapt][scaling]") {
  CHECK(AlphaOverRank{}(8) == 2);
  CHECK(AlphaOverRank{.alpha = 3}(4) == 0.75);
  CHECK(AlphaOverSqrtRank{}(64) == 2);
  CHECK(AlphaOverSqrtRank{.alpha = 3}(2) == Approx(2.1213203435596424).epsilon(1e-15));
  CHECK(AlphaOverRankPlusEps{.alpha = 16}(4) == Approx(3.999990000025).epsilon(1e-14));
  CHECK(AlphaOverRankPlusEps{.alpha = 16}(4) != 4);
}
