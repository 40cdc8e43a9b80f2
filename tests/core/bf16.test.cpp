// SPDX-License-Identifier: MIT
/// @file tests/core/bf16.test.cpp
#include <lorica/core/bf16.hpp>

#include "support/catch.hpp"

#include <bit>
#include <cmath>
#include <limits>

using namespace lorica;

namespace {
float float_of(std::uint32_t bits) { return std::bit_cast<float>(bits); }
}  // namespace

TEST_CASE("rounding to bf16 is to nearest, ties to even", "[core][bf16]") {
  struct Row {
    std::uint32_t from;
    std::uint16_t to;
  };
  const Row table[] = {
      {0x00000000, 0x0000},
      {0x80000000, 0x8000},  // both zeros
      {0x3f800000, 0x3f80},
      {0xbf800000, 0xbf80},  // one and minus one
      {0x3f807fff, 0x3f80},
      {0x3f808000, 0x3f80},
      {0x3f808001, 0x3f81},  // below, at and above the tie beside
                             // an even
      {0x3f817fff, 0x3f81},
      {0x3f818000, 0x3f82},
      {0x3f818001, 0x3f82},  // and beside an odd
      {0xbf808000, 0xbf80},
      {0xbf818000, 0xbf82},
      {0x3fffffff, 0x4000},  // a carry into the exponent
      {0x7f7f7fff, 0x7f7f},
      {0x7f7f8000, 0x7f80},
      {0x7f7fffff, 0x7f80},  // the largest, and over it
      {0x7f800000, 0x7f80},
      {0xff800000, 0xff80},  // infinities
      {0x00000001, 0x0000},
      {0x00008000, 0x0000},
      {0x00008001, 0x0001},
      {0x00018000, 0x0002},  // denormals
  };
  for (const Row& row : table) {
    CAPTURE(row.from);
    REQUIRE(bf16(float_of(row.from)).bits == row.to);
  }
}

TEST_CASE("NaN stays NaN, also where only bits that are dropped said so", "[core][bf16]") {
  for (const std::uint32_t bits : {0x7fc00000u, 0x7f800001u, 0xff800001u, 0x7fffffffu, 0xffffffffu}) {
    CAPTURE(bits);
    REQUIRE(std::isnan(static_cast<float>(bf16(float_of(bits)))));
  }
  REQUIRE(std::isnan(convert<float>(convert<bf16>(std::numeric_limits<double>::quiet_NaN()))));
}

TEST_CASE("every bf16 survives the way through float and double", "[core][bf16]") {
  int wrong = 0;
  for (std::uint32_t bits = 0; bits < 0x10000u; ++bits) {
    bf16 x;
    x.bits = static_cast<std::uint16_t>(bits);
    const auto f = static_cast<float>(x);
    if (std::isnan(f)) continue;
    wrong += bf16(f).bits != x.bits || convert<bf16>(static_cast<double>(x)).bits != x.bits;
  }
  REQUIRE(wrong == 0);
}

TEST_CASE("a double is rounded to bf16 once", "[core][bf16]") {
  // Just above a tie: through a float rounded to nearest it would become the tie, and then the even
  // neighbour.
  REQUIRE(convert<bf16>(1.0 + 0x1p-8 + 0x1p-40).bits == 0x3f81);
  REQUIRE(convert<bf16>(1.0 + 0x1p-8).bits == 0x3f80);
  REQUIRE(convert<bf16>(1.0 + 0x3p-8 - 0x1p-40).bits == 0x3f81);
  REQUIRE(convert<bf16>(-1.0 - 0x1p-8 - 0x1p-40).bits == 0xbf81);
  REQUIRE(convert<bf16>(1e300).bits == 0x7f80);
  REQUIRE(convert<bf16>(-1e300).bits == 0xff80);
  REQUIRE(convert<bf16>(1e-300).bits == 0x0000);
  REQUIRE(convert<bf16>(-0.0).bits == 0x8000);
  REQUIRE(convert<bf16>(std::numeric_limits<double>::infinity()).bits == 0x7f80);
}

TEST_CASE("what each number is computed in", "[core][bf16]") {
  STATIC_REQUIRE(std::same_as<arithmetic_t<bf16>, float>);
  STATIC_REQUIRE(std::same_as<arithmetic_t<double>, double>);
  STATIC_REQUIRE(std::same_as<arithmetic_t<std::int32_t>, std::int32_t>);
  STATIC_REQUIRE(Scalar<double> && Scalar<float> && Scalar<bf16> && !Scalar<int> && !Scalar<long double>);
  REQUIRE(convert<double>(1.5f) == 1.5);
  REQUIRE(convert<float>(1.0 + 0x1p-24) == 1.0f);
  REQUIRE(sizeof(bf16) == 2);
}
