// SPDX-License-Identifier: MIT
#include <lorica/cpu/panel.hpp>

#include "support/catch.hpp"
#include "support/lying.hpp"
#include "support/panel_loops.hpp"

#include <cmath>
#include <limits>

using namespace lorica;
using namespace lorica::cpu;

namespace {

/// Random bf16 with gaps between its rows.
struct Halves {
  test::Lying<float> numbers;
  std::vector<bf16> memory;
  Halves(Seed seed, index_t rows, index_t cols, index_t gap) : numbers(seed, rows, cols, gap) {
    for (const float x : numbers.memory) memory.push_back(bf16(x));
  }
  [[nodiscard]] MatrixRef<bf16> ref() { return {memory.data(), numbers.rows, numbers.cols, numbers.stride}; }
  [[nodiscard]] MatrixRef<const bf16> cref() { return ref(); }
  [[nodiscard]] float at(index_t i, index_t j) const {
    return convert<float>(memory[std::size_t(i * numbers.stride + j)]);
  }
};

}  // namespace

TEST_CASE("panels are of whole tiles, and zero beyond what there is", "[cpu][panel]") {
  CHECK(panel::whole(0, 16) == 0);
  CHECK(panel::whole(1, 16) == 16);
  CHECK(panel::whole(16, 16) == 16);
  CHECK(panel::whole(33, 32) == 64);
  Halves from(1, 5, 7, 3), to(2, 16, 32, 2);
  panel::copy(from.cref(), to.ref());
  for (index_t i = 0; i < 16; ++i)
    for (index_t j = 0; j < 32; ++j) REQUIRE(to.at(i, j) == (i < 5 && j < 7 ? from.at(i, j) : 0));
}

TEST_CASE("rows become pairs along and across, and pairs rows again", "[cpu][panel]") {
  for (const index_t n : {32, 64})
    for (const index_t k : {32, 96}) {
      Halves from(1, n, k, 6);
      test::Lying<float> turned(2, k / 2, n, 16), beside(3, n / 2, k, 0);
      panel::transpose(from.cref(), turned.ref());
      panel::interleave(from.cref(), beside.ref());
      Halves back(4, k, n, 4), fewer(5, 16, n, 0);
      panel::split(turned.cref(), back.ref());
      panel::split(turned.cref(), fewer.ref());
      for (index_t i = 0; i < n; ++i)
        for (index_t l = 0; l < k; ++l) {
          REQUIRE(test::of_pairs(turned.cref(), l, i) == from.at(i, l));
          REQUIRE(test::of_pairs(beside.cref(), i, l) == from.at(i, l));
          REQUIRE(back.at(l, i) == from.at(i, l));
          if (l < 16) REQUIRE(fewer.at(l, i) == from.at(i, l));
        }
    }
}

TEST_CASE("what was summed transposed is turned back and rounded", "[cpu][panel]") {
  test::Lying<float> from(1, 48, 64, 16);
  std::vector<float> room(48 * 64);
  Halves to(2, 61, 37, 5);
  panel::turn_back(from.cref(), to.ref(), room.data());
  for (index_t i = 0; i < 61; ++i)
    for (index_t j = 0; j < 37; ++j)
      REQUIRE(to.at(i, j) == convert<float>(bf16(static_cast<float>(from.at(j, i)))));
}

TEST_CASE("two registers are rounded as rows and as pairs", "[cpu][panel]") {
  using V = Lanes<float>;
  const auto numbers = test::random_numbers(1, 2 * V::width);
  float x[2][V::width];
  for (index_t i = 0; i < 2; ++i)
    for (index_t l = 0; l < V::width; ++l)
      x[i][l] = static_cast<float>(numbers[std::size_t(i * V::width + l)]);
  x[0][0] = 1.00390625f;  // between two bf16: to the even one
  x[1][0] = std::numeric_limits<float>::quiet_NaN();
  bf16 rows[2][V::width];
  float pairs[V::width];
  panel::store_two(V::load(x[0]), V::load(x[1]), rows[0], rows[1], pairs);
  const panel::Pairs as_panel(pairs, 1, V::width);
  for (index_t i = 0; i < 2; ++i)
    for (index_t l = 0; l < V::width; ++l) {
      const float want = convert<float>(bf16(x[i][l]));
      if (std::isnan(want)) {
        REQUIRE(std::isnan(convert<float>(rows[i][l])));
        REQUIRE(std::isnan(test::of_pairs(as_panel, i, l)));
      } else {
        REQUIRE(convert<float>(rows[i][l]) == want);
        REQUIRE(test::of_pairs(as_panel, i, l) == want);
      }
    }
}
