// SPDX-License-Identifier: MIT
/// @file tests/gpu/launch.test.cpp
/// Rows and indices, however many, each once. (What a block of threads computes: tests/support/block.hpp.)
#include <lorica/gpu/launch.cuh>

#include <lorica/core/tensor.hpp>
#include <lorica/gpu/thrust_backend.cuh>

#include "support/catch.hpp"

#include <algorithm>
#include <vector>

using namespace lorica;
using B = gpu::ThrustBackend<double>;

namespace {
/// y_i += 1
struct Visit {
  double* y;
  LORICA_HD void operator()(index_t i) const { y[i] += 1; }
};
/// y_i <- the sum of row i, and the row is doubled.
struct SumRow {
  MatrixRef<double> x;
  double* y;
  LORICA_HD index_t cols() const { return x.cols; }
  LORICA_HD void operator()(index_t i) const {
    using V = RowLanes<double>;
    V total(0);
    for (index_t j = 0; j < x.cols; j += V::count()) {
      const V v = load<V>(x.row(i) + j, x.cols - j);
      total += v;
      store(x.row(i) + j, x.cols - j, v + v);
    }
    y[i] = sum(total);
  }
};
static_assert(InRows<SumRow> && !InRows<Visit>);
}  // namespace

TEST_CASE("every index is visited once, and none of none", "[gpu][launch]") {
  B b;
  for (const index_t n : {1, 255, 256, 257, 300000}) {
    auto y = zeros<double>(b, 1, n);
    gpu::detail::for_each_index(n, Visit{y.data()});
    gpu::detail::for_rows(n, Visit{y.data()});
    gpu::detail::for_each_index(0, Visit{nullptr});
    const auto host = y.host(b);
    CHECK(std::ranges::count(host, 2.0) == n);
  }
}

TEST_CASE("a row is one block's, however long", "[gpu][launch][kernel]") {
  B b;
  for (const index_t d : {1, 31, 32, 129, 768, 5000}) {
    const index_t n = 70;
    std::vector<double> numbers;
    for (index_t i = 0; i < n * d; ++i) numbers.push_back(double(i % 97));
    Tensor<B> x(b, n, d, numbers), y(b, 1, n);
    gpu::detail::for_rows(n, SumRow{x.ref(), y.data()});
    gpu::detail::for_rows(0, SumRow{x.ref(), y.data()});
    const auto sums = y.host(b), doubled = x.host(b);
    for (index_t i = 0; i < n; ++i) {
      double want = 0;
      for (index_t j = 0; j < d; ++j) want += numbers[static_cast<std::size_t>(i * d + j)];
      REQUIRE(sums[static_cast<std::size_t>(i)] == want);  // whole numbers: no rounding
    }
    for (std::size_t i = 0; i < numbers.size(); ++i) REQUIRE(doubled[i] == 2 * numbers[i]);
  }
}
