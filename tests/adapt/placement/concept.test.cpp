// SPDX-License-Identifier: MIT
#include <lorica/adapt/placement/concept.hpp>

#include "adapt/toy.hpp"

using namespace lorica;
using namespace lorica::adapt;
using R = test::Reference;

namespace {

/// A user's placement: rank 2 at the last site.
struct Last {
  static constexpr unsigned asks = grain::none;
  Placement place(std::span<const SiteInfo> sites, std::span<const double>) const {
    Placement p{std::vector<index_t>(sites.size(), 0)};
    p.rank.back() = 2;
    return p;
  }
};
/// One that moves: nothing is kept below 1.
struct Cutting : Last {
  static constexpr unsigned asks = grain::direction;
  struct state {
    index_t total = 0;
  };
  state begin(const Placement&, index_t total) const { return {total}; }
  bool listens(const state&, index_t) const { return true; }
  template <class Directions> Reallocation reallocate(state&, index_t, const Directions&) const {
    return {Reallocation::cut, 1.0};
  }
};
struct Unasking {
  Placement place(std::span<const SiteInfo>, std::span<const double>) const { return {}; }
};
struct Placeless {
  static constexpr unsigned asks = grain::none;
};

static_assert(PlacementPolicy<Last> && PlacementPolicy<Uniform> && PlacementPolicy<Dominant> &&
              PlacementPolicy<Cutting>);
static_assert(!PlacementPolicy<Unasking> && !PlacementPolicy<Placeless> && !PlacementPolicy<int>);
static_assert(DynamicPlacement<Cutting> && !DynamicPlacement<Last>);

}  // namespace

TEST_CASE("a placement of a user's own is a rank for every site", "[adapt][placement]") {
  R b;
  const test::Toy<R> model(b);
  const auto adapted = attach(b, model, Method<Additive<>, NoScore, Last>{});
  CHECK(adapted.placement().rank == std::vector<index_t>{0, 0, 0, 2});
  REQUIRE(adapted.slots().size() == 1);
  CHECK(adapted.slots()[0].site.path == "blocks.1.down");
  CHECK(adapted.slots()[0].rank == 2);
}
