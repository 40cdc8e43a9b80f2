// SPDX-License-Identifier: MIT
/// @file tests/cpu/amx.test.cpp
/// Matrix registers against plain loops, where the processor has them and the compiler was told.
#include <lorica/cpu/amx.hpp>

#include "support/amx.hpp"
#include "support/catch.hpp"
#include "support/lying.hpp"
#include "support/panel_loops.hpp"

using namespace lorica;
using namespace lorica::cpu;

TEST_CASE("products on matrix registers are what plain loops say", "[cpu][amx]") {
  if (!test::has_matrix_registers()) return;
#if defined(LORICA_AMX)
  for (const index_t n : {16, 32, 48, 80})
    for (const index_t m : {16, 32, 48, 112})
      for (const index_t k : {32, 64, 96})
        for (const bool adds : {false, true}) {
          CAPTURE(n, m, k, adds);
          test::Lying<float> left(1, n, k, 32), right(2, k, m, 0), pairs(3, k / 2, m, 16), got(4, n, m, 16);
          std::vector<bf16> a, b;
          for (const float x : left.memory) a.push_back(bf16(x));
          for (const float x : right.memory) b.push_back(bf16(x));
          panel::interleave(panel::Rows(b.data(), k, m), pairs.ref());
          auto want = got;
          const panel::Rows rows(a.data(), n, k, left.stride);
          {
            const Amx registers;
            registers.product(rows, pairs.cref(), adds, got.ref());
          }
          test::Loops{}.product(rows, pairs.cref(), adds, want.ref());
          double worst = 0;
          for (index_t i = 0; i < n; ++i)
            for (index_t j = 0; j < got.stride; ++j) {
              if (j >= m) REQUIRE(got.at(i, j) == want.at(i, j));  // nothing beyond is touched
              worst = std::max(worst, std::abs(got.at(i, j) - want.at(i, j)));
            }
          CHECK(worst < 1e-5 * std::sqrt(double(k)));
        }
#endif
}
