// SPDX-License-Identifier: MIT
#include <lorica/cpu/thin.hpp>

#include "support/catch.hpp"
#include "support/lying.hpp"
#include "support/threads.hpp"
#include "support/tolerance.hpp"

using namespace lorica;
using test::Lying;

namespace {

/// |got - want| / |want| of alpha sum_i left(i, r, d) + beta before.
template <class T, class Left>
double error(const Lying<T>& got, const Lying<T>& before, index_t depth, double alpha, double beta,
             Left left) {
  std::vector<double> g, w;
  for (index_t i = 0; i < got.rows; ++i)
    for (index_t j = 0; j < got.cols; ++j) {
      double s = 0;
      for (index_t d = 0; d < depth; ++d) s += left(i, j, d);
      g.push_back(got.at(i, j));
      w.push_back(alpha * s + (beta == 0 ? 0 : beta * before.at(i, j)));
    }
  return test::relative_error(g, w);
}

}  // namespace

TEMPLATE_TEST_CASE("thin products are what plain loops say", "[cpu][thin]", float, double) {
  using T = TestType;
  const index_t shapes[][3] = {{64, 65, 1},   {67, 101, 3},  {129, 96, 8}, {200, 400, 8}, {71, 77, 13},
                               {90, 130, 16}, {100, 67, 24}, {66, 99, 32}, {1, 3, 2},     {5, 7, 31}};
  for (const auto& [n, k, p] : shapes)
    for (const double beta : {0.0, 1.0, -0.5}) {
      INFO(n << " rows, " << k << " columns, " << p << " thin, beta " << beta);
      Lying<T> x(1, n, k, 5), a(2, p, k, 0), l(3, n, p, 7);
      Lying<T> rows(4, n, p, 3), columns(5, p, k, 1), turned(6, k, p, 2);
      const auto rows_before = rows, columns_before = columns, turned_before = turned;
      const T alpha = T(-0.75), b = T(beta);
      cpu::thin::by_rows(alpha, x.cref(), a.cref(), b, rows.ref());
      CHECK(error(rows, rows_before, k, double(alpha), beta, [&](index_t i, index_t j, index_t d) {
              return x.at(i, d) * a.at(j, d);
            }) < test::tolerance_of<T>());
      cpu::thin::by_columns(alpha, l.cref(), x.cref(), b, columns.ref(), false);
      CHECK(error(columns, columns_before, n, double(alpha), beta, [&](index_t i, index_t j, index_t d) {
              return l.at(d, i) * x.at(d, j);
            }) < test::tolerance_of<T>());
      cpu::thin::by_columns(alpha, l.cref(), x.cref(), b, turned.ref(), true);
      CHECK(error(turned, turned_before, n, double(alpha), beta, [&](index_t i, index_t j, index_t d) {
              return x.at(d, i) * l.at(d, j);
            }) < test::tolerance_of<T>());
      // What lies between the rows is left alone.
      for (index_t i = 0; i < n; ++i)
        for (index_t j = p; j < rows.stride; ++j) REQUIRE(rows.at(i, j) == rows_before.at(i, j));
    }
}

TEST_CASE("thin products are the same for any number of threads, and a row among any others", "[cpu][thin]") {
  const index_t n = 301, k = 1700, p = 8;
  Lying<float> x(1, n, k, 0), a(2, p, k, 0), l(3, n, p, 0);
  const auto run = [&](int threads) {
    const test::Threads limit(threads);
    Lying<float> rows(4, n, p, 0), columns(5, p, k, 0);
    cpu::thin::by_rows(2.f, x.cref(), a.cref(), 0.f, rows.ref());
    cpu::thin::by_columns(2.f, l.cref(), x.cref(), 0.f, columns.ref(), false);
    rows.memory.insert(rows.memory.end(), columns.memory.begin(), columns.memory.end());
    return rows.memory;
  };
  const auto one = run(1);
  CHECK(run(2) == one);
  CHECK(run(3) == one);

  Lying<float> some(4, 70, p, 0);
  cpu::thin::by_rows(2.f, x.cref().slice(5, 70), a.cref(), 0.f, some.ref());
  for (index_t i = 0; i < 70; ++i)
    for (index_t j = 0; j < p; ++j) REQUIRE(some.at(i, j) == double(one[std::size_t((5 + i) * p + j)]));
}
