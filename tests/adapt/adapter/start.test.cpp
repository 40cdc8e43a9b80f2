// SPDX-License-Identifier: MIT
#include <lorica/adapt/adapter/start.hpp>

#include "adapt/place.hpp"

using namespace lorica;
using namespace lorica::adapt;
using R = test::Reference;

namespace {

static_assert(PairStart<Gaussian, R> && PairStart<Orthogonal, test::Mixed> && PairStart<Pissa, R> &&
              PairStart<Olora, R> && !PairStart<FromZero, R> && !PairStart<int, R>);

const SiteInfo site{0, 1, Role::down, 40, 12, "blocks.1.down"};
struct Fixture {
  R b;
  Frozen<R> weight{b, Tensor<R>(b, 12, 40, test::random_numbers(5, 480))};
  template <class S> HostPair begin(const S& s, index_t rank, double scale = 2, Seed seed = 1) {
    return s.begin(b, site, WeightView<R>(weight), rank, scale, seed);
  }
};
double mean_square(const std::vector<double>& v) { return test::squares(v) / double(v.size()); }

}  // namespace

TEST_CASE("Gaussian: a standard deviation of 1/r, and B = 0", "[adapt][start]") {
  Fixture at;
  const auto p = at.begin(Gaussian{}, 8);
  CHECK(mean_square(p.a.values) == Approx(1.0 / 64).epsilon(0.2));
  CHECK(p.b.values == std::vector<double>(12 * 8));
  CHECK(at.begin(Gaussian{}, 8).a.values == p.a.values);
  CHECK(at.begin(Gaussian{}, 8, 2, 2).a.values != p.a.values);
}

TEST_CASE("Orthogonal: neither factor is 0, their product is", "[adapt][start]") {
  Fixture at;
  const auto p = at.begin(Orthogonal{}, 6);
  CHECK(mean_square(p.a.values) == Approx(0.5 / 100).epsilon(0.4));
  CHECK(mean_square(p.b.values) == Approx(0.5 / 100).epsilon(0.6));
  const auto delta = host::product(p.b, p.a);
  CHECK(std::sqrt(test::squares(delta.values)) <
        1e-15 * std::sqrt(test::squares(p.a.values) * test::squares(p.b.values)));
  CHECK(test::error_of<ConfigError>([&] { (void)at.begin(Orthogonal{}, 3); }) ==
        "Orthogonal: the rank at blocks.1.down is 3, expected an even one: half of it is A's, half B's");
}

TEST_CASE("PiSSA: s B A is the principal part of W, shared evenly", "[adapt][start]") {
  Fixture at;
  const double s = 2.5;
  const auto p = at.begin(Pissa{}, 3, s);
  const auto w = HostMatrix(12, 40, at.weight.dense(at.b).host<double>(at.b));
  const auto t = host::jacobi_svd(w);
  auto left = host::product(p.b, p.a);
  for (std::size_t i = 0; i < left.values.size(); ++i) left.values[i] = w.values[i] - s * left.values[i];
  double rest = 0;  // what is left of W has the other singular values
  for (std::size_t i = 3; i < t.s.size(); ++i) rest += t.s[i] * t.s[i];
  CHECK(test::squares(left.values) == Approx(rest).epsilon(1e-12));
  for (index_t i = 0; i < 3; ++i) {
    double a = 0, b = 0;
    for (index_t j = 0; j < 40; ++j) a += p.a(i, j) * p.a(i, j);
    for (index_t j = 0; j < 12; ++j) b += p.b(j, i) * p.b(j, i);
    CHECK(a == Approx(t.s[static_cast<std::size_t>(i)] / s).epsilon(1e-12));
    CHECK(b == Approx(a).epsilon(1e-12));
  }
}

TEST_CASE("PiSSA of a weight of lower rank would have dead directions: an error", "[adapt][start]") {
  Fixture at;
  std::vector<double> ones(480, 1.0);
  at.weight = Frozen<R>(at.b, Tensor<R>(at.b, 12, 40, ones));
  CHECK_NOTHROW(at.begin(Pissa{}, 1));
  CHECK(
      test::error_of<ConfigError>([&] { (void)at.begin(Pissa{}, 2); }) ==
      "Pissa: the weight at blocks.1.down is of a rank below 2: the directions beyond would be 0 in A and in "
      "B, and never train; lower the rank");
}

TEST_CASE("OLoRA: the first columns of Q, the first rows of R, whatever the scale", "[adapt][start]") {
  Fixture at;
  const auto p = at.begin(Olora{}, 4, 2.5);
  const auto whole = host::qr({12, 40, at.weight.dense(at.b).host<double>(at.b)}, 12);
  CHECK(std::equal(p.a.values.begin(), p.a.values.end(), whole.r.values.begin()));
  for (index_t i = 0; i < 12; ++i)
    for (index_t j = 0; j < 4; ++j) CHECK(p.b(i, j) == Approx(whole.q(i, j)).margin(1e-15));
}
