// SPDX-License-Identifier: MIT
/// @file tests/core/backend.test.cpp
/// Every verb a backend owes, on every backend in the binary, against plain loops in double.
#include <lorica/core/backend.hpp>

#include <lorica/core/functor.hpp>
#include <lorica/core/tensor.hpp>

#include "support/backends.hpp"

#include <algorithm>
#include <array>
#include <string>

using namespace lorica;

namespace {

using Numbers = std::vector<double>;

/// A matrix inside a wider one, all on the backend; what lies around it must stay as it was.
template <class B, class T> struct Inside {
  static constexpr index_t left = 3, right = 2;
  index_t rows, cols;
  Numbers all;  // [rows, cols + 5], already rounded to T
  Tensor<B, T> there;

  Inside(B& b, index_t r, index_t c, Seed seed)
      : rows(r),
        cols(c),
        all(test::rounded<T>(test::random_numbers(seed, r * (c + left + right)))),
        there(b, r, c + left + right, all) {}
  MatrixRef<T> ref() { return there.ref().columns(left, cols); }
  MatrixRef<const T> cref() { return ref(); }
  double operator()(index_t i, index_t j) const { return all[index(i, j)]; }
  double at(Trans t, index_t i, index_t j) const { return t == Trans::no ? (*this)(i, j) : (*this)(j, i); }
  std::size_t index(index_t i, index_t j) const {
    return static_cast<std::size_t>(i * (cols + left + right) + left + j);
  }
};

/// C <- alpha op(A) op(B) + beta C with A of TA, B of TB, C of TC.
template <class TA, class TB, class TC, class B>
void check_gemm(B& b, index_t m, index_t n, index_t k, Trans ta, Trans tb, double alpha, double beta) {
  CAPTURE(m, n, k, ta == Trans::yes, tb == Trans::yes, alpha, beta, sizeof(TA), sizeof(TB), sizeof(TC));
  using M = typename B::master;
  Inside<B, TA> a(b, ta == Trans::no ? m : k, ta == Trans::no ? k : m, 1);
  Inside<B, TB> x(b, tb == Trans::no ? k : n, tb == Trans::no ? n : k, 2);
  Inside<B, TC> c(b, m, n, 3);
  Numbers want = c.all;
  for (index_t i = 0; i < m; ++i)
    for (index_t j = 0; j < n; ++j) {
      double s = 0;
      for (index_t p = 0; p < k; ++p) s += a.at(ta, i, p) * x.at(tb, p, j);
      want[c.index(i, j)] = alpha * s + (beta == 0 ? 0.0 : beta * c(i, j));
      if (beta == 0) c.all[c.index(i, j)] = std::numeric_limits<double>::quiet_NaN();  // C may not be read
    }
  c.there = Tensor<B, TC>(b, m, n + 5, c.all);
  b.gemm(ta, tb, static_cast<M>(alpha), a.cref(), x.cref(), static_cast<M>(beta), c.ref());
  const auto got = c.there.template host<double>(b);
  REQUIRE(test::relative_error(got, want) <
          std::max({test::tolerance_of<TA>(), test::tolerance_of<TB>(), test::tolerance_of<TC>()}));
  for (index_t i = 0; i < m; ++i)
    for (const index_t j : {-3, -2, -1, 0, 1})  // before the row's first and after its last
      REQUIRE(got[c.index(i, j < 0 ? j : n + j)] == want[c.index(i, j < 0 ? j : n + j)]);
}

struct Fused {
  template <class V> LORICA_HD V operator()(V x, V y, V z) const { return x * y - z; }
};
/// Mixed types: each argument comes in the type it is computed in.
struct Widened {
  LORICA_HD double operator()(double old, float x) const { return old + double(x) * double(x); }
  LORICA_HD double operator()(double old, double x) const { return old + x * x; }
  LORICA_HD float operator()(float old, float x) const { return old + x * x; }
};
struct Count {
  std::int32_t* times;
  LORICA_HD void operator()(index_t i) const { times[i] += static_cast<std::int32_t>(i % 7); }
};

template <class B> std::vector<std::int32_t> read(B& b, const std::int32_t* p, index_t n) {
  std::vector<std::int32_t> host(static_cast<std::size_t>(n));
  b.download(p, std::span<std::int32_t>(host));
  return host;
}

}  // namespace

TEMPLATE_TEST_CASE("gemm multiplies any two matrices", "[core][backend]", LORICA_BACKENDS) {
  using T = typename TestType::scalar;
  using M = typename TestType::master;
  TestType b;
  const index_t shapes[][3] = {{1, 1, 1},    {0, 3, 2},    {3, 0, 2},    {3, 2, 0}, {1, 7, 5},
                               {7, 1, 5},    {5, 6, 1},    {1, 1, 300},  {2, 3, 4}, {17, 19, 23},
                               {33, 65, 40}, {9, 150, 90}, {131, 31, 40}};
  for (const auto& [m, n, k] : shapes)
    for (const Trans ta : {Trans::no, Trans::yes})
      for (const Trans tb : {Trans::no, Trans::yes})
        for (const auto& [alpha, beta] : {std::pair{1.0, 0.0}, {1.0, 1.0}, {-0.75, 0.0}, {2.0, -1.5}}) {
          check_gemm<T, T, T>(b, m, n, k, ta, tb, alpha, beta);
          if constexpr (!std::is_same_v<T, M>) {
            check_gemm<T, M, M>(b, m, n, k, ta, tb, alpha, beta);
            check_gemm<M, T, M>(b, m, n, k, ta, tb, alpha, beta);
            check_gemm<M, M, T>(b, m, n, k, ta, tb, alpha, beta);
            check_gemm<T, T, M>(b, m, n, k, ta, tb, alpha, beta);
            check_gemm<M, M, M>(b, m, n, k, ta, tb, alpha, beta);
          }
        }
}

TEMPLATE_TEST_CASE("gemm refuses shapes that do not fit", "[core][backend]", LORICA_BACKENDS) {
  using B = TestType;
  B b;
  const Tensor<B> a(b, 3, 4), x(b, 5, 6);
  Tensor<B> c(b, 3, 6);
  try {
    b.gemm(Trans::no, Trans::no, 1, a.ref(), x.ref(), 0, c.ref());
    FAIL("nothing was thrown");
  } catch (const ShapeError& e) {
    REQUIRE(std::string(e.what()) == "gemm: op(B) is [5, 6], expected [4, 6]");
  }
  const Tensor<B> y(b, 4, 6);
  Tensor<B> small(b, 2, 6);
  REQUIRE_THROWS_AS(b.gemm(Trans::no, Trans::no, 1, a.ref(), y.ref(), 0, small.ref()), ShapeError);
  REQUIRE_THROWS_AS(b.gemm(Trans::yes, Trans::no, 1, a.ref(), y.ref(), 0, c.ref()), ShapeError);
}

TEMPLATE_TEST_CASE("a packed weight multiplies from both sides, in place or onto what is there",
                   "[core][backend]", LORICA_BACKENDS) {
  using B = TestType;
  using T = typename B::scalar;
  using M = typename B::master;
  B b;
  for (const auto& [n, m, k] :
       {std::array<index_t, 3>{1, 1, 1}, {5, 3, 7}, {1, 40, 33}, {0, 4, 5}, {130, 20, 50}}) {
    CAPTURE(n, m, k);
    Inside<B, T> w(b, m, k, 4), x(b, n, k, 5), up(b, n, m, 6);
    const auto packed = b.pack(w.cref(), nullptr);
    Inside<B, T> back(b, m, k, 7);
    b.unpack(packed, back.ref());
    const auto same = back.there.template host<double>(b);
    for (index_t i = 0; i < m; ++i)
      for (index_t j = 0; j < k; ++j) REQUIRE(same[back.index(i, j)] == w(i, j));
    for (const double beta : {0.0, 1.0, -0.5}) {
      Inside<B, T> y(b, n, m, 8);
      Inside<B, M> dx(b, n, k, 9);
      Numbers want_y = y.all, want_dx = dx.all;
      for (index_t i = 0; i < n; ++i) {
        for (index_t j = 0; j < m; ++j) {
          double s = beta * y(i, j);
          for (index_t p = 0; p < k; ++p) s += x(i, p) * w(j, p);
          want_y[y.index(i, j)] = s;
        }
        for (index_t j = 0; j < k; ++j) {
          double s = beta * dx(i, j);
          for (index_t p = 0; p < m; ++p) s += up(i, p) * w(p, j);
          want_dx[dx.index(i, j)] = s;
        }
      }
      b.multiply(x.cref(), packed, Trans::yes, static_cast<M>(beta), y.ref());
      b.multiply(up.cref(), packed, Trans::no, static_cast<M>(beta), dx.ref());
      REQUIRE(test::relative_error(y.there.template host<double>(b), want_y) < test::tolerance<B>());
      REQUIRE(test::relative_error(dx.there.template host<double>(b), want_dx) < test::tolerance<B>());
    }
  }
}

TEMPLATE_TEST_CASE("multiply refuses shapes that do not fit", "[core][backend]", LORICA_BACKENDS) {
  using B = TestType;
  B b;
  const Tensor<B> w(b, 3, 4), x(b, 2, 5);
  Tensor<B> y(b, 2, 3);
  const auto packed = b.pack(w.cref(), nullptr);
  REQUIRE_THROWS_WITH(b.multiply(x.cref(), packed, Trans::yes, 0, y.ref()),
                      "multiply: X is [2, 5], expected [2, 4]");
  const Tensor<B> fits(b, 2, 4);
  REQUIRE_THROWS_WITH(b.multiply(y.cref(), packed, Trans::no, 0, y.ref()),
                      "multiply: Y is [2, 3], expected [2, 4]");
  REQUIRE_NOTHROW(b.multiply(fits.cref(), packed, Trans::yes, 0, y.ref()));
}

TEMPLATE_TEST_CASE("map takes one to three inputs of scalar, master and both", "[core][backend]",
                   LORICA_BACKENDS) {
  using B = TestType;
  using T = typename B::scalar;
  using M = typename B::master;
  B b;
  for (const index_t n : {0, 1, 2, 7, 8, 17, 67, 16384, 50001}) {
    CAPTURE(n);
    const auto x = test::rounded<T>(test::random_numbers(1, n)),
               y = test::rounded<T>(test::random_numbers(2, n));
    const auto z = test::rounded<T>(test::random_numbers(3, n));
    Numbers fused, widened;
    for (std::size_t i = 0; i < x.size(); ++i)
      fused.push_back(x[i] * y[i] - z[i]), widened.push_back(y[i] + x[i] * x[i]);
    const Tensor<B> tx(b, 1, n, x), ty(b, 1, n, y), tz(b, 1, n, z);
    Tensor<B> out(b, 1, n);
    b.map(n, Fused{}, out.data(), tx.data(), ty.data(), tz.data());
    REQUIRE(test::relative_error(out.template host<double>(b), fused) < test::tolerance<B>());
    MasterTensor<B> sum(b, 1, n, y), copy(b, 1, n);
    b.map(n, Widened{}, sum.data(), std::as_const(sum).data(), tx.data());  // y may be an input
    REQUIRE(test::relative_error(sum.template host<double>(b), widened) < test::tolerance_of<M>());
    b.map(n, fn::Copy{}, copy.data(), tx.data());
    REQUIRE(copy.template host<double>(b) == x);
  }
}

TEMPLATE_TEST_CASE("for_rows and for_each_index call every index once", "[core][backend]", LORICA_BACKENDS) {
  using B = TestType;
  B b;
  for (const index_t n : {0, 1, 15, 16, 17, 1000, 40001}) {
    CAPTURE(n);
    auto counts = b.template allocate<std::int32_t>(n + 1);
    const std::vector<std::int32_t> zero(static_cast<std::size_t>(n) + 1, 0);
    b.upload(std::span<const std::int32_t>(zero), counts.data());
    b.for_rows(n, Count{counts.data()});
    b.for_each_index(n, Count{counts.data()});
    const auto got = read(b, counts.data(), n + 1);
    int wrong = got.back() != 0;
    for (index_t i = 0; i < n; ++i) wrong += got[static_cast<std::size_t>(i)] != 2 * (i % 7);
    REQUIRE(wrong == 0);
  }
}

TEMPLATE_TEST_CASE("sums are right, and the same from run to run", "[core][backend]", LORICA_BACKENDS) {
  using B = TestType;
  using T = typename B::scalar;
  using M = typename B::master;
  B b;
  for (const index_t n : {0, 1, 255, 256, 257, 4096, 4097, 100003, 1200007}) {
    CAPTURE(n);
    const auto x = test::rounded<T>(test::random_numbers(1, n));
    const auto p = test::rounded<M>(test::random_numbers(2, n));
    const Tensor<B> tx(b, 1, n, x);
    const MasterTensor<B> tp(b, 1, n, p);
    long double sum = 0, size = 0, squares_x = 0, squares_p = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      sum += p[i], size += std::abs(p[i]);
      squares_x += x[i] * x[i], squares_p += p[i] * p[i];
    }
    REQUIRE(std::abs(b.sum(tp.data(), n) - sum) <=
            1e-14L * size);  // sums are taken in double on every backend
    REQUIRE(b.sum_squares(tx.data(), n) == Approx(double(squares_x)).epsilon(1e-14));
    REQUIRE(b.sum_squares(tp.data(), n) == Approx(double(squares_p)).epsilon(1e-14));
    REQUIRE(b.sum(tp.data(), n) == b.sum(tp.data(), n));
  }
}

TEMPLATE_TEST_CASE("column sums and dots, onto zero or onto what is there", "[core][backend]",
                   LORICA_BACKENDS) {
  using B = TestType;
  using T = typename B::scalar;
  using M = typename B::master;
  B b;
  for (const auto& [n, d] :
       {std::pair<index_t, index_t>{1, 1}, {5, 3}, {40, 63}, {7, 64}, {9, 65}, {3, 200}, {0, 4}, {500, 2}}) {
    CAPTURE(n, d);
    Inside<B, T> x(b, n, d, 1);
    Inside<B, M> y(b, n, d, 2), z(b, n, d, 3);
    for (const double beta : {0.0, 1.0, -2.0}) {
      auto old = test::rounded<M>(test::random_numbers(4, d));
      Numbers sums, dots;
      for (index_t j = 0; j < d; ++j) {
        double s = beta * old[static_cast<std::size_t>(j)], p = s;
        for (index_t i = 0; i < n; ++i) s += x(i, j), p += y(i, j) * z(i, j);
        sums.push_back(s), dots.push_back(p);
      }
      if (beta == 0) std::fill(old.begin(), old.end(), std::numeric_limits<double>::quiet_NaN());
      MasterTensor<B> got_sums(b, 1, d, old), got_dots(b, 1, d, old);
      b.column_sums(x.cref(), static_cast<M>(beta), got_sums.data());
      b.column_dots(y.cref(), z.cref(), static_cast<M>(beta), got_dots.data());
      REQUIRE(test::relative_error(got_sums.template host<double>(b), sums) < test::tolerance<B>());
      REQUIRE(test::relative_error(got_dots.template host<double>(b), dots) < test::tolerance<B>());
      auto mixed = zeros<M>(b, 1, d);
      b.column_dots(x.cref(), y.cref(), 0, mixed.data());
      double want = 0;
      for (index_t i = 0; i < n; ++i) want += x(i, d - 1) * y(i, d - 1);
      REQUIRE(mixed.template host<double>(b).back() == Approx(want).epsilon(1e-4).margin(1e-4));
    }
  }
}

TEMPLATE_TEST_CASE("the k-th smallest counts from one, and NaN is larger than anything", "[core][backend]",
                   LORICA_BACKENDS) {
  using B = TestType;
  using M = typename B::master;
  B b;
  auto x = test::rounded<M>(test::random_numbers(1, 1001));
  for (std::size_t i = 0; i < x.size(); i += 10) x[i] = 0.25;  // ties
  auto sorted = x;
  std::sort(sorted.begin(), sorted.end());
  const MasterTensor<B> t(b, 1, 1001, x);
  for (const index_t k : {1, 2, 500, 600, 601, 1000, 1001})
    REQUIRE(b.kth_smallest(t.data(), 1001, k) == sorted[static_cast<std::size_t>(k - 1)]);
  REQUIRE(t.template host<double>(b) == x);  // and nothing was moved
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  const MasterTensor<B> odd(b, 1, 6, Numbers{nan, 2, -inf, nan, inf, 1});
  REQUIRE(b.kth_smallest(odd.data(), 6, 1) == -inf);
  REQUIRE(b.kth_smallest(odd.data(), 6, 3) == 2);
  REQUIRE(b.kth_smallest(odd.data(), 6, 4) == inf);
  REQUIRE(std::isnan(b.kth_smallest(odd.data(), 6, 5)));
  REQUIRE(std::isnan(b.kth_smallest(odd.data(), 6, 6)));
  REQUIRE_THROWS_AS(b.kth_smallest(odd.data(), 6, 0), ConfigError);
  REQUIRE_THROWS_AS(b.kth_smallest(odd.data(), 6, 7), ConfigError);
}

TEMPLATE_TEST_CASE("memory is written, copied and read", "[core][backend]", LORICA_BACKENDS) {
  using B = TestType;
  B b;
  const std::vector<std::int32_t> numbers = {5, 6, 7, 8, 9};
  auto first = b.template allocate<std::int32_t>(5), second = b.template allocate<std::int32_t>(5);
  b.upload(std::span<const std::int32_t>(numbers), first.data());
  b.upload(std::span<const std::int32_t>(numbers), second.data());
  b.copy(std::as_const(first).data(), second.data() + 2, 3);
  REQUIRE(read(b, second.data(), 5) == std::vector<std::int32_t>{5, 6, 5, 6, 7});
  const std::int32_t* where = first.data();
  auto moved = std::move(first);
  REQUIRE(moved.data() == where);
  REQUIRE(first.data() == nullptr);
  b.upload(std::span<const std::int32_t>(), second.data());
  b.copy(where, second.data(), 0);
  REQUIRE(read(b, second.data(), 2) == std::vector<std::int32_t>{5, 6});
  STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<typename B::template buffer<std::int32_t>>);
}
