// SPDX-License-Identifier: MIT
/// @file tests/core/frozen.test.cpp
#include <lorica/core/frozen.hpp>

#include "support/backends.hpp"

using namespace lorica;

TEMPLATE_TEST_CASE("a frozen weight is still there after packing", "[core][frozen]", LORICA_BACKENDS) {
  using B = TestType;
  B b;
  const auto numbers = test::rounded<typename B::scalar>(test::random_numbers(1, 15));
  const Frozen<B> w(b, Tensor<B>(b, 3, 5, numbers));
  REQUIRE(w.shape() == Shape{3, 5});
  REQUIRE(w.bytes() == static_cast<std::size_t>(B::pack_factor * 15 * double(sizeof(typename B::scalar))));
  REQUIRE(w.dense(b).template host<double>(b) == numbers);
  const Frozen<B> copy = w;
  REQUIRE(copy.dense(b).template host<double>(b) == numbers);
}

TEMPLATE_TEST_CASE("a frozen weight multiplies in both directions", "[core][frozen]", LORICA_BACKENDS) {
  using B = TestType;
  B b;
  const Frozen<B> w(b, Tensor<B>(b, 2, 3, std::vector<double>{1, 2, 3, 4, 5, 6}));
  const Tensor<B> x(b, 1, 3, std::vector<double>{1, 0, -1}), up(b, 1, 2, std::vector<double>{1, 10});
  Tensor<B> y(b, 1, 2), dx(b, 1, 3);
  b.multiply(x.ref(), w.packed(), Trans::yes, 0, y.ref());
  REQUIRE(y.template host<double>(b) == std::vector<double>{-2, -2});
  b.multiply(up.ref(), w.packed(), Trans::no, 0, dx.ref());
  REQUIRE(dx.template host<double>(b) == std::vector<double>{41, 52, 63});
}

TEMPLATE_TEST_CASE("a frozen weight keeps alive what it borrows", "[core][frozen]", LORICA_BACKENDS) {
  using B = TestType;
  B b;
  auto owner = std::make_shared<Tensor<B>>(b, 2, 2, std::vector<double>{1, 2, 3, 4});
  const std::weak_ptr<Tensor<B>> watch = owner;
  Frozen<B> w(b, owner->cref(), owner);
  owner.reset();
  REQUIRE(w.dense(b).template host<double>(b) == std::vector<double>{1, 2, 3, 4});
  if (B::pack_factor == 1.0) REQUIRE_FALSE(watch.expired());
  w = Frozen<B>();
  REQUIRE(watch.expired());
  REQUIRE(w.shape() == Shape{0, 0});
}
