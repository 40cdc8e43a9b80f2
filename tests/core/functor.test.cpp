// SPDX-License-Identifier: MIT
/// @file tests/core/functor.test.cpp
#include <lorica/core/functor.hpp>

#include <lorica/core/tensor.hpp>

#include "support/backends.hpp"

using namespace lorica;

namespace {

const double root2 = std::sqrt(2.0), pi = std::acos(-1.0);
double gelu(double x) { return x * 0.5 * std::erfc(-x / root2); }
double gelu_tanh(double x) {
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / pi) * (x + 0.044715 * x * x * x)));
}
double silu(double x) { return x / (1 + std::exp(-x)); }
/// Central differences, good to about 1e-9.
template <class F> double slope(F f, double x) { return (f(x + 1e-5) - f(x - 1e-5)) / 2e-5; }

/// f over n numbers on the backend against `want(x, y, z)`, at lengths around the width of the lanes and the
/// grain of the loops, the last time in place. Odd magnitudes: the tails are there.
template <int inputs, class B, class F, class G> void check_against(B& b, F f, G want, double tolerance) {
  using T = typename B::scalar;
  for (const index_t n : {1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 67, 16384, 16389}) {
    CAPTURE(n);
    auto x = test::random_numbers(1, n), y = test::random_numbers(2, n), z = test::random_numbers(3, n);
    for (double& v : x) v *= 3;
    x = test::rounded<T>(x), y = test::rounded<T>(y), z = test::rounded<T>(z);
    std::vector<double> expected;
    for (std::size_t i = 0; i < x.size(); ++i) expected.push_back(want(x[i], y[i], z[i]));
    Tensor<B> tx(b, 1, n, x), ty(b, 1, n, y), tz(b, 1, n, z), out(b, 1, n);
    const auto call = [&](T* to) {
      if constexpr (inputs == 1)
        b.map(n, f, to, tx.cref().data);
      else if constexpr (inputs == 2)
        b.map(n, f, to, tx.cref().data, ty.cref().data);
      else
        b.map(n, f, to, tx.cref().data, ty.cref().data, tz.cref().data);
    };
    call(out.data());
    REQUIRE(test::relative_error(out.template host<double>(b), expected) < tolerance);
    call(tx.data());
    REQUIRE(tx.template host<double>(b) == out.template host<double>(b));
  }
}

}  // namespace

TEMPLATE_TEST_CASE("the functors are their formulas", "[core][functor]", LORICA_BACKENDS) {
  TestType b;
  constexpr double t = test::tolerance<TestType>();
  using T = typename TestType::scalar;
  check_against<1>(
      b, fn::Copy{}, [](double x, double, double) { return x; }, t);
  check_against<2>(
      b, fn::Add{}, [](double x, double y, double) { return x + y; }, t);
  check_against<2>(
      b, fn::Subtract{}, [](double x, double y, double) { return x - y; }, t);
  check_against<2>(
      b, fn::Multiply{}, [](double x, double y, double) { return x * y; }, t);
  check_against<1>(
      b, fn::Scale<T>{T(1.5)}, [](double x, double, double) { return 1.5 * x; }, t);
  check_against<2>(
      b, fn::Axpy<T>{T(1.5)}, [](double x, double y, double) { return 1.5 * x + y; }, t);
  check_against<1>(
      b, fn::Tanh{}, [](double x, double, double) { return std::tanh(x); }, t);
  check_against<1>(
      b, fn::Gelu{}, [](double x, double, double) { return gelu(x); }, t);
  check_against<1>(
      b, fn::GeluTanh{}, [](double x, double, double) { return gelu_tanh(x); }, t);
  check_against<2>(
      b, fn::SiluGate{}, [](double x, double y, double) { return silu(x) * y; }, t);
  check_against<2>(
      b, fn::Masked<T>{T(2)}, [](double x, double y, double) { return 2 * x * y; }, t);
}

TEMPLATE_TEST_CASE("the gradients are the slopes of the functions, times dy", "[core][functor]",
                   LORICA_BACKENDS) {
  TestType b;
  constexpr double t = std::max(test::tolerance<TestType>(), 1e-8);  // central differences give no more
  check_against<2>(
      b, fn::GeluGradient{}, [](double dy, double x, double) { return dy * slope(gelu, x); }, t);
  check_against<2>(
      b, fn::GeluTanhGradient{}, [](double dy, double x, double) { return dy * slope(gelu_tanh, x); }, t);
  check_against<2>(
      b, fn::TanhGradient{}, [](double dy, double y, double) { return dy * (1 - y * y); }, t);
  check_against<3>(
      b, fn::SiluGateByGate{}, [](double dy, double gate, double up) { return dy * up * slope(silu, gate); },
      t);
  check_against<2>(
      b, fn::SiluGateByUp{}, [](double dy, double gate, double) { return dy * silu(gate); }, t);
}

TEMPLATE_TEST_CASE("Plus adds to what is there, and is in lanes where its functor is", "[core][functor]",
                   LORICA_BACKENDS) {
  TestType b;
  constexpr double t = test::tolerance<TestType>();
  using T = typename TestType::scalar;
  STATIC_REQUIRE(fn::InLanes<fn::Plus<fn::Multiply>>);
  STATIC_REQUIRE_FALSE(fn::InLanes<fn::Plus<fn::Masked<T>>>);
  check_against<3>(
      b, fn::Plus<fn::Multiply>{}, [](double old, double x, double y) { return old + x * y; }, t);
  check_against<3>(
      b, fn::Plus<fn::Masked<T>>{{T(2)}}, [](double old, double x, double y) { return old + 2 * x * y; }, t);
  check_against<2>(
      b, fn::Plus<fn::Copy>{}, [](double old, double x, double) { return old + x; }, t);
}

TEST_CASE("GELU and SiLU behave at the far ends", "[core][functor]") {
  REQUIRE(fn::Gelu{}(60.0) == 60.0);
  REQUIRE(fn::Gelu{}(-60.0) == 0.0);
  REQUIRE(fn::Gelu{}(60.f) == 60.f);
  REQUIRE(std::abs(fn::Gelu{}(-60.f)) < 1e-30f);
  REQUIRE(fn::GeluTanh{}(60.f) == 60.f);
  REQUIRE(std::abs(fn::GeluTanh{}(-60.f)) < 1e-30f);
  REQUIRE(fn::SiluGate{}(-1000.0, 1.0) == 0.0);
  REQUIRE(fn::SiluGate{}(1000.f, 1.f) == 1000.f);
  REQUIRE(std::abs(fn::SiluGate{}(-1000.f, 1.f)) < 1e-30f);
}
