// SPDX-License-Identifier: MIT
#include <lorica/adapt/parameterization/low_rank.hpp>

#include "adapt/toy.hpp"

using namespace lorica;
using namespace lorica::adapt;
using R = test::Reference;

namespace {
const SiteInfo site{0, 2, Role::down, 50, 7, "blocks.2.down"};
constexpr index_t rank = 3, n = 4;
}  // namespace

TEST_CASE("A is uniform in 1/sqrt(k), B is 0: delta W = 0", "[adapt][parameterization][low_rank]") {
  R b;
  for (const double gain : {1.0, 0.25}) {
    auto f = LowRank::make(b, site, {.gain = gain}, rank, 5);
    CHECK(f.a.name == "blocks.2.down.A");
    CHECK(f.a.shape() == Shape{rank, 50});
    CHECK(f.b.name == "blocks.2.down.B");
    CHECK(f.b.shape() == Shape{7, rank});
    CHECK(f.b.value.host<double>(b) == std::vector<double>(7 * rank));
    Tape<R> tape(b, false);
    CHECK(LowRank::apply(f, test::some_rows<R>(tape, n, 50)).value().host<double>(b) ==
          std::vector<double>(7 * n));
    const auto a = LowRank::draw(site, {.gain = gain}, 1000, 5);  // 50000 numbers
    const double bound = gain / std::sqrt(50.0);
    CHECK(std::ranges::all_of(a, [&](double x) { return std::abs(x) < bound; }));
    CHECK(*std::ranges::max_element(a) > 0.999 * bound);
    CHECK(*std::ranges::min_element(a) < -0.999 * bound);
    CHECK(test::squares(a) / 50000 == Approx(gain * gain / 150).epsilon(0.02));  // Var(A) = gain^2 / (3k)
  }
}

TEST_CASE("draw 0 is the A an adapter starts from, draws, sites and seeds differ",
          "[adapt][parameterization][low_rank]") {
  R b;
  const auto f = LowRank::make(b, site, {}, rank, 5);
  const auto a = f.a.value.host<double>(b);
  CHECK(LowRank::draw(site, {}, rank, 5) == a);
  CHECK(LowRank::draw(site, {}, rank, 5, 0) == a);
  CHECK(LowRank::draw(site, {}, rank, 5, 1) != a);
  CHECK(LowRank::draw(site, {}, rank, 6) != a);
  SiteInfo other = site;
  other.path = "blocks.1.down";
  CHECK(LowRank::draw(other, {}, rank, 5) != a);
  other = site;
  other.ordinal = 9;
  CHECK(LowRank::draw(other, {}, rank, 5) == a);  // the path alone counts
}

TEST_CASE("x delta W^T is x (B A)^T, by apply and by add_to", "[adapt][parameterization][low_rank]") {
  R b;
  auto f = LowRank::make(b, site, {}, rank, 5);
  test::stir(b, f.b);
  Tape<R> tape(b, false);
  const auto x = test::some_rows<R>(tape, n, 50), y = test::some_rows<R>(tape, n, 7, 2);
  const auto want = test::product_nt(test::product_nt(test::matrix(b, x.value()), test::matrix(b, f.a.value)),
                                     test::matrix(b, f.b.value));
  CHECK(test::relative_error(LowRank::apply(f, x).value().host<double>(b), want.numbers) < 1e-14);
  auto sum = y.value().host<double>(b);
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += -0.7 * want.numbers[i];
  CHECK(test::relative_error(LowRank::add_to(f, x, y, -0.7).value().host<double>(b), sum) < 1e-14);
}

TEST_CASE("gradients through both forms are those of central differences",
          "[adapt][parameterization][low_rank]") {
  R b;
  auto f = LowRank::make(b, site, {}, rank, 5);
  test::stir(b, f.b);
  const std::array parameters = {&f.a, &f.b};
  const Tensor<R> target(b, n, 7, test::random_numbers(3, n * 7));
  CHECK(gradient_error(b, std::span<Parameter<R>* const>(parameters), [&](Tape<R>& t) {
          return squared_error(LowRank::apply(f, test::some_rows<R>(t, n, 50)), target);
        }) < 1e-8);
  CHECK(gradient_error(b, std::span<Parameter<R>* const>(parameters), [&](Tape<R>& t) {
          return squared_error(
              LowRank::add_to(f, test::some_rows<R>(t, n, 50), test::some_rows<R>(t, n, 7, 2), 1.3), target);
        }) < 1e-8);
}

TEST_CASE("directions are rows of A and columns of B, and B's column silences",
          "[adapt][parameterization][low_rank]") {
  R b;
  auto f = LowRank::make(b, site, {}, rank, 5);
  std::vector<std::pair<const Parameter<R>*, Along>> seen;
  LowRank::for_each(f, [&](const Factor<R>& factor) { seen.emplace_back(factor.parameter, factor.along); });
  CHECK(seen == std::vector<std::pair<const Parameter<R>*, Along>>{{&f.a, Along::rows}, {&f.b, Along::cols}});
  CHECK(LowRank::silencer(f).parameter == &f.b);
  CHECK(LowRank::silencer(f).along == Along::cols);
}
