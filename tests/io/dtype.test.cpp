// SPDX-License-Identifier: MIT
#include <lorica/io/dtype.hpp>

#include <support/catch.hpp>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

using namespace lorica::io;

TEST_CASE("dtypes have names and sizes, and names lead back", "[io][dtype]") {
  static_assert(dtype_size(Dtype::BF16) == 2 && dtype_size(Dtype::F64) == 8 && dtype_size(Dtype::BOOL) == 1);
  static_assert(dtype_name(Dtype::BF16) == "BF16" && dtype_name(Dtype::U64) == "U64");
  static_assert(dtype_named("I32") == Dtype::I32 && !dtype_named("f32") && !dtype_named(""));
  for (int i = 0; i <= static_cast<int>(Dtype::U64); ++i) {
    const auto type = static_cast<Dtype>(i);
    REQUIRE(dtype_named(dtype_name(type)) == type);
    if (i > 0) REQUIRE(dtype_size(type) >= dtype_size(static_cast<Dtype>(i - 1)));  // a writer relies on it
  }
}

TEST_CASE("bf16 rounds to nearest with ties to even", "[io][dtype]") {
  const auto rounded = [](std::uint32_t bits) { return to_bf16(std::bit_cast<float>(bits)); };
  REQUIRE(to_bf16(1.0F) == 0x3F80);
  REQUIRE(to_bf16(-2.5F) == 0xC020);
  REQUIRE(rounded(0x3F808000) == 0x3F80);  // half way, down to even
  REQUIRE(rounded(0x3F818000) == 0x3F82);  // half way, up to even
  REQUIRE(rounded(0x3F808001) == 0x3F81);  // just above half
  REQUIRE(rounded(0x3F807FFF) == 0x3F80);  // just below half
  REQUIRE(rounded(0x3FFFFFFF) == 0x4000);  // carries into the exponent
  REQUIRE(rounded(0x7F7FFFFF) == 0x7F80);  // the largest float is nearer to infinity
  REQUIRE(rounded(0x00000001) == 0x0000);  // subnormals round like the others
  REQUIRE(rounded(0x00018000) == 0x0002);
  REQUIRE(rounded(0x80000000) == 0x8000);
  REQUIRE(to_bf16(-std::numeric_limits<float>::infinity()) == 0xFF80);
  REQUIRE(std::isnan(from_bf16(rounded(0x7F800001))));  // a NaN whose upper bits alone would be infinity
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    if (!std::isnan(from_bf16(half))) REQUIRE(to_bf16(from_bf16(half)) == half);
  }
}

TEST_CASE("f16 rounds to nearest with ties to even, through subnormals to infinity", "[io][dtype]") {
  REQUIRE(to_f16(1.0F) == 0x3C00);
  REQUIRE(to_f16(-2.0F) == 0xC000);
  REQUIRE(to_f16(65504.0F) == 0x7BFF);  // the largest half
  REQUIRE(to_f16(65519.996F) == 0x7BFF);
  REQUIRE(to_f16(65520.0F) == 0x7C00);  // half way to 65536, up to even
  REQUIRE(to_f16(1e30F) == 0x7C00);
  REQUIRE(to_f16(1.0F + 0x1p-11F) == 0x3C00);      // half way, down to even
  REQUIRE(to_f16(1.0F + 0x3p-11F) == 0x3C02);      // half way, up to even
  REQUIRE(to_f16(1.0F + 0x1.002p-11F) == 0x3C01);  // just above half
  REQUIRE(to_f16(0x1p-14F) == 0x0400);             // the smallest normal half
  REQUIRE(to_f16(0x1p-24F) == 0x0001);             // the smallest subnormal
  REQUIRE(to_f16(0x1p-25F) == 0x0000);             // half of it, down to even
  REQUIRE(to_f16(0x1.002p-25F) == 0x0001);
  REQUIRE(to_f16(0x3p-25F) == 0x0002);      // half way between 1 and 2 units
  REQUIRE(to_f16(0x1.FFFp-15F) == 0x0400);  // rounds up out of the subnormals
  REQUIRE(to_f16(-0.0F) == 0x8000);
  REQUIRE(to_f16(std::numeric_limits<float>::infinity()) == 0x7C00);
  REQUIRE(std::isnan(from_f16(to_f16(std::numeric_limits<float>::quiet_NaN()))));
  REQUIRE(std::isnan(from_f16(to_f16(std::bit_cast<float>(0x7F800001U)))));
  REQUIRE(from_f16(0x3555) == 0.333251953125F);
  REQUIRE(from_f16(0x8001) == -0x1p-24F);
  REQUIRE(from_f16(0x03FF) == 1023 * 0x1p-24F);
  REQUIRE(std::signbit(from_f16(0x8000)));
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    if (!std::isnan(from_f16(half))) REQUIRE(to_f16(from_f16(half)) == half);
  }
}

TEST_CASE("every float between two halves goes to the nearer one", "[io][dtype]") {
  for (std::uint32_t bits = 0; bits < 0x7BFF; ++bits) {
    const float low = from_f16(static_cast<std::uint16_t>(bits));
    const float high = from_f16(static_cast<std::uint16_t>(bits + 1));
    const float middle = low + (high - low) / 2;  // exact: a float has 13 more bits
    REQUIRE(to_f16(middle) == (bits % 2 == 0 ? bits : bits + 1));
    REQUIRE(to_f16(std::nextafter(middle, 0.0F)) == bits);
    REQUIRE(to_f16(std::nextafter(middle, 1e9F)) == bits + 1);
  }
}
