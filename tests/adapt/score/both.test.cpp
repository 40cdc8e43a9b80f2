// SPDX-License-Identifier: MIT
#include <lorica/adapt/score/both.hpp>

#include "adapt/toy.hpp"

using namespace lorica;
using namespace lorica::adapt;
using R = test::Reference;

namespace {
using PageThenSensitivity = Both<Page, Smoothed<Sensitivity>>;
static_assert(DirectionScore<PageThenSensitivity> && SiteScore<PageThenSensitivity, R>);
static_assert(PageThenSensitivity::memory == 2 && !PageThenSensitivity::silencer_only);
static_assert(Both<Page, Raw<SpectrumMagnitude>>::silencer_only);
}  // namespace

TEST_CASE("a budget may start where PAGE says", "[adapt][score]") {
  R b;
  const test::Toy<R> model(b);
  const Method<Additive<Svd, AlphaOverRankPlusEps>, PageThenSensitivity, Budget<Dominant>> method{
      .placement = {.start = {.rank = 4, .top = 2}, .target = {.total = 3}}};
  const auto scores = probe(b, model, test::sequences(), method.score);
  CHECK(scores.values == probe(b, model, test::sequences(), Page{}).values);
  const auto adapted = attach(b, model, method, scores);
  CHECK(adapted.slots().size() == 2);
  CHECK(decltype(adapted)::moves);
}
