// SPDX-License-Identifier: MIT
/// @file tests/core/check.test.cpp
#include <lorica/core/check.hpp>

#include "support/catch.hpp"

#include <string>

using namespace lorica;

namespace {
template <class F> std::string what_of(F f) {
  try {
    f();
  } catch (const std::exception& e) {
    return e.what();
  }
  return "nothing was thrown";
}
}  // namespace

TEST_CASE("a message is its parts, streamed", "[core][check]") {
  REQUIRE(message("rank ", 3, " of ", Shape{4, 5}) == "rank 3 of [4, 5]");
  REQUIRE(message().empty());
}

TEST_CASE("expects throws the type asked for, with the message, and only when it must", "[core][check]") {
  REQUIRE_NOTHROW(expects(true, "never"));
  REQUIRE_THROWS_AS(expects(false, "x"), ConfigError);
  REQUIRE_THROWS_AS(expects<ShapeError>(false, "x"), ShapeError);
  REQUIRE_THROWS_AS(expects<FileError>(false, "x"), FileError);
  REQUIRE_THROWS_AS(expects<NumericError>(false, "x"), NumericError);
  REQUIRE(what_of([] { expects(false, "rank is ", 0, ", expected at least ", 1); }) ==
          "rank is 0, expected at least 1");
}

TEST_CASE("every error is an Error, and a std::runtime_error", "[core][check]") {
  REQUIRE_THROWS_AS(expects<ShapeError>(false, "x"), Error);
  REQUIRE_THROWS_AS(expects<ConfigError>(false, "x"), std::runtime_error);
}

TEST_CASE("a shape error holds both shapes", "[core][check]") {
  REQUIRE_NOTHROW(expects_shape("gemm", "x", {3, 4}, {3, 4}));
  REQUIRE_THROWS_AS(expects_shape("gemm", "x", {3, 4}, {4, 3}), ShapeError);
  REQUIRE(what_of([] {
            expects_shape("gemm", "x", {3, 4}, {3, 5});
          }) == "gemm: x is [3, 4], expected [3, 5]");
}
