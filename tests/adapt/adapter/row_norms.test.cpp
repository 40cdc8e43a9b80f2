// SPDX-License-Identifier: MIT
#include <lorica/adapt/adapter/row_norms.hpp>

#include "adapt/place.hpp"
#include "support/backends.hpp"

#include <lorica/adapt/adapter/dora.hpp>

using namespace lorica;
using namespace lorica::adapt;
using test::Place;

TEMPLATE_TEST_CASE("norms from thin products are those of rows of the identity", "[adapt][row_norms]",
                   LORICA_SOME_BACKENDS) {
  using B = TestType;
  Place<B> at;
  const WeightView<B> w(at.weight);
  const auto check = [&](const auto& a) {
    auto st = at.trained(a, 2);
    const auto got = row_norms(at.b, st, st.base, w).template host<double>(at.b);
    const auto want = adapt::detail::row_norms_by_identity(at.b, st, w).template host<double>(at.b);
    CHECK(test::relative_error(got, want) < test::tolerance<B>());
    CHECK(test::relative_error(got, st.base.template host<double>(at.b)) > 1e-2);
  };
  check(Dora<>{});
  check(Dora<FrozenA>{});
  check(Dora<Svd, AlphaOverRankPlusEps>{});
  check(Dora<LowRank, AlphaOverRank, Pissa>{});
  check(Dora<LowRank, AlphaOverRank, Orthogonal>{});
}

TEMPLATE_TEST_CASE("rows of the identity, more than fit at once", "[adapt][row_norms]",
                   LORICA_SOME_BACKENDS) {
  using B = TestType;
  B b;
  const SiteInfo site{0, 0, Role::up, 150, 3, "blocks.0.up"};
  const Frozen<B> weight(b, Tensor<B>(b, 3, 150, test::random_numbers(1, 450)));
  const WeightView<B> w(weight);
  auto u = Update<LowRank, FromZero, B>::begin(b, {}, {}, site, w, 2, 1.0, 3);
  CHECK(test::relative_error(adapt::detail::row_norms_by_identity(b, u, w).template host<double>(b),
                             w.row_norms(b).template host<double>(b)) < test::tolerance<B>());
}
