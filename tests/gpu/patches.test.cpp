// SPDX-License-Identifier: MIT
#include <lorica/gpu/patches.cuh>

#include "support/catch.hpp"
#if !defined(__CUDACC__)
#  include "support/block.hpp"
#endif

#include <vector>

using namespace lorica;
using gpu::detail::View;

TEST_CASE("patches are the product, each element taken once", "[gpu][patches][kernel]") {
#if !defined(__CUDACC__)
  for (const index_t m : {1, 3, 4, 5, 16, 33})
    for (const index_t n : {1, 2, 7, 8, 31})
      for (const index_t depth : {0, 1, 9}) {
        CAPTURE(m, n, depth);
        std::vector<double> a, b, c(static_cast<std::size_t>(m * n), -1);
        for (index_t e = 0; e < m * (depth + 2); ++e) a.push_back(double(e % 7));
        for (index_t e = 0; e < n * (depth + 1); ++e) b.push_back(double(e % 5));
        // a by rows, depth + 2 apart; b transposed, depth + 1 apart
        gpu::detail::patches(m, n, depth, View<double>{a.data(), depth + 2},
                             View<double, true>{b.data(), depth + 1}, [&](index_t i, index_t j, double s) {
                               REQUIRE(c[static_cast<std::size_t>(i * n + j)] == -1);
                               c[static_cast<std::size_t>(i * n + j)] = s;
                             });
        for (index_t i = 0; i < m; ++i)
          for (index_t j = 0; j < n; ++j) {
            double want = 0;
            for (index_t l = 0; l < depth; ++l)
              want += a[static_cast<std::size_t>(i * (depth + 2) + l)] *
                      b[static_cast<std::size_t>(j * (depth + 1) + l)];
            REQUIRE(c[static_cast<std::size_t>(i * n + j)] == want);
          }
      }
#endif
}

TEST_CASE("by a warp they are the same, of either operand or its transpose", "[gpu][patches][kernel]") {
#if !defined(__CUDACC__)
  test::Block warp(gpu::detail::warp_threads);
  for (const index_t m : {1, 16, 40})
    for (const index_t n : {1, 8, 37})
      for (const index_t depth : {1, 16, 33})
        for (const bool turn : {false, true}) {
          CAPTURE(m, n, depth, turn);
          // Whole multiples of 16, zero beyond the end; rows two further apart.
          const auto whole = [](index_t x) { return (x + 15) / 16 * 16; };
          const auto filled = [&](index_t rows, index_t cols, index_t step) {
            std::vector<bf16> x(static_cast<std::size_t>(whole(rows) * (whole(cols) + 2)), bf16(0.f));
            for (index_t i = 0; i < rows; ++i)
              for (index_t j = 0; j < cols; ++j)
                x[static_cast<std::size_t>(i * (whole(cols) + 2) + j)] =
                    bf16(float((3 * i + step * j) % 11 - 5));
            return x;
          };
          const auto a = turn ? filled(depth, m, 5) : filled(m, depth, 5);
          const auto b = turn ? filled(n, depth, 7) : filled(depth, n, 7);
          std::vector<float> c(static_cast<std::size_t>(m * n), -1e9f);
          bool once = true;
          const auto multiply = [&](auto x, auto y) {
            warp.run(0, [&] {
              gpu::detail::patches(m, n, depth, x, y, [&](index_t i, index_t j, float s) {
                float& to = c[static_cast<std::size_t>(i * n + j)];
                once = once && to == -1e9f;
                to = s;
              });
            });
            REQUIRE(once);
            for (index_t i = 0; i < m; ++i)
              for (index_t j = 0; j < n; ++j) {
                float want = 0;  // whole numbers: exact
                for (index_t l = 0; l < depth; ++l) want += float(x(i, l)) * float(y(l, j));
                REQUIRE(c[static_cast<std::size_t>(i * n + j)] == want);
              }
          };
          if (turn)
            multiply(View<bf16, true>{a.data(), whole(m) + 2}, View<bf16, true>{b.data(), whole(depth) + 2});
          else
            multiply(View<bf16>{a.data(), whole(depth) + 2}, View<bf16>{b.data(), whole(n) + 2});
        }
#endif
}
