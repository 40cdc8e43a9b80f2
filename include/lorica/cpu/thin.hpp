// SPDX-License-Identifier: MIT
/// @file lorica/cpu/thin.hpp
/// The products of an adapter: one side is a rank, the other two are tokens and features. A general product
/// copies its large operand into panels to use it a few times; here it is read once, as it lies. Partitions
/// are fixed by the shapes, and every element is one chain of sums: the same bits for any number of threads.
#pragma once

#include <lorica/cpu/eigen.hpp>
#include <lorica/cpu/parallel.hpp>
#include <lorica/cpu/unrolled.hpp>

#include <algorithm>
#include <vector>

namespace lorica::cpu::thin {

/// The widest thin side: four registers of floats on AVX2.
inline constexpr index_t most = 32;
/// Where the copies of a general product are the dearer: not in products of a few rows.
inline constexpr index_t least_depth = 64;

namespace detail {
template <class T> using Packet = typename Eigen::internal::packet_traits<T>::type;
template <class T> inline constexpr index_t lanes = Eigen::internal::unpacket_traits<Packet<T>>::size;

/// Rows of x at a time, so that sums fill twelve registers or fewer.
constexpr index_t tile_rows(index_t packets) {
  return packets == 1 ? 8 : packets == 2 ? 6 : packets == 3 ? 4 : packets == 4 ? 3 : packets <= 6 ? 2 : 1;
}

/// C rows <- alpha x a^T + beta C for R rows, a^T packed [depth, P lanes].
template <index_t P, index_t R, class T>
void rows_tile(const T* x, index_t stride, index_t depth, const T* turned, T alpha, T beta, MatrixRef<T> c) {
  namespace in = Eigen::internal;
  constexpr index_t w = lanes<T>;
  Packet<T> sum[R * P];
  unrolled<R * P>([&](auto s) LORICA_UNROLLED { sum[s] = in::pset1<Packet<T>>(T(0)); });
  for (index_t j = 0; j < depth; ++j) {
    Packet<T> a[P];
    unrolled<P>([&](auto p) LORICA_UNROLLED { a[p] = in::ploadu<Packet<T>>(turned + (j * P + p) * w); });
    unrolled<R>([&](auto r) LORICA_UNROLLED {
      const auto xr = in::pset1<Packet<T>>(x[r * stride + j]);
      unrolled<P>([&](auto p) LORICA_UNROLLED { sum[r * P + p] = in::pmadd(xr, a[p], sum[r * P + p]); });
    });
  }
  T out[R * P * w];
  unrolled<R * P>([&](auto s) LORICA_UNROLLED { in::pstoreu(out + s * w, sum[s]); });
  for (index_t r = 0; r < R; ++r) {
    const T* from = out + r * P * w;
    T* to = c.row(r);
    for (index_t l = 0; l < c.cols; ++l)
      to[l] = beta == T(0) ? alpha * from[l] : alpha * from[l] + beta * to[l];
  }
}
template <index_t P, class T>
void rows_of(MatrixRef<const T> x, const T* turned, T alpha, T beta, MatrixRef<T> c) {
  constexpr index_t R = tile_rows(P), grain = R * 8;
  parallel_ranges(x.rows, grain, [&](index_t first, index_t count) {
    index_t i = first;
    for (; i + R <= first + count; i += R)
      rows_tile<P, R>(x.row(i), x.stride, x.cols, turned, alpha, beta, c.slice(i, R));
    for (; i < first + count; ++i)
      rows_tile<P, 1>(x.row(i), x.stride, x.cols, turned, alpha, beta, c.slice(i, 1));
  });
}

/// sum[p][cols] += l^T x over some rows: C lanes of columns, P rows of the result.
template <index_t P, index_t C, class T>
void sum_tile(MatrixRef<const T> l, index_t p0, MatrixRef<const T> x, index_t j, T* sums, index_t stride) {
  namespace in = Eigen::internal;
  constexpr index_t w = lanes<T>;
  Packet<T> s[P * C];
  unrolled<P * C>([&](auto e)
                      LORICA_UNROLLED { s[e] = in::ploadu<Packet<T>>(sums + e / C * stride + e % C * w); });
  for (index_t i = 0; i < x.rows; ++i) {
    const T* xi = x.row(i) + j;
    const T* li = l.row(i) + p0;
    Packet<T> v[C];
    unrolled<C>([&](auto c) LORICA_UNROLLED { v[c] = in::ploadu<Packet<T>>(xi + c * w); });
    unrolled<P>([&](auto p) LORICA_UNROLLED {
      const auto lp = in::pset1<Packet<T>>(li[p]);
      unrolled<C>([&](auto c) LORICA_UNROLLED { s[p * C + c] = in::pmadd(lp, v[c], s[p * C + c]); });
    });
  }
  unrolled<P * C>([&](auto e) LORICA_UNROLLED { in::pstoreu(sums + e / C * stride + e % C * w, s[e]); });
}
/// All rows of the result, four at a time.
template <index_t C, class T>
void sum_columns(MatrixRef<const T> l, MatrixRef<const T> x, index_t j, T* sums, index_t stride) {
  index_t p = 0;
  for (; p + 4 <= l.cols; p += 4) sum_tile<4, C>(l, p, x, j, sums + p * stride, stride);
  for (; p < l.cols; ++p) sum_tile<1, C>(l, p, x, j, sums + p * stride, stride);
}
}  // namespace detail

/// C [n, p] <- alpha X A^T + beta C       X [n, k], A [p, k], p <= most
template <class T> void by_rows(T alpha, MatrixRef<const T> x, MatrixRef<const T> a, T beta, MatrixRef<T> c) {
  constexpr index_t w = detail::lanes<T>;
  const index_t packets = (a.rows + w - 1) / w;
  std::vector<T> turned(static_cast<std::size_t>(a.cols * packets * w));
  for (index_t l = 0; l < a.rows; ++l)
    for (index_t j = 0; j < a.cols; ++j) turned[static_cast<std::size_t>(j * packets * w + l)] = a.row(l)[j];
  // Wider registers need fewer of them.
  constexpr index_t widest = 4;
  if (packets <= widest)
    return with_number<widest>(packets, [&](auto number) {
      detail::rows_of<decltype(number)::value>(x, turned.data(), alpha, beta, c);
    });
  // More registers than a tile has: a few directions at a time.
  const index_t part = widest * w;
  for (index_t first = 0; first < a.rows; first += part) {
    const index_t count = std::min(part, a.rows - first);
    by_rows(alpha, x, a.slice(first, count), beta, c.columns(first, count));
  }
}

/// C [p, k] <- alpha L^T X + beta C, or its transpose into C [k, p]       L [n, p], X [n, k], p <= most
template <class T>
void by_columns(T alpha, MatrixRef<const T> l, MatrixRef<const T> x, T beta, MatrixRef<T> c,
                bool transposed) {
  constexpr index_t w = detail::lanes<T>, wide = 3, rows_at_once = 16, columns = 32 * wide * w;
  parallel_ranges(x.cols, columns, [&](index_t first, index_t count) {
    const index_t padded = (count + w - 1) / w * w;
    std::vector<T> sums(static_cast<std::size_t>(l.cols * padded), T(0));
    for (index_t i = 0; i < x.rows; i += rows_at_once) {
      const index_t n = std::min(rows_at_once, x.rows - i);
      const auto li = l.slice(i, n), xi = x.slice(i, n);
      index_t j = 0;
      for (; j + wide * w <= count; j += wide * w)
        detail::sum_columns<wide>(li, xi, first + j, sums.data() + j, padded);
      for (; j + w <= count; j += w) detail::sum_columns<1>(li, xi, first + j, sums.data() + j, padded);
      for (; j < count; ++j)
        for (index_t p = 0; p < l.cols; ++p) {
          T s = sums[static_cast<std::size_t>(p * padded + j)];
          for (index_t r = 0; r < n; ++r) s += li.row(r)[p] * xi.row(r)[first + j];
          sums[static_cast<std::size_t>(p * padded + j)] = s;
        }
    }
    for (index_t p = 0; p < l.cols; ++p)
      for (index_t j = 0; j < count; ++j) {
        T& to = transposed ? c.row(first + j)[p] : c.row(p)[first + j];
        const T s = alpha * sums[static_cast<std::size_t>(p * padded + j)];
        to = beta == T(0) ? s : s + beta * to;
      }
  });
}

}  // namespace lorica::cpu::thin
