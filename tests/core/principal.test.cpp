// SPDX-License-Identifier: MIT
#include <lorica/core/principal.hpp>

#include "support/catch.hpp"
#include "support/tolerance.hpp"

using namespace lorica;

namespace {
HostMatrix some(index_t rows, index_t cols, Seed seed = 1) {
  return {rows, cols, test::random_numbers(seed, rows * cols)};
}
/// sum_i s_i u_i v_i^T with random orthonormal vectors.
HostMatrix with_values(index_t rows, index_t cols, const std::vector<double>& s) {
  const auto n = static_cast<index_t>(s.size());
  auto v = host::transposed(host::qr(some(cols, n, 4), n).q);
  for (index_t i = 0; i < n; ++i)
    for (index_t j = 0; j < cols; ++j) v(i, j) *= s[static_cast<std::size_t>(i)];
  return host::product(host::qr(some(rows, n, 3), n).q, v);
}
}  // namespace

TEST_CASE("X X^T in pieces is X X^T", "[core][principal]") {
  for (const Shape s : {Shape{1, 1}, Shape{5, 3}, Shape{6, 300}, Shape{13, 517}}) {
    const auto x = some(s.rows, s.cols);
    CHECK(test::relative_error(host::gram(x).values, host::product_nt(x, x).values) < 1e-14);
  }
}

TEST_CASE("the tridiagonal form has the eigenvalues, and its eigenvectors are those", "[core][principal]") {
  for (const index_t n : {1, 2, 3, 12}) {
    const auto x = some(n, n + 2);
    const auto g = host::gram(x);
    const auto t = host::tridiagonal(g);
    const auto exact = host::jacobi_svd(x);
    for (index_t i = 0; i < n; ++i) {
      const double want = exact.s[static_cast<std::size_t>(i)] * exact.s[static_cast<std::size_t>(i)];
      CHECK(t.eigenvalue(n - 1 - i) == Approx(want).margin(1e-12 * exact.s[0] * exact.s[0]));
    }
    const auto v = host::largest_eigenvectors(t, n);
    const auto gv = host::product(v, g);
    for (index_t i = 0; i < n; ++i)
      for (index_t j = 0; j < n; ++j)
        CHECK(gv(i, j) == Approx(t.eigenvalue(n - 1 - i) * v(i, j)).margin(1e-11));
  }
}

TEST_CASE("the largest triplets are those of the whole decomposition", "[core][principal]") {
  for (const Shape s : {Shape{40, 60}, Shape{60, 40}, Shape{48, 48}}) {
    const auto w = some(s.rows, s.cols);
    const auto all = host::jacobi_svd(w);
    for (const index_t r : {1, 4, 9}) {
      const auto t = host::principal_svd(w, r, 8);  // not by Jacobi
      REQUIRE(t.s.size() == static_cast<std::size_t>(r));
      CHECK(host::residual(w, t, r) < 1e-12 * t.s[0]);
      for (index_t i = 0; i < r; ++i) {
        CHECK(t.s[static_cast<std::size_t>(i)] == Approx(all.s[static_cast<std::size_t>(i)]).epsilon(1e-13));
        const std::vector<double> got(t.v.row(i), t.v.row(i) + s.cols),
            want(all.v.row(i), all.v.row(i) + s.cols), got_u(t.u.row(i), t.u.row(i) + s.rows),
            want_u(all.u.row(i), all.u.row(i) + s.rows);
        CHECK(test::relative_error(got, want) < 1e-10);  // the sign too
        CHECK(test::relative_error(got_u, want_u) < 1e-10);
      }
    }
  }
}

TEST_CASE("equal singular values, and values far below the first, where the Gram matrix has lost them",
          "[core][principal]") {
  const auto equal = with_values(40, 50, {3, 3, 3, 3, 1, 1, 0.5});
  const auto t = host::principal_svd(equal, 6, 8);
  CHECK(host::residual(equal, t, 6) < 3e-12);
  const auto orthonormal = host::product_nt(t.v, t.v);
  for (index_t i = 0; i < 6; ++i) {
    CHECK(t.s[static_cast<std::size_t>(i)] == Approx(i < 4 ? 3 : 1).epsilon(1e-13));
    for (index_t j = 0; j < 6; ++j) CHECK(orthonormal(i, j) == Approx(i == j ? 1 : 0).margin(1e-12));
  }
  const auto steep = with_values(40, 50, {1, 1e-4, 1e-10});
  const auto f = host::principal_svd(steep, 3, 8);
  CHECK(f.s[1] == Approx(1e-4).epsilon(1e-10));
  CHECK(f.s[2] == Approx(1e-10).epsilon(1e-4));
  CHECK(host::residual(steep, f, 3) < 1e-12);
}

TEST_CASE("nothing, too much, and what is not a number", "[core][principal]") {
  CHECK(host::principal_svd(HostMatrix(40, 40), 2, 8).s == std::vector<double>(2));
  CHECK_THROWS_AS(host::principal_svd(some(3, 4), 4), ConfigError);
  auto bad = some(40, 40);
  bad(3, 3) = std::numeric_limits<double>::infinity();
  CHECK_THROWS_AS(host::principal_svd(bad, 2, 8), NumericError);
}
