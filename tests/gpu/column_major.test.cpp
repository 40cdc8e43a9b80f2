// SPDX-License-Identifier: MIT
/// @file tests/gpu/column_major.test.cpp
/// A column-major BLAS is played by five lines; what it is told to do must be the row-major product.
#include <lorica/gpu/column_major.cuh>

#include <lorica/core/random.hpp>

#include "support/catch.hpp"

#include <vector>

using namespace lorica;

namespace {

/// C [m, n] <- op(X) op(Y), all by columns: what cublasDgemm does with alpha 1 and beta 0.
void blas(const gpu::ColumnMajor& p, const double* x, const double* y, double* c) {
  for (index_t j = 0; j < p.n; ++j)
    for (index_t i = 0; i < p.m; ++i) {
      double s = 0;
      for (index_t l = 0; l < p.k; ++l)
        s += (p.first == Trans::no ? x[l * p.ld_first + i] : x[i * p.ld_first + l]) *
             (p.second == Trans::no ? y[j * p.ld_second + l] : y[l * p.ld_second + j]);
      c[j * p.ld_result + i] = s;
    }
}

}  // namespace

TEST_CASE("a column-major BLAS computes the row-major product", "[gpu][column_major]") {
  constexpr index_t shapes[][3] = {{1, 1, 1}, {2, 3, 4}, {5, 1, 3}, {1, 6, 2}, {4, 4, 1}, {7, 5, 6}};
  for (const auto& [m, n, k] : shapes)
    for (const Trans ta : {Trans::no, Trans::yes})
      for (const Trans tb : {Trans::no, Trans::yes})
        for (const index_t pad : {0, 3}) {
          CAPTURE(m, n, k, ta == Trans::yes, tb == Trans::yes, pad);
          const auto shaped = [pad](const double* p, index_t rows, index_t cols) {
            return MatrixRef<const double>(p, rows, cols, cols + pad);
          };
          const auto x = normals(Stream(1, "test", ""), (m + k) * (m + k + pad), 1),
                     y = normals(Stream(2, "test", ""), (n + k) * (n + k + pad), 1);
          const auto a = ta == Trans::no ? shaped(x.data(), m, k) : shaped(x.data(), k, m);
          const auto b = tb == Trans::no ? shaped(y.data(), k, n) : shaped(y.data(), n, k);
          std::vector<double> memory(static_cast<std::size_t>(m * (n + pad)), -7);
          const MatrixRef<double> c(memory.data(), m, n, n + pad);
          REQUIRE(gpu::has_leading_dimension(a));
          blas(gpu::column_major(ta, tb, a, b, c), b.data, a.data, c.data);
          for (index_t i = 0; i < m; ++i) {
            for (index_t j = 0; j < n; ++j) {
              double s = 0;
              for (index_t p = 0; p < k; ++p)
                s += (ta == Trans::no ? a.row(i)[p] : a.row(p)[i]) *
                     (tb == Trans::no ? b.row(p)[j] : b.row(j)[p]);
              REQUIRE(c.row(i)[j] == Approx(s).margin(1e-14));
            }
            for (index_t j = n; j < n + pad; ++j) REQUIRE(c.row(i)[j] == -7);
          }
        }
}

TEST_CASE("leading dimensions are what a BLAS accepts", "[gpu][column_major]") {
  using M = MatrixRef<const double>;
  REQUIRE(gpu::leading_dimension(M(nullptr, 3, 4)) == 4);
  REQUIRE(gpu::leading_dimension(M(nullptr, 3, 4, 9)) == 9);
  REQUIRE(gpu::leading_dimension(M(nullptr, 1, 4, 1)) == 4);  // one row: its stride means nothing
  REQUIRE(gpu::leading_dimension(M(nullptr, 0, 0)) == 1);
  REQUIRE(gpu::leading_dimension(M(nullptr, 5, 0)) == 1);
  REQUIRE(gpu::has_leading_dimension(M(nullptr, 1, 4, 0)));
  REQUIRE_FALSE(gpu::has_leading_dimension(M(nullptr, 3, 4, 0)));  // one row, said three times
}
