// SPDX-License-Identifier: MIT
#include <lorica/adapt/parameterization/svd.hpp>

#include "adapt/toy.hpp"

using namespace lorica;
using namespace lorica::adapt;
using R = test::Reference;

namespace {
const SiteInfo site{0, 2, Role::down, 9, 7, "blocks.2.down"};
constexpr index_t rank = 3, n = 4;
}  // namespace

TEST_CASE("P and Q are normal, lambda is 0: delta W = 0", "[adapt][parameterization][svd]") {
  R b;
  auto f = Svd::make(b, site, {}, rank, 5);
  CHECK(f.q.name == "blocks.2.down.Q");
  CHECK(f.q.shape() == Shape{rank, 9});
  CHECK(f.p.name == "blocks.2.down.P");
  CHECK(f.p.shape() == Shape{7, rank});
  CHECK(f.lambda.name == "blocks.2.down.lambda");
  CHECK(f.lambda.shape() == Shape{1, rank});
  CHECK(f.lambda.value.host<double>(b) == std::vector<double>(rank));
  Tape<R> tape(b, false);
  CHECK(Svd::apply(f, test::some_rows<R>(tape, n, 9)).value().host<double>(b) == std::vector<double>(7 * n));

  const SiteInfo large{0, 2, Role::down, 300, 200, "blocks.2.down"};
  for (const double sigma : {0.02, 1.5}) {
    const auto g = Svd::make(b, large, {.sigma = sigma}, 100, 5);
    const auto q = g.q.value.host<double>(b), p = g.p.value.host<double>(b);
    CHECK(std::sqrt(test::squares(q) / 30000) == Approx(sigma).epsilon(0.02));
    CHECK(std::sqrt(test::squares(p) / 20000) == Approx(sigma).epsilon(0.03));
    const auto tails = std::ranges::count_if(q, [&](double x) { return std::abs(x) > 2 * sigma; });
    CHECK(double(tails) / 30000 == Approx(0.0455).epsilon(0.12));  // a normal's, not a uniform's
    CHECK(q[0] != p[0]);
  }
}

TEST_CASE("x delta W^T is x (P diag(lambda) Q)^T, by apply and by add_to", "[adapt][parameterization][svd]") {
  R b;
  auto f = Svd::make(b, site, {}, rank, 5);
  for (auto* p : {&f.q, &f.p, &f.lambda}) test::stir(b, *p);
  Tape<R> tape(b, false);
  const auto x = test::some_rows<R>(tape, n, 9), y = test::some_rows<R>(tape, n, 7, 2);
  const auto q = test::matrix(b, f.q.value), p = test::matrix(b, f.p.value),
             lambda = test::matrix(b, f.lambda.value);
  const auto delta = test::matrix_of(7, 9, [&](index_t i, index_t j) {
    double s = 0;
    for (index_t l = 0; l < rank; ++l) s += p(i, l) * lambda(0, l) * q(l, j);
    return s;
  });
  const auto want = test::product_nt(test::matrix(b, x.value()), delta);
  CHECK(test::relative_error(Svd::apply(f, x).value().host<double>(b), want.numbers) < 1e-14);
  auto sum = y.value().host<double>(b);
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += -0.7 * want.numbers[i];
  CHECK(test::relative_error(Svd::add_to(f, x, y, -0.7).value().host<double>(b), sum) < 1e-14);
}

TEST_CASE("gradients of the three factors are those of central differences",
          "[adapt][parameterization][svd]") {
  R b;
  auto f = Svd::make(b, site, {}, rank, 5);
  for (auto* p : {&f.q, &f.p, &f.lambda}) test::stir(b, *p);
  const std::array parameters = {&f.q, &f.p, &f.lambda};
  const Tensor<R> target(b, n, 7, test::random_numbers(3, n * 7));
  CHECK(gradient_error(b, std::span<Parameter<R>* const>(parameters), [&](Tape<R>& t) {
          return squared_error(Svd::apply(f, test::some_rows<R>(t, n, 9)), target);
        }) < 1e-8);
  CHECK(gradient_error(b, std::span<Parameter<R>* const>(parameters), [&](Tape<R>& t) {
          return squared_error(
              Svd::add_to(f, test::some_rows<R>(t, n, 9), test::some_rows<R>(t, n, 7, 2), 1.3), target);
        }) < 1e-8);
}

TEST_CASE("at the start lambda alone has a gradient", "[adapt][parameterization][svd]") {
  R b;
  auto f = Svd::make(b, site, {}, rank, 5);
  const Tensor<R> target(b, n, 7, test::random_numbers(3, n * 7));
  Tape<R> tape(b);
  tape.backward(squared_error(Svd::apply(f, test::some_rows<R>(tape, n, 9)), target));
  CHECK(test::squares(f.lambda.grad.host<double>(b)) > 0);
  CHECK(test::squares(f.p.grad.host<double>(b)) == 0);
  CHECK(test::squares(f.q.grad.host<double>(b)) == 0);
}

TEST_CASE("directions are rows of Q, columns of P, and entries of lambda, which silences",
          "[adapt][parameterization][svd]") {
  R b;
  auto f = Svd::make(b, site, {}, rank, 5);
  using Seen = std::vector<std::pair<const Parameter<R>*, Along>>;
  Seen all, orthogonal;
  Svd::for_each(f, [&](const Factor<R>& factor) { all.emplace_back(factor.parameter, factor.along); });
  Svd::orthogonal(f,
                  [&](const Factor<R>& factor) { orthogonal.emplace_back(factor.parameter, factor.along); });
  CHECK(all == Seen{{&f.q, Along::rows}, {&f.p, Along::cols}, {&f.lambda, Along::cols}});
  CHECK(orthogonal == Seen{{&f.q, Along::rows}, {&f.p, Along::cols}});
  CHECK(Svd::silencer(f).parameter == &f.lambda);
  CHECK(Svd::silencer(f).along == Along::cols);
}
