// SPDX-License-Identifier: MIT
#include <lorica/nn/positions.hpp>

#include "support/catch.hpp"

using namespace lorica;

TEST_CASE("frequencies fall geometrically, and a linear factor divides them", "[nn][positions]") {
  const auto plain = nn::Rotary{.base = 10000}.frequencies(4);
  REQUIRE(plain.size() == 2);
  CHECK(plain[0] == 1);
  CHECK(plain[1] == Approx(0.01).epsilon(1e-15));
  const auto half = nn::Rotary{.base = 10000, .scaling = nn::LinearScaling{2}}.frequencies(4);
  CHECK(half[0] == 0.5);
  CHECK(half[1] == Approx(0.005).epsilon(1e-15));
}

TEST_CASE("Llama 3 scales slow frequencies, keeps fast ones, and goes over smoothly", "[nn][positions]") {
  // Of Llama 3.2: base 5e5, heads of 64, factor 32. transformers 5.23 gives these in float32.
  const nn::Rotary rotary{.base = 5e5, .scaling = nn::Llama3Scaling{32, 1, 4, 8192}};
  const auto f = rotary.frequencies(64), plain = nn::Rotary{.base = 5e5}.frequencies(64);
  CHECK(f[0] == 1);
  CHECK(f[14] == plain[14]);                              // a wave of 1956 positions
  CHECK(f[31] == Approx(plain[31] / 32).epsilon(1e-15));  // a wave of 2 million
  CHECK((f[16] < plain[16] && f[16] > plain[16] / 32));   // between
  CHECK(f[15] == Approx(1.290548e-03).epsilon(1e-6));
  CHECK(f[16] == Approx(4.295567e-04).epsilon(1e-6));
}

TEST_CASE("heads of an odd width cannot be turned", "[nn][positions]") {
  CHECK_THROWS_WITH(nn::Rotary{}.frequencies(3),
                    "rotary positions: the head dimension is 3, expected an even number");
}
