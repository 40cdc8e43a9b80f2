// SPDX-License-Identifier: MIT
#include <lorica/gpu/patches.cuh>

#include "support/catch.hpp"

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
        gpu::detail::patches(m, n, depth, View<double>{a.data(), depth + 2, 1},
                             View<double>{b.data(), 1, depth + 1}, [&](index_t i, index_t j, double s) {
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
