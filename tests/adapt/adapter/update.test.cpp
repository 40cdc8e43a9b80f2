// SPDX-License-Identifier: MIT
#include <lorica/adapt/adapter/update.hpp>

#include "adapt/place.hpp"
#include "support/backends.hpp"

#include <lorica/adapt/adapter/additive.hpp>

using namespace lorica;
using namespace lorica::adapt;
using R = test::Reference;
using test::Place;

namespace {
template <class S> using From = Additive<LowRank, AlphaOverRank, S>;

/// y + s x (B A - B0 A0)^T, by plain loops.
template <Backend B, class U> std::vector<double> by_definition(Place<B>& at, const U& u) {
  const auto rows = test::matrix(at.b, at.x);
  const auto along = [&](const MasterTensor<B>& a, const MasterTensor<B>& b) {
    return test::product_nt(test::product_nt(rows, test::matrix(at.b, a)), test::matrix(at.b, b)).numbers;
  };
  auto want = test::product_nt(rows, at.dense()).numbers;
  const auto now = along(u.factors.a.value, u.factors.b.value);
  std::vector<double> then(now.size());
  if constexpr (requires { u.held.a.rows(); }) then = along(u.held.a, u.held.b);
  for (std::size_t i = 0; i < want.size(); ++i) want[i] += u.scale * (now[i] - then[i]);
  return want;
}
}  // namespace

TEMPLATE_TEST_CASE("delta W = 0 with every start, and where it is counted from", "[adapt][start][update]",
                   LORICA_SOME_BACKENDS) {
  using B = TestType;
  Place<B> at;
  const auto check = [&](const auto& a, bool exact) {
    auto st = at.make(a, 2);
    const double error = test::relative_error(at.answer(a, st), at.bare());
    CHECK(error <= (exact ? 0 : test::tolerance<B>()));
    auto moved = at.trained(a, 2);
    const auto want = by_definition(at, moved);
    CHECK(test::relative_error(at.answer(a, moved), want) < 4 * test::tolerance<B>());
    CHECK(test::relative_error(want, at.bare()) > 1e-2);
  };
  check(From<FromZero>{}, true);
  check(From<Gaussian>{}, true);
  check(From<Orthogonal>{}, false);
  check(From<Pissa>{}, true);
  check(From<Olora>{}, true);
  check(Additive<FrozenA, AlphaOverSqrtRank, Pissa>{}, true);
}

TEMPLATE_TEST_CASE("gradients with every start are those of central differences, dropout included",
                   "[adapt][start][update]", LORICA_DOUBLE_BACKENDS) {
  Place<TestType> at;
  const auto error = [&](const auto& a) {
    auto st = at.trained(a, 2);
    a.phase(st, 1);
    return at.gradient_error_of(a, st);
  };
  for (const double dropout : {0.0, 0.3}) {
    CHECK(error(From<Gaussian>{.dropout = dropout}) < 1e-8);
    CHECK(error(From<Orthogonal>{.dropout = dropout}) < 1e-8);
    CHECK(error(From<Pissa>{.dropout = dropout}) < 1e-8);
    CHECK(error(From<Olora>{.dropout = dropout}) < 1e-8);
    CHECK(error(Additive<FrozenA, AlphaOverRank, Pissa>{.dropout = dropout}) < 1e-8);
  }
}

TEST_CASE("dropout is of what trains: the start that belongs to W sees all of x", "[adapt][start][update]") {
  Place<R> at;
  const From<Pissa> pissa{.dropout = 0.5};
  auto st = at.trained(pissa, 2);
  pissa.phase(st, 7);
  Tape<R> tape(at.b, false);
  const auto x = tape.constant(at.x);
  const auto dropped = lorica::dropout(x, 0.5, Stream(3, "adapter dropout", "blocks.0.up", 7));
  auto want = linear(x, at.weight);
  want = add_product(want, matmul_nt<double>(dropped, tape.constant(st.factors.a.value)),
                     tape.constant(st.factors.b.value), st.scale);
  want =
      add_product(want, matmul_nt<double>(x, tape.constant(st.held.a)), tape.constant(st.held.b), -st.scale);
  CHECK(test::relative_error(at.answer(pissa, st), want.value().host<double>(at.b)) < 1e-13);
}

TEST_CASE("the shared weight is read, never written", "[adapt][start][update]") {
  R b;
  const test::Toy<R> model(b);
  Bare bare;
  const auto before = test::states(b, model, bare, test::sequences());
  auto adapted = attach(b, model, Method<From<Pissa>>{.placement = {.rank = 2}});
  CHECK(test::states(b, model, adapted, test::sequences()) == before);
  test::stir(b, adapted);
  CHECK(test::states(b, model, adapted, test::sequences()) != before);
  CHECK(test::states(b, model, bare, test::sequences()) == before);
}
