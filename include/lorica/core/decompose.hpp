// SPDX-License-Identifier: MIT
/// @file lorica/core/decompose.hpp
/// Dense decompositions on the host, in double: Householder QR and the singular value decomposition by
/// one-sided Jacobi rotations. For what happens once, when an adapter is made; see principal.hpp for the
/// largest singular values of a large matrix.
#pragma once

#include <lorica/core/check.hpp>
#include <lorica/core/lanes.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

namespace lorica {

/// A matrix on the host, row by row.
struct HostMatrix {
  index_t rows = 0, cols = 0;
  std::vector<double> values = {};

  HostMatrix() = default;
  HostMatrix(index_t r, index_t c) : rows(r), cols(c), values(static_cast<std::size_t>(r * c)) {}
  HostMatrix(index_t r, index_t c, std::vector<double> v) : rows(r), cols(c), values(std::move(v)) {
    expects<ShapeError>(static_cast<index_t>(values.size()) == r * c, "HostMatrix: ", values.size(),
                        " numbers for the shape ", Shape{r, c});
  }
  [[nodiscard]] double* row(index_t i) { return values.data() + i * cols; }
  [[nodiscard]] const double* row(index_t i) const { return values.data() + i * cols; }
  [[nodiscard]] double& operator()(index_t i, index_t j) { return row(i)[j]; }
  [[nodiscard]] double operator()(index_t i, index_t j) const { return row(i)[j]; }
};

namespace host {

inline double dot(const double* x, const double* y, index_t n) {
  using V = Lanes<double>;
  V s(0.0), t(0.0);  // two chains: a sum waits for the one before it
  index_t j = 0;
  for (; j + 2 * V::width <= n; j += 2 * V::width) {
    s += V::load(x + j) * V::load(y + j);
    t += V::load(x + j + V::width) * V::load(y + j + V::width);
  }
  for (; j < n; j += V::width) s += load<V>(x + j, n - j) * load<V>(y + j, n - j);
  return sum(s + t);
}
inline double norm(const double* x, index_t n) { return std::sqrt(dot(x, x, n)); }
/// y <- y + a x
inline void axpy(double a, const double* x, double* y, index_t n) {
  using V = Lanes<double>;
  for (index_t j = 0; j < n; j += V::width)
    store(y + j, n - j, load<V>(y + j, n - j) + V(a) * load<V>(x + j, n - j));
}
/// x <- c x - s y, y <- s x + c y
inline void rotate(double c, double s, double* x, double* y, index_t n) {
  using V = Lanes<double>;
  for (index_t j = 0; j < n; j += V::width) {
    const V p = load<V>(x + j, n - j), q = load<V>(y + j, n - j);
    store(x + j, n - j, V(c) * p - V(s) * q);
    store(y + j, n - j, V(s) * p + V(c) * q);
  }
}

inline HostMatrix transposed(const HostMatrix& w) {
  HostMatrix out(w.cols, w.rows);
  for (index_t i = 0; i < w.rows; ++i)
    for (index_t j = 0; j < w.cols; ++j) out(j, i) = w(i, j);
  return out;
}
/// x y
inline HostMatrix product(const HostMatrix& x, const HostMatrix& y) {
  HostMatrix out(x.rows, y.cols);
  for (index_t i = 0; i < x.rows; ++i)
    for (index_t l = 0; l < x.cols; ++l) axpy(x(i, l), y.row(l), out.row(i), y.cols);
  return out;
}
/// x y^T
inline HostMatrix product_nt(const HostMatrix& x, const HostMatrix& y) {
  HostMatrix out(x.rows, y.rows);
  for (index_t i = 0; i < x.rows; ++i)
    for (index_t j = 0; j < y.rows; ++j) out(i, j) = dot(x.row(i), y.row(j), x.cols);
  return out;
}

/// W = Q R, Q^T Q = I
struct Qr {
  HostMatrix q;  // [m, c]
  HostMatrix r;  // [c, k], upper triangular
};

/// The first `columns` (at most min(m, k)) columns of Q and rows of R of W [m, k], by Householder
/// reflections. Signs are those of LAPACK's dgeqrf: a diagonal entry of R has the sign opposite to what its
/// reflection met, or that number itself where nothing stood below it. |W - Q R| and |Q^T Q - I| are
/// rounding: below 1e-14 sqrt(k) of |W|, and 1e-14. 4 m k c operations.
inline Qr qr(HostMatrix w, index_t columns) {
  const index_t m = w.rows, k = w.cols;
  expects(columns >= 1 && columns <= std::min(m, k), "qr: ", columns, " columns of a matrix ", Shape{m, k},
          ", expected 1 to ", std::min(m, k));
  HostMatrix v(columns, m);  // reflection j is I - tau_j v_j v_j^T
  std::vector<double> tau(static_cast<std::size_t>(columns)), along(static_cast<std::size_t>(k));
  const auto reflect = [&](index_t j, HostMatrix& x, index_t first) {  // columns first .. of x
    const index_t n = x.cols - first;
    std::fill_n(along.begin(), n, 0.0);
    for (index_t i = j; i < m; ++i) axpy(v(j, i), x.row(i) + first, along.data(), n);
    for (index_t i = j; i < m; ++i)
      axpy(-tau[static_cast<std::size_t>(j)] * v(j, i), along.data(), x.row(i) + first, n);
  };
  for (index_t j = 0; j < columns; ++j) {
    double* p = v.row(j);
    for (index_t i = j; i < m; ++i) p[i] = w(i, j);
    const double head = p[j], below = norm(p + j + 1, m - j - 1);
    p[j] = 1;
    if (below == 0) continue;  // tau stays 0
    const double beta = -std::copysign(std::hypot(head, below), head);
    for (index_t i = j + 1; i < m; ++i) p[i] /= head - beta;
    tau[static_cast<std::size_t>(j)] = (beta - head) / beta;
    reflect(j, w, j);
    for (index_t i = j + 1; i < m; ++i) w(i, j) = 0;
  }
  Qr out{HostMatrix(m, columns), HostMatrix(columns, k)};
  std::copy_n(w.values.begin(), columns * k, out.r.values.begin());
  for (index_t i = 0; i < columns; ++i) std::fill_n(out.r.row(i), i, 0.0);
  for (index_t j = 0; j < columns; ++j) out.q(j, j) = 1;
  for (index_t j = columns; j-- > 0;) reflect(j, out.q, 0);
  return out;
}

/// W = sum_i s_i u_i v_i^T, s falling
struct SingularTriplets {
  HostMatrix u;  // [r, m], a vector a row
  std::vector<double> s;
  HostMatrix v;  // [r, k], a vector a row
};

/// A decomposition leaves the sign of u_i and v_i together free: here the entry of v_i of largest magnitude
/// is positive.
inline void fix_signs(SingularTriplets& t) {
  for (index_t i = 0; i < t.v.rows; ++i) {
    const double* p = t.v.row(i);
    const double* most =
        std::max_element(p, p + t.v.cols, [](double a, double b) { return std::abs(a) < std::abs(b); });
    if (*most >= 0) continue;
    for (index_t j = 0; j < t.v.cols; ++j) t.v(i, j) = -t.v(i, j);
    for (index_t j = 0; j < t.u.cols; ++j) t.u(i, j) = -t.u(i, j);
  }
}

/// Triplets in another order, or some of them.
inline SingularTriplets chosen(const SingularTriplets& t, const std::vector<index_t>& order) {
  const auto r = static_cast<index_t>(order.size());
  SingularTriplets out{HostMatrix(r, t.u.cols), {}, HostMatrix(r, t.v.cols)};
  for (index_t i = 0; i < r; ++i) {
    const index_t from = order[static_cast<std::size_t>(i)];
    std::copy_n(t.u.row(from), t.u.cols, out.u.row(i));
    std::copy_n(t.v.row(from), t.v.cols, out.v.row(i));
    out.s.push_back(t.s[static_cast<std::size_t>(from)]);
  }
  return out;
}

/// All min(m, k) triplets of W [m, k] by one-sided Jacobi rotations (Hestenes 1958) after a QR of the longer
/// side. Each s_i to a few units of rounding of s_1, |u_i^T W - s_i v_i^T| below 1e-14 sqrt(k) s_1, u and v
/// orthonormal to 1e-13; what is within rounding of |W| is 0, s_i and v_i both. About 10 sweeps of 6 n^3
/// operations, n = min(m, k): for n up to a few hundred. NumericError where W is not finite.
inline SingularTriplets jacobi_svd(const HostMatrix& w) {
  expects<NumericError>(std::ranges::all_of(w.values, [](double x) { return std::isfinite(x); }),
                        "jacobi_svd: the matrix ", Shape{w.rows, w.cols},
                        " holds a number that is not finite");
  if (w.rows > w.cols) {
    auto t = jacobi_svd(transposed(w));
    std::swap(t.u, t.v);
    fix_signs(t);
    return t;
  }
  const index_t n = w.rows;
  const auto long_side = qr(transposed(w), n);  // W = R^T Q^T
  HostMatrix x = transposed(long_side.r), u(n, n);
  for (index_t i = 0; i < n; ++i) u(i, i) = 1;
  const double enough = std::numeric_limits<double>::epsilon() * std::sqrt(double(n));
  const double noise = std::numeric_limits<double>::epsilon() * norm(x.values.data(), n * n);
  bool rotated = true;
  for (int sweep = 0; rotated; ++sweep) {
    expects<NumericError>(sweep < 100, "jacobi_svd: no convergence in 100 sweeps");
    rotated = false;
    for (index_t p = 0; p < n; ++p)
      for (index_t q = p + 1; q < n; ++q) {
        const double a = dot(x.row(p), x.row(p), n), b = dot(x.row(q), x.row(q), n),
                     c = dot(x.row(p), x.row(q), n);
        if (std::min(a, b) <= noise * noise || std::abs(c) <= enough * std::sqrt(a) * std::sqrt(b)) continue;
        rotated = true;
        const double zeta = (b - a) / (2 * c);
        const double t = std::copysign(1 / (std::abs(zeta) + std::hypot(1.0, zeta)), zeta);
        const double cosine = 1 / std::hypot(1.0, t), sine = cosine * t;
        rotate(cosine, sine, x.row(p), x.row(q), n);
        rotate(cosine, sine, u.row(p), u.row(q), n);
      }
  }
  SingularTriplets t{std::move(u), {}, {}};
  for (index_t i = 0; i < n; ++i) {
    const double size = norm(x.row(i), n);
    t.s.push_back(size > noise ? size : 0);
    for (index_t j = 0; j < n; ++j) x(i, j) = size > noise ? x(i, j) / size : 0;
  }
  t.v = product_nt(x, long_side.q);
  std::vector<index_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), index_t{0});
  std::ranges::stable_sort(order, [&](index_t i, index_t j) {
    return t.s[static_cast<std::size_t>(i)] > t.s[static_cast<std::size_t>(j)];
  });
  t = chosen(t, order);
  fix_signs(t);
  return t;
}

/// The inverse of a symmetric positive definite matrix, by Cholesky. NumericError where it is not.
inline HostMatrix spd_inverse(HostMatrix g) {
  const index_t n = g.rows;
  HostMatrix x(n, n);  // becomes L^-1
  for (index_t i = 0; i < n; ++i) {
    for (index_t j = 0; j <= i; ++j) {
      const double s = g(i, j) - dot(g.row(i), g.row(j), j);
      expects<NumericError>(i != j || s > 0, "spd_inverse: the matrix ", Shape{n, n},
                            " is not positive definite");
      g(i, j) = i == j ? std::sqrt(s) : s / g(j, j);
    }
    x(i, i) = 1 / g(i, i);
    for (index_t j = 0; j < i; ++j) {
      double s = 0;
      for (index_t l = j; l < i; ++l) s += g(i, l) * x(l, j);
      x(i, j) = -s / g(i, i);
    }
  }
  const HostMatrix columns = transposed(x);
  return product_nt(columns, columns);
}

}  // namespace host
}  // namespace lorica
