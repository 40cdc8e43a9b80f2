// SPDX-License-Identifier: MIT
#include <lorica/core/decompose.hpp>

#include "support/catch.hpp"
#include "support/tolerance.hpp"

using namespace lorica;

namespace {

HostMatrix some(index_t rows, index_t cols, Seed seed = 1) {
  return {rows, cols, test::random_numbers(seed, rows * cols)};
}
double distance(const HostMatrix& x, const HostMatrix& y) { return test::relative_error(x.values, y.values); }
/// |X X^T - I|, entry by entry the largest.
double from_orthonormal(const HostMatrix& x) {
  const auto g = host::product_nt(x, x);
  double worst = 0;
  for (index_t i = 0; i < g.rows; ++i)
    for (index_t j = 0; j < g.cols; ++j) worst = std::max(worst, std::abs(g(i, j) - (i == j ? 1 : 0)));
  return worst;
}
/// U^T diag(s) V
HostMatrix whole(const host::SingularTriplets& t) {
  auto v = t.v;
  for (index_t i = 0; i < v.rows; ++i)
    for (index_t j = 0; j < v.cols; ++j) v(i, j) *= t.s[static_cast<std::size_t>(i)];
  return host::product(host::transposed(t.u), v);
}

}  // namespace

TEST_CASE("products and sums of any length, by the definition", "[core][decompose]") {
  for (const index_t n : {0, 1, 2, 3, 7, 8, 16, 17, 31, 33, 100}) {
    const auto x = test::random_numbers(1, n), y = test::random_numbers(2, n);
    double want = 0;
    for (std::size_t i = 0; i < x.size(); ++i) want += x[i] * y[i];
    CHECK(host::dot(x.data(), y.data(), n) == Approx(want).margin(1e-13));
    auto z = y;
    host::axpy(0.5, x.data(), z.data(), n);
    auto p = x, q = y;
    host::rotate(0.8, 0.6, p.data(), q.data(), n);
    for (std::size_t i = 0; i < x.size(); ++i) {
      CHECK(z[i] == Approx(y[i] + 0.5 * x[i]).margin(1e-15));
      CHECK(p[i] == Approx(0.8 * x[i] - 0.6 * y[i]).margin(1e-15));
      CHECK(q[i] == Approx(0.6 * x[i] + 0.8 * y[i]).margin(1e-15));
    }
  }
  const HostMatrix x(2, 3, {1, 2, 3, 4, 5, 6}), y(3, 2, {1, 0, 0, 1, 2, 2});
  CHECK(host::product(x, y).values == std::vector<double>{7, 8, 16, 17});
  CHECK(host::product_nt(x, host::transposed(y)).values == std::vector<double>{7, 8, 16, 17});
  CHECK_THROWS_AS(HostMatrix(2, 2, {1, 2, 3}), ShapeError);
}

TEST_CASE("W = Q R with orthonormal columns, of tall, wide and square matrices", "[core][decompose][qr]") {
  for (const Shape s : {Shape{7, 4}, Shape{4, 7}, Shape{5, 5}, Shape{1, 3}, Shape{3, 1}, Shape{60, 33}}) {
    const auto w = some(s.rows, s.cols);
    const auto f = host::qr(w, std::min(s.rows, s.cols));
    CHECK(distance(host::product(f.q, f.r), w) < 1e-14);
    CHECK(from_orthonormal(host::transposed(f.q)) < 1e-14);
    for (index_t i = 0; i < f.r.rows; ++i)
      for (index_t j = 0; j < i; ++j) CHECK(f.r(i, j) == 0);
    // the first c columns are those of the whole
    const auto two = host::qr(w, 1);
    CHECK(std::equal(two.r.values.begin(), two.r.values.end(), f.r.values.begin()));
  }
  CHECK_THROWS_AS(host::qr(some(3, 2), 3), ConfigError);
}

TEST_CASE("signs are LAPACK's: opposite to the number met, or that number where nothing is below",
          "[core][decompose][qr]") {
  const auto f = host::qr({2, 2, {3, 1, 4, 2}}, 2);
  CHECK(f.r(0, 0) == Approx(-5));
  CHECK(f.q(0, 0) == Approx(-0.6));
  // the last diagonal entry of a square matrix meets nothing below it: its sign is the determinant's
  CHECK(f.r(1, 1) == Approx(0.4));
  const auto upper = host::qr({2, 2, {-3, 1, 0, -2}}, 2);
  CHECK(upper.r.values == std::vector<double>{-3, 1, 0, -2});
  CHECK(upper.q.values == std::vector<double>{1, 0, 0, 1});
}

TEST_CASE("all singular triplets: the matrix again, orthonormal, falling", "[core][decompose][svd]") {
  for (const Shape s : {Shape{6, 6}, Shape{9, 4}, Shape{4, 9}, Shape{1, 5}, Shape{50, 70}}) {
    const auto w = some(s.rows, s.cols);
    const auto t = host::jacobi_svd(w);
    REQUIRE(t.s.size() == static_cast<std::size_t>(std::min(s.rows, s.cols)));
    CHECK(distance(whole(t), w) < 1e-13);
    CHECK(from_orthonormal(t.u) < 1e-13);
    CHECK(from_orthonormal(t.v) < 1e-13);
    CHECK(std::is_sorted(t.s.rbegin(), t.s.rend()));
    for (index_t i = 0; i < t.v.rows; ++i) {
      double most = 0;
      for (index_t j = 0; j < t.v.cols; ++j)
        if (std::abs(t.v(i, j)) > std::abs(most)) most = t.v(i, j);
      CHECK(most > 0);
    }
  }
}

TEST_CASE("singular values that are known, equal, or 0", "[core][decompose][svd]") {
  // W = Q1 diag(5, 5, 1e-9, 0) Q2^T
  const auto q1 = host::qr(some(6, 4, 3), 4).q, q2 = host::qr(some(5, 4, 4), 4).q;
  HostMatrix scaled = host::transposed(q2);
  const std::vector<double> s = {5, 5, 1e-9, 0};
  for (index_t i = 0; i < 4; ++i)
    for (index_t j = 0; j < 5; ++j) scaled(i, j) *= s[static_cast<std::size_t>(i)];
  const auto w = host::product(q1, scaled);
  const auto t = host::jacobi_svd(w);
  CHECK(t.s[0] == Approx(5).epsilon(1e-14));
  CHECK(t.s[1] == Approx(5).epsilon(1e-14));
  CHECK(t.s[2] == Approx(1e-9).epsilon(1e-5));
  CHECK(t.s[3] < 1e-14);
  CHECK(distance(whole(t), w) < 1e-14);
  // what is left of a matrix of rank 1 is rounding, and 0
  const auto one = host::jacobi_svd(HostMatrix(12, 40, std::vector<double>(480, 1.0)));
  CHECK(one.s[0] == Approx(std::sqrt(480.0)).epsilon(1e-14));
  for (std::size_t i = 1; i < one.s.size(); ++i) CHECK(one.s[i] < 1e-14);
  CHECK(distance(whole(one), HostMatrix(12, 40, std::vector<double>(480, 1.0))) < 1e-14);
  const auto nothing = host::jacobi_svd(HostMatrix(3, 4));
  CHECK(nothing.s == std::vector<double>(3));
  CHECK(nothing.v.values == std::vector<double>(12));
  HostMatrix bad(2, 2);
  bad(1, 0) = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_AS(host::jacobi_svd(bad), NumericError);
}

TEST_CASE("the inverse of a positive definite matrix", "[core][decompose]") {
  for (const index_t n : {1, 2, 9}) {
    const auto x = some(n, n + 3);
    const auto g = host::product_nt(x, x);
    const auto one = host::product(g, host::spd_inverse(g));
    for (index_t i = 0; i < n; ++i)
      for (index_t j = 0; j < n; ++j) CHECK(one(i, j) == Approx(i == j ? 1 : 0).margin(1e-10));
  }
  CHECK_THROWS_AS(host::spd_inverse(HostMatrix(2, 2, {1, 2, 2, 1})), NumericError);
}
