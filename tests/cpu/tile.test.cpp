// SPDX-License-Identifier: MIT
#include <lorica/cpu/tile.hpp>

#include "support/catch.hpp"
#include "support/lying.hpp"

using namespace lorica;

namespace {

/// Behind its rows whole registers find room.
template <class T> struct Roomy : test::Lying<T> {
  Roomy(Seed seed, index_t r, index_t c, index_t gap)
      : test::Lying<T>(seed, r, c, cpu::tile::padded<T>(c) - c + gap) {}
};

}  // namespace

TEMPLATE_TEST_CASE("products of tiles are what plain loops say", "[cpu][tile]", float, double) {
  using T = TestType;
  for (const index_t n : {1, 2, 3, 4, 5, 6, 7, 12, 17, 48})
    for (const index_t m : {1, 3, 4, 8, 16, 17, 24, 33, 64})
      for (const index_t k : {1, 5, 32, 100})
        for (const bool adds : {false, true}) {
          CAPTURE(n, m, k, adds);
          Roomy<T> a(1, n, k, 3), turned(2, k, n, 1), b(3, k, m, 5);
          const Roomy<T> before(4, n, m, 7);
          const auto check = [&](cpu::tile::Left<T> left, auto element) {
            auto c = before;
            cpu::tile::product(left, b.cref(), adds, c.ref());
            double worst = 0;  // beside the magnitudes that were summed
            for (index_t i = 0; i < n; ++i)
              for (index_t j = 0; j < m; ++j) {
                double sum = adds ? before.at(i, j) : 0, magnitude = std::abs(sum);
                for (index_t l = 0; l < k; ++l) {
                  sum += element(i, l) * b.at(l, j);
                  magnitude += std::abs(element(i, l) * b.at(l, j));
                }
                worst = std::max(worst, std::abs(c.at(i, j) - sum) / magnitude);
              }
            CHECK(worst < test::tolerance_of<T>());
            for (index_t i = 0; i < n; ++i)  // and nothing beyond the last register is touched
              for (index_t j = cpu::tile::padded<T>(m); j < c.stride; ++j)
                REQUIRE(c.at(i, j) == before.at(i, j));
          };
          check(cpu::tile::as_it_lies(a.cref()), [&](index_t i, index_t l) { return a.at(i, l); });
          check(cpu::tile::transposed(turned.cref()), [&](index_t i, index_t l) { return turned.at(l, i); });
        }
}

TEMPLATE_TEST_CASE("a transpose has zeros beyond its last column", "[cpu][tile]", float, double) {
  using T = TestType;
  constexpr index_t w = cpu::tile::lanes<T>;
  for (const index_t n : {1, 7, 16, 21})
    for (const index_t k : {1, 5, 8, 19, 32}) {
      CAPTURE(n, k);
      Roomy<T> from(1, n, k, 3), to(2, k, cpu::tile::padded<T>(n) + w, 0);
      cpu::tile::transpose(from.cref(), to.ref());
      for (index_t j = 0; j < k; ++j)
        for (index_t i = 0; i < to.cols; ++i) REQUIRE(to.at(j, i) == (i < n ? from.at(i, j) : 0));
    }
}

TEST_CASE("what is padded is whole registers", "[cpu][tile]") {
  constexpr index_t w = cpu::tile::lanes<float>;
  CHECK(cpu::tile::padded<float>(0) == 0);
  CHECK(cpu::tile::padded<float>(1) == w);
  CHECK(cpu::tile::padded<float>(w) == w);
  CHECK(cpu::tile::padded<float>(w + 1) == 2 * w);
}
