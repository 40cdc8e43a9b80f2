// SPDX-License-Identifier: MIT
#include <lorica/adapt/adapter/plus.hpp>

#include "adapt/peft_oracle.hpp"

#include <lorica/adapt/adapter/biased.hpp>
#include <lorica/adapt/adapter/dora.hpp>

using namespace lorica;
using namespace lorica::adapt;
using R = test::Reference;

namespace {
static_assert(Adapter<Plus<Additive<>>, R> && Adapter<Plus<Dora<Svd>>, test::Mixed> &&
              Adapter<Plus<Additive<LowRank, AlphaOverRank, Pissa>>, R>);
}  // namespace

TEST_CASE("B, P and a magnitude learn `ratio` times as fast, what is frozen stays frozen", "[adapt][plus]") {
  const auto rate = [](const auto& a, const char* name) { return a.rate(Parameter<R>{name, {}, {}}); };
  const Plus<Additive<>> plus{{.scaling = {.alpha = 32}}, 8};
  CHECK(plus.scaling.alpha == 32);
  CHECK(rate(plus, "blocks.0.up.A") == 1);
  CHECK(rate(plus, "blocks.0.up.B") == 8);
  const Plus<Dora<Svd>> dora;
  CHECK(dora.ratio == 16);
  CHECK(rate(dora, "x.Q") == 1);
  CHECK(rate(dora, "x.lambda") == 1);
  CHECK(rate(dora, "x.P") == 16);
  CHECK(rate(dora, "x.magnitude") == 16);
  CHECK(rate(Plus<Biased<>>{}, "x.B.bias") == 16);
  const Plus<Additive<FrozenA>> half;
  CHECK(rate(half, "x.A") == 0);
  CHECK(rate(half, "x.B") == 16);
}

TEST_CASE("LoRA+ and DoRA are PEFT's, apart and together", "[adapt][plus][oracle]") {
  test::is_as_in_peft("lora_plus", Plus<Additive<>>{{.scaling = {.alpha = 5}}});
  test::is_as_in_peft("dora", Dora<>{.scaling = {.alpha = 5}});
  test::is_as_in_peft("dora_pissa", Dora<LowRank, AlphaOverRank, Pissa>{.scaling = {.alpha = 5}});
  test::is_as_in_peft("dora_svd", Dora<Svd, AlphaOverRankPlusEps>{.scaling = {.alpha = 5}});
  test::is_as_in_peft("dora_plus", Plus<Dora<>>{{.scaling = {.alpha = 5}}});
}

TEST_CASE("ratio 4 under plain gradient descent at rank 4 is alpha / sqrt(r)", "[adapt][plus]") {
  // Twice the scale, half the B: s B is the same, A's gradient too, and B's steps are 4 and 2 times LoRA's.
  R b;
  const test::Toy<R> model(b);
  const auto descend = [&](auto method) {
    method.placement.rank = 4;
    method.adapter.scaling.alpha = 5;
    auto adapted = attach(b, model, method);
    for (int step = 0; step < 5; ++step) {
      adapted.for_each_parameter([](Parameter<R>& p, double) { p.grad = {}; });
      test::backward(b, model, adapted, test::sequences());
      adapted.for_each_parameter([&](Parameter<R>& p, double rate) {
        b.map(p.value.size(), fn::Axpy<double>{-0.01 * rate}, p.value.data(), p.grad.cref().data,
              std::as_const(p.value).data());
      });
    }
    return test::values(b, adapted);
  };
  const auto plus = descend(Method<Plus<Additive<>>>{.adapter = {{}, 4}});
  const auto rs = descend(Method<Additive<LowRank, AlphaOverSqrtRank>>{});
  REQUIRE(plus.size() == 8);
  for (const auto& [name, got] : plus) {
    INFO(name);
    auto want = rs.at(name);
    if (name.ends_with(".B"))
      for (double& x : want) x *= 2;
    CHECK(test::squares(want) > 1e-6);
    CHECK(test::relative_error(got, want) < 1e-12);
  }
}

TEST_CASE("an adapter with another rate is attached like any other", "[adapt][plus]") {
  R b;
  const test::Toy<R> model(b);
  auto adapted =
      attach(b, model,
             Method<Plus<Additive<>>>{.adapter = {{.scaling = {.alpha = 4}}, 3}, .placement = {.rank = 2}});
  std::vector<double> rates;
  adapted.for_each_parameter([&](const Parameter<R>&, double rate) { rates.push_back(rate); });
  CHECK(rates == std::vector<double>{1, 3, 1, 3, 1, 3, 1, 3});
}
