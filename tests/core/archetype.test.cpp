// SPDX-License-Identifier: MIT
/// @file tests/core/archetype.test.cpp
#include <lorica/core/tensor.hpp>

#include "support/backends.hpp"

using namespace lorica;

TEMPLATE_TEST_CASE("the archetypes are functors every backend runs", "[core][archetype]", LORICA_BACKENDS) {
  TestType b;
  const auto numbers = test::random_numbers(1, 21);
  Tensor<TestType> x(b, 3, 7, numbers), y(b, 3, 7);
  b.map(21, archetype::Unary{}, y.data(), std::as_const(x).data());
  REQUIRE(y.template host<double>(b) == x.template host<double>(b));
  b.map(21, archetype::Binary{}, y.data(), std::as_const(x).data(), std::as_const(x).data());
  auto twice = x.template host<double>(b);
  for (double& v : twice) v *= 2;
  REQUIRE(y.template host<double>(b) == twice);
  b.for_rows(3, archetype::Index{});
  b.for_each_index(21, archetype::Index{});
  REQUIRE(y.template host<double>(b) == twice);
}

TEST_CASE("a visitor takes both kinds, and no directions have no scores", "[core][archetype]") {
  int i = 0;
  const int c = 0;
  archetype::Visitor<int>{}(i);
  archetype::Visitor<const int>{}(c);
  REQUIRE(archetype::Directions{}.size() == 0);
  REQUIRE(archetype::Directions{}.kth_smallest(1) == 0);
}
