// SPDX-License-Identifier: MIT
/// @file tests/core/tensor.test.cpp
#include <lorica/core/tensor.hpp>

#include "support/backends.hpp"

using namespace lorica;

TEMPLATE_TEST_CASE("a tensor gives back what it was given, rounded once", "[core][tensor]", LORICA_BACKENDS) {
  using B = TestType;
  B b;
  const auto numbers = test::random_numbers(1, 35);
  const Tensor<B> x(b, 5, 7, numbers);
  REQUIRE(x.rows() == 5);
  REQUIRE(x.cols() == 7);
  REQUIRE(x.size() == 35);
  REQUIRE(x.shape() == Shape{5, 7});
  REQUIRE(x.bytes() == 35 * sizeof(typename B::scalar));
  REQUIRE(x.ref().contiguous());
  REQUIRE(x.template host<double>(b) == test::rounded<typename B::scalar>(numbers));
  const MasterTensor<B> p(b, 7, 5, numbers);
  REQUIRE(p.template host<double>(b) == test::rounded<typename B::master>(numbers));
}

TEMPLATE_TEST_CASE("a tensor refuses numbers that do not fill it", "[core][tensor]", LORICA_BACKENDS) {
  TestType b;
  try {
    const Tensor<TestType> x(b, 2, 3, std::vector<double>(5));
    FAIL("nothing was thrown");
  } catch (const ShapeError& e) {
    REQUIRE(std::string(e.what()) == "Tensor: 5 numbers for the shape [2, 3]");
  }
}

TEMPLATE_TEST_CASE("tensors move, and clone when told to", "[core][tensor]", LORICA_BACKENDS) {
  using B = TestType;
  STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<Tensor<B>>);
  STATIC_REQUIRE(std::is_nothrow_move_constructible_v<Tensor<B>>);
  B b;
  const auto numbers = test::rounded<typename B::scalar>(test::random_numbers(2, 12));
  Tensor<B> x(b, 3, 4, numbers);
  Tensor<B> y = x.clone(b);
  REQUIRE(y.data() != x.data());
  fill(b, x, 0);
  REQUIRE(y.template host<double>(b) == numbers);
  x = std::move(y);
  REQUIRE(x.template host<double>(b) == numbers);
}

TEMPLATE_TEST_CASE("zeros and fill set every number", "[core][tensor]", LORICA_BACKENDS) {
  using B = TestType;
  B b;
  auto x = zeros<typename B::scalar>(b, 3, 11);
  REQUIRE(x.template host<double>(b) == std::vector<double>(33, 0.0));
  fill(b, x, -1.5f);
  REQUIRE(x.template host<double>(b) == std::vector<double>(33, -1.5));
  const auto p = zeros<typename B::master>(b, 1, 100003);
  REQUIRE(p.template host<double>(b) == std::vector<double>(100003, 0.0));
}

TEMPLATE_TEST_CASE("a tensor without rows is a tensor", "[core][tensor]", LORICA_BACKENDS) {
  using B = TestType;
  B b;
  const Tensor<B> none, no_rows(b, 0, 5, std::vector<double>{});
  REQUIRE(none.empty());
  REQUIRE(no_rows.empty());
  REQUIRE(no_rows.cols() == 5);
  REQUIRE(no_rows.clone(b).shape() == Shape{0, 5});
  REQUIRE(no_rows.host(b).empty());
}

TEMPLATE_TEST_CASE("integers live beside the numbers", "[core][tensor]", LORICA_BACKENDS) {
  TestType b;
  const std::vector<std::int32_t> ids = {3, -1, 1 << 30, 0};
  const Integers<TestType> there(b, ids);
  REQUIRE(there.size() == 4);
  std::vector<std::int32_t> back(4);
  b.download(there.data(), std::span<std::int32_t>(back));
  REQUIRE(back == ids);
}
