// SPDX-License-Identifier: MIT
#include <lorica/adapt/adapter/dora.hpp>

#include "adapt/place.hpp"
#include "support/backends.hpp"

#include <lorica/adapt/adapter/plus.hpp>

using namespace lorica;
using namespace lorica::adapt;
using R = test::Reference;
using test::Place;

namespace {

static_assert(Adapter<Dora<>, R> && Adapter<Dora<>, test::Mixed> && Adapter<Dora<Svd>, R> &&
              Adapter<Dora<FrozenA, AlphaOverSqrtRank, Pissa>, R>);

/// W + s delta W, from the factors.
template <Backend B> test::Matrix turned(Place<B>& at, const Update<LowRank, FromZero, B>& u) {
  auto w = at.dense();
  const auto d = test::product(test::matrix(at.b, u.factors.b.value), test::matrix(at.b, u.factors.a.value));
  for (std::size_t i = 0; i < w.numbers.size(); ++i) w.numbers[i] += u.scale * d.numbers[i];
  return w;
}
/// m_i W_i / |W_i| x
template <Backend B>
std::vector<double> by_definition(Place<B>& at, const test::Matrix& w, const std::vector<double>& m) {
  auto v = w;
  for (index_t i = 0; i < w.rows; ++i) {
    double squares = 0;
    for (index_t j = 0; j < w.cols; ++j) squares += w(i, j) * w(i, j);
    for (index_t j = 0; j < w.cols; ++j) v(i, j) *= m[static_cast<std::size_t>(i)] / std::sqrt(squares);
  }
  return test::product_nt(test::matrix(at.b, at.x), v).numbers;
}

}  // namespace

TEMPLATE_TEST_CASE("m (W + s B A) / |.| x, with m from |W|", "[adapt][dora]", LORICA_SOME_BACKENDS) {
  Place<TestType> at;
  const Dora<> dora{.scaling = {.alpha = 6}};
  auto start = at.make(dora, 2);
  CHECK(start.magnitude.name == "blocks.0.up.magnitude");
  CHECK(start.magnitude.shape() == Shape{1, 5});
  CHECK(test::relative_error(start.magnitude.value.template host<double>(at.b),
                             WeightView<TestType>(at.weight).row_norms(at.b).template host<double>(at.b)) ==
        0);
  CHECK(at.answer(dora, start) == at.bare());  // to the last bit
  auto st = at.trained(dora, 2);
  CHECK(test::relative_error(
            at.answer(dora, st),
            by_definition(at, turned(at, st), st.magnitude.value.template host<double>(at.b))) <
        test::tolerance<TestType>());
}

TEMPLATE_TEST_CASE("delta W = 0 at the start, whatever the parameterization and the start", "[adapt][dora]",
                   LORICA_SOME_BACKENDS) {
  Place<TestType> at;
  const auto error = [&](const auto& a) {
    auto st = at.make(a, 2);
    return test::relative_error(at.answer(a, st), at.bare());
  };
  CHECK(error(Dora<Svd, AlphaOverRankPlusEps>{}) == 0);
  CHECK(error(Dora<FrozenA>{}) == 0);
  CHECK(error(Dora<LowRank, AlphaOverRank, Pissa>{}) == 0);
  CHECK(error(Dora<LowRank, AlphaOverRank, Olora>{}) == 0);
  CHECK(error(Dora<LowRank, AlphaOverRank, Orthogonal>{}) < test::tolerance<TestType>());
}

TEMPLATE_TEST_CASE("the norm is a constant of the backward pass: gradients of (m / n) (W + s B A) x",
                   "[adapt][dora]", LORICA_DOUBLE_BACKENDS) {
  using B = TestType;
  Place<B> at;
  // With dL/dz = 2 (z - t), D = dL/dz diag(m / n): dL/dB = s D^T x A^T, dL/dA = s B^T D^T x, dL/dx = D (W + s
  // B A), dL/dm_i = sum_t dL/dz_ti z_ti / m_i.
  const Dora<> dora{.scaling = {.alpha = 6}};
  auto st = at.trained(dora, 2);
  (void)at.gradient_error_of(dora, st);  // leaves the analytic gradients
  const auto w = turned(at, st);
  const auto m = st.magnitude.value.template host<double>(at.b);
  test::Matrix z(4, 5), d(4, 5);
  z.numbers = by_definition(at, w, m);
  const auto target = test::matrix(at.b, at.target), x = test::matrix(at.b, at.x),
             a = test::matrix(at.b, st.factors.a.value), b = test::matrix(at.b, st.factors.b.value);
  std::vector<double> dm(5);
  for (index_t j = 0; j < 5; ++j) {
    double squares = 0;
    for (index_t l = 0; l < 4; ++l) squares += w(j, l) * w(j, l);
    const auto mj = m[static_cast<std::size_t>(j)];
    for (index_t t = 0; t < 4; ++t) {
      const double dz = 2 * (z(t, j) - target(t, j));
      d(t, j) = dz * mj / std::sqrt(squares);
      dm[static_cast<std::size_t>(j)] += dz * z(t, j) / mj;
    }
  }
  const auto transposed = [](const test::Matrix& y) {
    return test::matrix_of(y.cols, y.rows, [&](index_t i, index_t j) { return y(j, i); });
  };
  auto g = test::product(transposed(d), x);  // [m, k]
  for (double& v : g.numbers) v *= st.scale;
  const auto got = [&](const Parameter<B>& p) { return p.grad.template host<double>(at.b); };
  CHECK(test::relative_error(got(st.factors.b), test::product_nt(g, a).numbers) < 1e-12);
  CHECK(test::relative_error(got(st.factors.a), test::product(transposed(b), g).numbers) < 1e-12);
  CHECK(test::relative_error(got(st.magnitude), dm) < 1e-12);
}

TEMPLATE_TEST_CASE("dropout: y + g (W + s delta W) drop(x) - W drop(x), in training only", "[adapt][dora]",
                   LORICA_SOME_BACKENDS) {
  using B = TestType;
  Place<B> at;
  const auto check = [&](const auto& a, const auto& without) {
    auto st = at.trained(a, 2);
    const auto calm = at.answer(a, st);
    CHECK(calm == at.answer(without, st));
    a.phase(st, 7);
    const auto noisy = at.answer(a, st);
    CHECK(test::relative_error(noisy, calm) > 1e-3);
    // the same with drop(x) as x, once with the adapter and once without; the start's part of all of x
    Tape<B> tape(at.b, false);
    const auto x = tape.constant(at.x);
    const auto dropped = lorica::dropout(x, 0.5, Stream(3, "adapter dropout", "blocks.0.up", 7));
    st.draw = std::nullopt;
    const auto turned = at.visit(a, st, dropped).value().template host<double>(at.b);
    auto want = at.bare();
    const auto bare_of_dropped = linear(dropped, at.weight).value().template host<double>(at.b);
    std::vector<double> kept(want.size());
    if constexpr (requires { st.held.a.rows(); }) {
      const auto gone = add(dropped, lorica::scale(x, -1.0));
      const auto u = matmul_nt<typename B::master>(gone, tape.constant(st.held.a));
      kept = matmul_nt<typename B::scalar>(u, tape.constant(st.held.b), st.scale)
                 .value()
                 .template host<double>(at.b);
    }
    for (std::size_t i = 0; i < want.size(); ++i) want[i] += turned[i] - bare_of_dropped[i] + kept[i];
    CHECK(test::relative_error(noisy, want) < 4 * test::tolerance<B>());
  };
  check(Dora<>{.dropout = 0.5}, Dora<>{});
  check(Dora<LowRank, AlphaOverRank, Pissa>{.dropout = 0.5}, Dora<LowRank, AlphaOverRank, Pissa>{});
}

TEST_CASE("gradients through dropout are those of central differences, the norm held", "[adapt][dora]") {
  // At a fixed norm the answer is linear in A, in B and in m. Central differences also move the norm: they
  // agree for x and for m alone.
  Place<R> at;
  const Dora<> dora{.dropout = 0.3};
  auto st = at.trained(dora, 2);
  dora.phase(st, 1);
  Parameter<R> rows{"x", MasterTensor<R>(at.b, 4, 4, at.x.host<double>(at.b)), {}};
  const std::vector<Parameter<R>*> parameters = {&rows, &st.magnitude};
  CHECK(gradient_error(at.b, std::span<Parameter<R>* const>(parameters), [&](Tape<R>& tape) {
          return squared_error(at.visit(dora, st, tape.leaf(rows)), at.target);
        }) < 1e-8);
}

TEST_CASE("a row of norm 0 answers 0", "[adapt][dora]") {
  Place<R> at;
  auto w = at.weight.dense(at.b).host<double>(at.b);
  std::fill_n(w.begin(), 4, 0.0);
  at.weight = Frozen<R>(at.b, Tensor<R>(at.b, 5, 4, w));
  const Dora<> dora{};
  auto st = at.make(dora, 2);
  CHECK(at.answer(dora, st) == at.bare());
}

TEST_CASE("DoRA stands where a placement puts it, and counts its magnitudes", "[adapt][dora]") {
  R b;
  const test::Toy<R> model(b);
  auto adapted = attach(b, model, Method<Dora<>>{.placement = {.rank = 2}});
  CHECK(adapted.parameter_count() == 4 * 2 * (6 + 10) + 2 * (6 + 10));
  Bare bare;
  CHECK(test::states(b, model, adapted, test::sequences()) ==
        test::states(b, model, bare, test::sequences()));
  const auto scores = probe(b, model, test::sequences(), Page{});
  auto dominant = attach(b, model, Method<Dora<Svd>, Page, Dominant>{.placement = {.rank = 2}}, scores);
  CHECK(dominant.slots().size() == 1);
}
