// SPDX-License-Identifier: MIT
#include <lorica/adapt/parameterization/frozen_a.hpp>

#include "adapt/place.hpp"
#include "support/backends.hpp"

#include <lorica/adapt/adapter/dora.hpp>

using namespace lorica;
using namespace lorica::adapt;
using R = test::Reference;
using test::Place;

namespace {
static_assert(Parameterization<FrozenA, R> && Parameterization<FrozenA, test::Mixed>);
static_assert(Preconditioned<FrozenA, R> && !Preconditioned<LowRank, R> && !Preconditioned<Svd, R>);
}  // namespace

TEMPLATE_TEST_CASE("A is LowRank's, and has no gradient, nothing is kept of x for it",
                   "[adapt][parameterization][frozen_a]", LORICA_SOME_BACKENDS) {
  using B = TestType;
  B b;
  const SiteInfo site{0, 0, Role::up, 512, 4, "blocks.0.up"};
  auto f = FrozenA::make(b, site, {}, 2, 5);
  auto g = LowRank::make(b, site, {}, 2, 5);
  CHECK(f.a.value.template host<double>(b) == g.a.value.template host<double>(b));
  CHECK(FrozenA::rate(f.a) == 0);
  CHECK(FrozenA::rate(f.b) == 1);
  const Tensor<B> target(b, 16, 4, test::random_numbers(2, 64));
  const auto kept = [&](auto p, auto& factors) {
    Tape<B> tape(b);
    auto z = [&] {  // x lives on the tape alone, from a value that has no other reader
      const auto x = lorica::scale(test::some_rows<B>(tape, 16, 512), 1.0);
      return decltype(p)::apply(factors, x);
    }();
    const auto loss = squared_error(z, target);
    tape.backward(loss);
    return tape.saved_bytes();
  };
  const auto frozen = kept(FrozenA{}, f), trained = kept(LowRank{}, g);
  CHECK(f.a.grad.empty());
  CHECK(!f.b.grad.empty());
  CHECK(!g.a.grad.empty());
  CHECK(trained - frozen >= 16 * 512 * sizeof(typename B::scalar));
  CHECK(test::relative_error(f.b.grad.template host<double>(b), g.b.grad.template host<double>(b)) <
        test::tolerance<B>());
}

TEMPLATE_TEST_CASE("gradients of B and x are those of central differences", "[adapt][frozen_a]",
                   LORICA_DOUBLE_BACKENDS) {
  Place<TestType> at;
  const Additive<FrozenA> fa{.dropout = 0.3};
  auto st = at.trained(fa, 2);
  fa.phase(st, 1);
  CHECK(at.gradient_error_of(fa, st) < 1e-8);
  CHECK(st.factors.a.grad.empty());
}

TEMPLATE_TEST_CASE("the preconditioner: g (A A^T + damping I)^-1 / s^2, off by default", "[adapt][frozen_a]",
                   LORICA_SOME_BACKENDS) {
  using B = TestType;
  Place<B> at;
  const auto gradient = [&](const Additive<FrozenA>& a) {
    auto st = at.trained(a, 2);
    a.precondition(at.b, st);  // nothing yet: no gradient, no harm
    Tape<B> tape(at.b);
    tape.backward(squared_error(at.visit(a, st, tape.constant(at.x)), at.target));
    a.precondition(at.b, st);
    return std::pair(test::matrix(at.b, st.factors.b.grad), test::matrix(at.b, st.factors.a.value));
  };
  const auto [plain, a] = gradient({.scaling = {.alpha = 6}});
  const auto [better, same] =
      gradient({.shape = {.precondition = true, .damping = 0.25}, .scaling = {.alpha = 6}});
  // better (A A^T + 0.25 I) s^2 = plain
  auto core = test::product_nt(a, a);
  for (index_t i = 0; i < 2; ++i) core(i, i) += 0.25;
  auto back = test::product(better, core);
  for (double& x : back.numbers) x *= 9;
  CHECK(test::relative_error(back.numbers, plain.numbers) < 10 * test::tolerance<B>());
}

TEST_CASE("only B counts as trained, under LoRA and under DoRA", "[adapt][frozen_a]") {
  R b;
  const test::Toy<R> model(b);
  auto fa = attach(b, model, Method<Additive<FrozenA>>{.placement = {.rank = 2}});
  CHECK(fa.parameter_count() == 2 * 2 * (6 + 10));
  auto dora = attach(b, model, Method<Dora<FrozenA>>{.placement = {.rank = 2}});
  CHECK(dora.parameter_count() == (2 + 1) * 2 * (6 + 10));
}
