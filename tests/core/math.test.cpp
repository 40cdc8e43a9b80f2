// SPDX-License-Identifier: MIT
/// @file tests/core/math.test.cpp
/// Accuracy over the whole range, against the standard library in double.
#include <lorica/core/math.hpp>

#include <lorica/core/random.hpp>

#include "support/catch.hpp"
#include "support/math_functors.hpp"

#include <bit>
#include <limits>
#include <vector>

using namespace lorica;

namespace {

/// Every 509th float from -limit to limit by its bits, so that all exponents are there: some 8 million.
std::vector<float> floats_within(float limit) {
  std::vector<float> x;
  for (std::uint32_t bits = 0; bits <= std::bit_cast<std::uint32_t>(limit); bits += 509) {
    x.push_back(std::bit_cast<float>(bits));
    x.push_back(-x.back());
  }
  x.push_back(limit);
  x.push_back(-limit);
  return x;
}

struct Worst {
  double relative = 0, absolute = 0;
};
template <class F, class G> Worst worst_of(const std::vector<float>& over, F f, G exact) {
  Worst w;
  for (const float x : over) {
    const double want = exact(double(x)), off = std::abs(double(f(x)) - want);
    // Not std::max: a NaN must be seen.
    if (!(off <= w.absolute)) w.absolute = off;
    if (!(off / std::abs(want) <= w.relative) && want != 0) w.relative = off / std::abs(want);
  }
  return w;
}
/// How often lanes and numbers differ in a bit.
template <class F> int differences(const std::vector<float>& over, F f) {
  using V = Lanes<float>;
  int count = 0;
  for (std::size_t i = 0; i + V::width <= over.size(); i += V::width) {
    const V y = f(V::load(over.data() + i));
    for (int l = 0; l < V::width; ++l)
      count += std::bit_cast<std::uint32_t>(float(y[l])) !=
               std::bit_cast<std::uint32_t>(float(f(over[i + static_cast<std::size_t>(l)])));
  }
  return count;
}

using test::Density;
using test::Exp;
using test::Phi;
using test::Sigmoid;
using test::Tanh;

double exact_exp(double x) { return std::exp(x); }
double exact_tanh(double x) { return std::tanh(x); }
double exact_sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double exact_Phi(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }
double exact_density(double x) { return std::exp(-0.5 * x * x) / std::sqrt(2 * 3.14159265358979323846); }

}  // namespace

TEST_CASE("the float functions keep the accuracy the header states", "[core][math]") {
  const auto all = floats_within(87.f);
  const Worst e = worst_of(all, Exp{}, exact_exp), t = worst_of(all, Tanh{}, exact_tanh);
  const Worst s = worst_of(all, Sigmoid{}, exact_sigmoid), p = worst_of(all, Phi{}, exact_Phi);
  const Worst d = worst_of(all, Density{}, exact_density);
  CAPTURE(e.relative, s.relative, t.absolute, p.absolute, d.absolute);
  CHECK(e.relative < 3e-7);
  CHECK(s.relative < 3e-7);
  CHECK(t.absolute < 2e-7);
  CHECK(p.absolute < 3.5e-7);
  CHECK(d.absolute < 1e-7);
}

TEST_CASE("what is enough for bf16 keeps the accuracy the header states", "[core][math]") {
  using V = Lanes<float>;
  double powers = 0, sigmoids = 0, distribution = 0, density = 0;
  const auto relative = [](double got, double want) { return std::abs(got - want) / std::abs(want); };
  for (float x = -87; x <= 87; x += 0.00137f) {
    sigmoids = std::max(sigmoids, relative(math::sigmoid_for_bf16(V(x))[0], exact_sigmoid(double(x))));
    if (x <= 0.5f) powers = std::max(powers, relative(math::exp2_for_bf16(V(x))[0], std::exp2(double(x))));
    if (std::abs(x) > 12) continue;  // beyond, subnormals begin
    const auto n = math::normal_for_bf16(V(x));
    distribution = std::max(distribution, relative(n.Phi[0], exact_Phi(double(x))));
    density = std::max(density, relative(n.phi[0], exact_density(double(x))));
  }
  CAPTURE(powers, sigmoids, distribution, density);
  CHECK(powers < 1e-5);
  CHECK(sigmoids < 1e-5);
  CHECK(distribution < 3e-4);
  CHECK(density < 1e-5);
  constexpr float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(math::exp2_for_bf16(V(-inf))[0] <= 1.2e-38f);
  CHECK(math::sigmoid_for_bf16(V(-inf))[0] <= 1.2e-38f);
  CHECK(math::sigmoid_for_bf16(V(inf))[0] == 1.f);
  CHECK(math::normal_for_bf16(V(inf)).Phi[0] == 1.f);
  for (const V y :
       {math::exp2_for_bf16(V(nan)), math::sigmoid_for_bf16(V(nan)), math::normal_for_bf16(V(nan)).Phi})
    CHECK(std::isnan(y[0]));
}

TEST_CASE("lanes give the bits that numbers give", "[core][math]") {
  const auto all = floats_within(1e30f);
  CHECK(differences(all, Exp{}) == 0);
  CHECK(differences(all, Tanh{}) == 0);
  CHECK(differences(all, Sigmoid{}) == 0);
  CHECK(differences(all, Phi{}) == 0);
  CHECK(differences(all, Density{}) == 0);
}

TEST_CASE("beyond the range the functions stay at its end, and NaN stays NaN", "[core][math]") {
  constexpr float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  REQUIRE(math::exp(-inf) == math::exp(-87.f));
  REQUIRE(math::exp(1000.f) == math::exp(88.f));
  REQUIRE(std::isfinite(math::exp(inf)));
  REQUIRE(math::exp(0.f) == 1.f);
  REQUIRE(math::tanh(inf) == 1.f);
  REQUIRE(math::tanh(-inf) == -1.f);
  REQUIRE(math::tanh(0.f) == 0.f);
  REQUIRE(math::sigmoid(100.f) == 1.f);
  REQUIRE(math::sigmoid(-100.f) < 1e-37f);
  REQUIRE(math::normal(40.f).Phi == 1.f);
  REQUIRE(math::normal(-40.f).Phi < 1e-37f);
  for (const float y :
       {math::exp(nan), math::tanh(nan), math::sigmoid(nan), math::normal(nan).Phi, math::normal(nan).phi})
    REQUIRE(std::isnan(y));
  using V = Lanes<float>;
  REQUIRE(std::isnan(math::exp(V(nan))[0]));
  REQUIRE(std::isnan(math::normal(V(nan)).Phi[0]));
}

TEST_CASE("in double the functions are the standard library's, in lanes too", "[core][math]") {
  using V = Lanes<double>;
  for (int i = -200; i <= 200; ++i) {
    const double x = 0.37 * i;
    CAPTURE(x);
    REQUIRE(math::exp(x) == std::exp(x));
    REQUIRE(math::tanh(x) == std::tanh(x));
    REQUIRE(math::normal(x).Phi == Approx(exact_Phi(x)).epsilon(1e-11).margin(1e-280));
    REQUIRE(math::normal(x).phi == Approx(exact_density(x)).epsilon(1e-11).margin(1e-280));
    REQUIRE(math::exp(V(x))[V::width - 1] == std::exp(x));
    REQUIRE(math::tanh(V(x))[0] == std::tanh(x));
    REQUIRE(math::normal(V(x)).Phi[0] == math::normal(x).Phi);
    REQUIRE(math::normal(V(x)).phi[0] == math::normal(x).phi);
    REQUIRE(math::sigmoid(V(x))[0] == math::sigmoid(x));
  }
}

TEMPLATE_TEST_CASE("roots of lanes are those of numbers, to the last bit", "[core][math]", float, double) {
  using T = TestType;
  using V = Lanes<T>;
  const std::vector<double> squares = normals(Stream(3, "roots", ""), 64, 1e3);
  for (std::size_t i = 0; i + V::width <= squares.size(); i += V::width) {
    T x[V::width], y[V::width];
    for (int l = 0; l < V::width; ++l) x[l] = static_cast<T>(std::abs(squares[i + std::size_t(l)]));
    x[0] = i == 0 ? T(0) : x[0];
    math::sqrt(V::load(x)).store(y);
    for (int l = 0; l < V::width; ++l) {
      REQUIRE(y[l] == std::sqrt(x[l]));
      REQUIRE(y[l] == math::sqrt(x[l]));
    }
  }
}
