// SPDX-License-Identifier: MIT
/// @file tests/core/matrix.test.cpp
#include <lorica/core/matrix.hpp>

#include "support/catch.hpp"

#include <numeric>
#include <vector>

using namespace lorica;

TEST_CASE("a matrix is rows one after the other", "[core][matrix]") {
  std::vector<int> memory(12);
  std::iota(memory.begin(), memory.end(), 0);
  const MatrixRef<int> m(memory.data(), 3, 4);
  REQUIRE(m.size() == 12);
  REQUIRE(m.shape() == Shape{3, 4});
  REQUIRE(m.stride == 4);
  REQUIRE(m.contiguous());
  REQUIRE(m.row(2)[1] == 9);
}

TEST_CASE("rows and columns of a matrix are matrices in the same memory", "[core][matrix]") {
  std::vector<int> memory(20);
  std::iota(memory.begin(), memory.end(), 0);
  const MatrixRef<int> m(memory.data(), 4, 5);
  const auto rows = m.slice(1, 2);
  REQUIRE(rows.shape() == Shape{2, 5});
  REQUIRE(rows.contiguous());
  REQUIRE(rows.row(1)[0] == 10);
  const auto columns = m.columns(2, 3);
  REQUIRE(columns.shape() == Shape{4, 3});
  REQUIRE_FALSE(columns.contiguous());
  REQUIRE(columns.stride == 5);
  REQUIRE(columns.row(3)[2] == 19);
  const auto both = columns.slice(1, 1);
  REQUIRE(both.contiguous());  // there is one row only
  both.row(0)[0] = -1;
  REQUIRE(memory[7] == -1);
}

TEST_CASE("a writable matrix may be read, and never the reverse", "[core][matrix]") {
  double x[6] = {1, 2, 3, 4, 5, 6};
  const MatrixRef<double> m(x, 2, 2, 3);
  const MatrixRef<const double> read = m;
  REQUIRE(read.data == x);
  REQUIRE(read.stride == 3);
  REQUIRE(read.row(1)[1] == 5);
  STATIC_REQUIRE(std::is_convertible_v<MatrixRef<double>, MatrixRef<const double>>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<MatrixRef<const double>, MatrixRef<double>>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<MatrixRef<double>, MatrixRef<const float>>);
}

TEST_CASE("a reference may enter a device functor", "[core][matrix]") {
  STATIC_REQUIRE(std::is_trivially_copyable_v<MatrixRef<float>>);
  const MatrixRef<float> none;
  REQUIRE(none.size() == 0);
}
