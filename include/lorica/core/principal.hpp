// SPDX-License-Identifier: MIT
/// @file lorica/core/principal.hpp
/// The largest singular values of a large matrix and their vectors, on the host, in double: through the
/// tridiagonal form of the Gram matrix of the shorter side, and then checked against the matrix itself.
#pragma once

#include <lorica/core/decompose.hpp>
#include <lorica/core/random.hpp>

namespace lorica::host {

/// X X^T [n, n], four by two entries at a time over pieces of the rows that stay in the nearest cache.
inline HostMatrix gram(const HostMatrix& x) {
  using V = Lanes<double>;
  constexpr index_t piece = 32 * V::width;
  const index_t n = x.rows;
  HostMatrix g(n, n);
  for (index_t first = 0; first < x.cols; first += piece) {
    const index_t width = std::min(piece, x.cols - first), even = width / V::width * V::width;
    for (index_t i = 0; i < n; i += 4)
      for (index_t j = 0; j < std::min(n, i + 4); j += 2) {
        V s[4][2] = {{V(0.0), V(0.0)}, {V(0.0), V(0.0)}, {V(0.0), V(0.0)}, {V(0.0), V(0.0)}};
        const double* p[4];
        const double* q[2];
        for (index_t a = 0; a < 4; ++a) p[a] = x.row(std::min(n - 1, i + a)) + first;
        for (index_t b = 0; b < 2; ++b) q[b] = x.row(std::min(n - 1, j + b)) + first;
        for (index_t l = 0; l < even; l += V::width) {
          const V q0 = V::load(q[0] + l), q1 = V::load(q[1] + l);
          for (int a = 0; a < 4; ++a) {
            const V pa = V::load(p[a] + l);
            s[a][0] += pa * q0;
            s[a][1] += pa * q1;
          }
        }
        for (index_t a = 0; a < std::min<index_t>(4, n - i); ++a)
          for (index_t b = 0; b < std::min<index_t>(2, n - j); ++b)
            g(i + a, j + b) += sum(s[a][b]) + dot(p[a] + even, q[b] + even, width - even);
      }
  }
  for (index_t i = 0; i < n; ++i)
    for (index_t j = 0; j < i; ++j) g(j, i) = g(i, j);
  return g;
}

/// A symmetric matrix G = H T H^T with T tridiagonal and H = H_0 H_1 ..., H_j = I - tau_j v_j v_j^T.
struct Tridiagonal {
  std::vector<double> diagonal, beside;  // [n], [n - 1]
  HostMatrix v;                          // [n - 2, n]; v_j is 0 up to entry j
  std::vector<double> tau;

  /// How many eigenvalues lie below x (Sturm's sequence).
  [[nodiscard]] index_t below(double x) const {
    index_t count = 0;
    double d = 1;
    for (std::size_t i = 0; i < diagonal.size(); ++i) {
      const double e = i == 0 ? 0 : beside[i - 1];
      d = diagonal[i] - x - (e == 0 ? 0 : e * e / d);
      if (d == 0) d = std::numeric_limits<double>::min();
      count += d < 0 ? 1 : 0;
    }
    return count;
  }
  /// The i-th eigenvalue from below (from 0), by bisection to the last bit.
  [[nodiscard]] double eigenvalue(index_t i) const {
    double low = 0, high = 0;  // Gershgorin's bounds
    for (std::size_t j = 0; j < diagonal.size(); ++j) {
      const double r = (j > 0 ? std::abs(beside[j - 1]) : 0) + (j < beside.size() ? std::abs(beside[j]) : 0);
      low = std::min(low, diagonal[j] - r);
      high = std::max(high, diagonal[j] + r);
    }
    for (int step = 0; step < 200; ++step) {
      const double middle = low + (high - low) / 2;
      if (middle <= low || middle >= high) break;
      (below(middle) > i ? high : low) = middle;
    }
    return low;
  }
  /// x <- (T - shift)^-1 x by Gaussian elimination with row exchanges; pivots below `tiny` are replaced.
  void solve(double shift, double tiny, double* x) const {
    const std::size_t n = diagonal.size();
    std::vector<double> d(n), up(n, 0.0), far(n, 0.0);
    double at = diagonal[0] - shift, next = n > 1 ? beside[0] : 0;
    for (std::size_t i = 0; i + 1 < n; ++i) {
      const double e = beside[i], d1 = diagonal[i + 1] - shift, e1 = i + 2 < n ? beside[i + 1] : 0;
      if (std::abs(at) >= std::abs(e)) {
        d[i] = std::abs(at) < tiny ? tiny : at;
        up[i] = next;
        const double f = e / d[i];
        x[i + 1] -= f * x[i];
        at = d1 - f * next;
        next = e1;
      } else {
        d[i] = e;
        up[i] = d1;
        far[i] = e1;
        const double f = at / e;
        std::swap(x[i], x[i + 1]);
        x[i + 1] -= f * x[i];
        at = next - f * d1;
        next = -f * e1;
      }
    }
    d[n - 1] = std::abs(at) < tiny ? tiny : at;
    for (std::size_t i = n; i-- > 0;) {
      if (i + 1 < n) x[i] -= up[i] * x[i + 1];
      if (i + 2 < n) x[i] -= far[i] * x[i + 2];
      x[i] /= d[i];
    }
  }
};

/// By Householder reflections; overwrites g.
inline Tridiagonal tridiagonal(HostMatrix g) {
  const index_t n = g.rows;
  Tridiagonal t;
  t.v = HostMatrix(std::max<index_t>(0, n - 2), n);
  t.tau.resize(static_cast<std::size_t>(t.v.rows));
  std::vector<double> p(static_cast<std::size_t>(n));
  for (index_t j = 0; j < n; ++j) {
    t.diagonal.push_back(g(j, j));
    if (j + 1 >= n) break;
    const index_t first = j + 1, left = n - first;
    const double* column = g.row(j) + first;
    const double head = column[0], below = norm(column + 1, left - 1);
    if (j + 2 >= n || below == 0) {
      t.beside.push_back(head);
      continue;
    }
    const double beta = -std::copysign(std::hypot(head, below), head), tau = (beta - head) / beta;
    t.beside.push_back(beta);
    t.tau[static_cast<std::size_t>(j)] = tau;
    double* v = t.v.row(j) + first;
    v[0] = 1;
    for (index_t i = 1; i < left; ++i) v[i] = column[i] / (head - beta);
    // the rest G <- H G H = G - v q^T - q v^T, q = tau G v - tau^2 / 2 (v^T G v) v
    for (index_t i = 0; i < left; ++i)
      p[static_cast<std::size_t>(i)] = tau * dot(g.row(first + i) + first, v, left);
    axpy(-tau / 2 * dot(p.data(), v, left), v, p.data(), left);
    for (index_t i = 0; i < left; ++i) {
      axpy(-v[i], p.data(), g.row(first + i) + first, left);
      axpy(-p[static_cast<std::size_t>(i)], v, g.row(first + i) + first, left);
    }
  }
  return t;
}

/// Eigenvectors of the `count` largest eigenvalues, a vector a row, orthonormal: inverse iteration, each
/// vector held orthogonal to those before it.
inline HostMatrix largest_eigenvectors(const Tridiagonal& t, index_t count) {
  const auto n = static_cast<index_t>(t.diagonal.size());
  HostMatrix x(count, n);
  const double scale = std::max(std::abs(t.eigenvalue(n - 1)), std::abs(t.eigenvalue(0)));
  const double tiny = std::max(scale * std::numeric_limits<double>::epsilon(), 1e-100);
  for (index_t i = 0; i < count; ++i) {
    const double value = t.eigenvalue(n - 1 - i);
    const auto start = normals(Stream(0, "inverse iteration", "", static_cast<std::uint64_t>(i)), n, 1.0);
    std::copy_n(start.begin(), n, x.row(i));
    for (int step = 0; step < 4; ++step) {
      t.solve(value, tiny, x.row(i));
      for (int twice = 0; twice < 2; ++twice) {
        const double size = norm(x.row(i), n);
        for (index_t j = 0; j < n; ++j) x(i, j) /= size;
        for (index_t other = 0; other < i; ++other)
          axpy(-dot(x.row(other), x.row(i), n), x.row(other), x.row(i), n);
      }
    }
  }
  for (index_t j = t.v.rows; j-- > 0;)
    for (index_t i = 0; i < count; ++i) {
      const double along = dot(t.v.row(j), x.row(i), n);
      axpy(-t.tau[static_cast<std::size_t>(j)] * along, t.v.row(j), x.row(i), n);
    }
  return transposed(qr(transposed(x), count).q);
}

/// The best triplets of W within the span of the rows of `left` [q, m].
inline SingularTriplets ritz(const HostMatrix& w, const HostMatrix& left) {
  auto t = jacobi_svd(product(left, w));  // [q, k]
  t.u = product(t.u, left);
  return t;
}
/// The largest |u_i^T W - s_i v_i^T| and |W v_i - s_i u_i| over the first r.
inline double residual(const HostMatrix& w, const SingularTriplets& t, index_t r) {
  double worst = 0;
  std::vector<double> x(static_cast<std::size_t>(w.cols)), y(static_cast<std::size_t>(w.rows));
  for (index_t i = 0; i < r; ++i) {
    std::ranges::fill(x, 0.0);
    const double s = t.s[static_cast<std::size_t>(i)];
    for (index_t j = 0; j < w.rows; ++j) {
      axpy(t.u(i, j), w.row(j), x.data(), w.cols);
      y[static_cast<std::size_t>(j)] = dot(w.row(j), t.v.row(i), w.cols) - s * t.u(i, j);
    }
    axpy(-s, t.v.row(i), x.data(), w.cols);
    worst = std::max({worst, norm(x.data(), w.cols), s > 0 ? norm(y.data(), w.rows) : 0.0});
  }
  return worst;
}

/// The r largest triplets of W [m, k]. Up to min(m, k) = 64, and wherever the way through the Gram matrix
/// leaves a residual |u_i^T W - s_i v_i^T| or |W v_i - s_i u_i| above 1e-12 s_1 (singular values far below
/// s_1 do), all triplets by jacobi_svd. So the accuracy is that of a backward stable method: s_i to 1e-12
/// s_1, vectors to 1e-12 s_1 over the distance to the next singular value. n^2 K + 2 n^3 operations, n the
/// shorter side, K the longer.
inline SingularTriplets principal_svd(const HostMatrix& w, index_t r, index_t small = 64) {
  const index_t n = std::min(w.rows, w.cols);
  expects(r >= 1 && r <= n, "principal_svd: ", r, " singular values of a matrix ", Shape{w.rows, w.cols},
          ", expected 1 to ", n);
  std::vector<index_t> first(static_cast<std::size_t>(r));
  std::iota(first.begin(), first.end(), index_t{0});
  const index_t spare = std::min(n, r + 8);
  if (n > small && 2 * spare < n) {
    if (w.rows > w.cols) {
      auto t = principal_svd(transposed(w), r, small);
      std::swap(t.u, t.v);
      fix_signs(t);
      return t;
    }
    expects<NumericError>(std::ranges::all_of(w.values, [](double x) { return std::isfinite(x); }),
                          "principal_svd: the matrix ", Shape{w.rows, w.cols},
                          " holds a number that is not finite");
    auto t = ritz(w, largest_eigenvectors(tridiagonal(gram(w)), spare));
    if (residual(w, t, r) <= 1e-12 * t.s[0]) return chosen(t, first);
  }
  return chosen(jacobi_svd(w), first);
}

}  // namespace lorica::host
