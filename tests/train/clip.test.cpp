// SPDX-License-Identifier: MIT
#include <lorica/train/clip.hpp>

#include <support/backends.hpp>

#include <limits>

using namespace lorica;

namespace {
template <Backend B> struct Two {
  Parameter<B> a, b;
  template <class F> void for_each_parameter(F f) {
    f(a, 1.0);
    f(b, 1.0);
  }
};
/// Gradients (3, 0) and (0, -4): of norm 5 together.
template <Backend B> Two<B> two(B& b) {
  const auto one = [&](const char* name, double x, double y) {
    return Parameter<B>{name, zeros<typename B::master>(b, 1, 2),
                        MasterTensor<B>(b, 1, 2, std::vector<double>{x, y})};
  };
  return {one("first", 3, 0), one("second", 0, -4)};
}
template <Backend B> std::vector<double> gradients(B& b, Two<B>& t) {
  auto g = t.a.grad.template host<double>(b);
  for (const double x : t.b.grad.template host<double>(b)) g.push_back(x);
  return g;
}
}  // namespace

TEMPLATE_TEST_CASE("gradients are clipped by their norm together, by PyTorch's rule", "[train][clip]",
                   LORICA_SOME_BACKENDS) {
  using B = TestType;
  const double tolerance = test::tolerance_of<typename B::master>();
  B b;
  const auto after = [&](double most) {
    auto t = two(b);
    const double norm = train::gradient_norm(b, t, 0);
    REQUIRE(norm == Approx(5).epsilon(1e-15));
    train::clip_gradients(b, t, norm, most);
    return gradients(b, t);
  };
  const auto times = [](double s) { return std::vector<double>{3 * s, 0, 0, -4 * s}; };
  REQUIRE(test::relative_error(after(1), times(1 / (5 + 1e-6))) < tolerance);
  REQUIRE(after(1)[0] < 3.0 / 5);                                              // a little below: the 1e-6
  REQUIRE(test::relative_error(after(5), times(5 / (5 + 1e-6))) < tolerance);  // PyTorch scales here, too
  REQUIRE(after(5.00001) == times(1));
  REQUIRE(after(100) == times(1));
  REQUIRE(after(0) == times(1));  // off
}

TEMPLATE_TEST_CASE("a parameter without a gradient has no part in the norm", "[train][clip]",
                   LORICA_SOME_BACKENDS) {
  TestType b;
  auto t = two(b);
  t.b.grad = {};
  REQUIRE(train::gradient_norm(b, t, 0) == 3);
  train::scale_gradients(b, t, 2);
  REQUIRE(t.a.grad.template host<double>(b) == std::vector<double>{6, 0});
  REQUIRE(t.b.grad.empty());
}

TEMPLATE_TEST_CASE("a gradient that is not finite is named with its step", "[train][clip]",
                   LORICA_SOME_BACKENDS) {
  using B = TestType;
  for (const double bad :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    B b;
    auto t = two(b);
    t.b.grad = MasterTensor<B>(b, 1, 2, std::vector<double>{1, bad});
    std::string what;
    try {
      train::gradient_norm(b, t, 17);
    } catch (const NumericError& e) {
      what = e.what();
    }
    REQUIRE(what.find("step 17: the gradient of second is not finite") == 0);
  }
}

TEMPLATE_TEST_CASE("the first parameter that is not finite is found", "[train][clip]", LORICA_SOME_BACKENDS) {
  using B = TestType;
  B b;
  auto t = two(b);
  t.a.value = MasterTensor<B>(b, 1, 2,
                              std::vector<double>{double(std::numeric_limits<typename B::master>::max()), 0});
  REQUIRE(train::first_not_finite(b, t).empty());
  t.b.value = MasterTensor<B>(b, 1, 2, std::vector<double>{0, std::numeric_limits<double>::infinity()});
  REQUIRE(train::first_not_finite(b, t) == "second");
  t.a.value = MasterTensor<B>(b, 1, 2, std::vector<double>{0, std::numeric_limits<double>::quiet_NaN()});
  REQUIRE(train::first_not_finite(b, t) == "first");
}
