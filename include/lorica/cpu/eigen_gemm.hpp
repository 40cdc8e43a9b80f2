// SPDX-License-Identifier: MIT
/// @file lorica/cpu/eigen_gemm.hpp
/// Products by Eigen, split over threads by us: rows (or columns) at fixed boundaries, one Eigen thread each, so that
/// the result does not depend on how many threads there are.
#pragma once

#include <lorica/core/bf16.hpp>
#include <lorica/core/matrix.hpp>
#include <lorica/cpu/parallel.hpp>

#if defined(__GNUC__) && !defined(__clang__)  // g++ 12 mistrusts the "undefined" registers of its own AVX-512 header
#  pragma GCC diagnostic push
#  pragma GCC diagnostic ignored "-Wuninitialized"
#  pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <Eigen/Core>
#if defined(__GNUC__) && !defined(__clang__)
#  pragma GCC diagnostic pop
#endif

#include <memory>

namespace lorica::cpu {

template <class T> using RowMajor = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class T>
using Map = Eigen::Map<std::conditional_t<std::is_const_v<T>, const RowMajor<std::remove_const_t<T>>, RowMajor<T>>, 0,
                       Eigen::OuterStride<>>;

template <class T>
Map<T> map_of(MatrixRef<T> m) { return {m.data, m.rows, m.cols, Eigen::OuterStride<>(m.stride)}; }

/// The GEMM policy that needs nothing but Eigen. Its packing is the identity: Eigen packs panels as it goes, and has no
/// interface for doing so once. One copy of the weight serves both directions.
struct EigenGemm {
  static constexpr double pack_factor = 1.0;

  template <class T>
  struct packed {
    MatrixRef<const T> w;
    std::shared_ptr<const void> keep;
  };
  template <class T>
  static packed<T> pack(MatrixRef<const T> w, std::shared_ptr<const void> keep) { return {w, std::move(keep)}; }
  template <class T>
  static MatrixRef<const T> unpacked(const packed<T>& p) { return p.w; }

  /// C <- alpha op(A) op(B) + beta C
  template <class S, class TA, class TB, class TC>
  static void gemm(Trans ta, Trans tb, S alpha, MatrixRef<const TA> a, MatrixRef<const TB> b, S beta, MatrixRef<TC> c) {
    const index_t depth = ta == Trans::no ? a.cols : a.rows;
    const auto part_of_a = [&](index_t first, index_t n) { return ta == Trans::no ? a.slice(first, n) : a.columns(first, n); };
    const auto part_of_b = [&](index_t first, index_t n) { return tb == Trans::no ? b.columns(first, n) : b.slice(first, n); };
    // Boundaries at multiples of Eigen's register block leave every element to the same kernel, however many pieces.
    constexpr index_t row_unit = 8, column_unit = 48;
    const index_t work = c.rows * c.cols * depth, most = threads();
    if (work < 100000) {  // below this Eigen does not thread by itself either
      product(ta, tb, alpha, a, b, beta, c);
    } else if (c.cols > c.rows && c.cols >= 2 * column_unit) {  // each thread packs all of the shorter operand
      split(c.cols, column_unit, most, [&](index_t first, index_t n) {
        product(ta, tb, alpha, a, part_of_b(first, n), beta, c.columns(first, n));
      });
    } else if (c.rows >= 2 * row_unit) {
      split(c.rows, row_unit, most, [&](index_t first, index_t n) {
        product(ta, tb, alpha, part_of_a(first, n), b, beta, c.slice(first, n));
      });
    } else {  // a tiny result of great depth: row by row, for Eigen would thread it, and then round otherwise
      split(c.rows, 1, c.rows, [&](index_t first, index_t n) {
        product(ta, tb, alpha, part_of_a(first, n), b, beta, c.slice(first, n));
      });
    }
  }

  /// Y <- X W^T + beta Y, or X W + beta Y
  template <class S, class T, class TY>
  static void multiply(MatrixRef<const T> x, const packed<T>& w, Trans t, S beta, MatrixRef<TY> y) {
    expects_shape("multiply", "X", x.shape(), {x.rows, t == Trans::yes ? w.w.cols : w.w.rows});
    expects_shape("multiply", "Y", y.shape(), {x.rows, t == Trans::yes ? w.w.rows : w.w.cols});
    gemm(Trans::no, t, S(1), x, w.w, beta, y);
  }

  /// One piece, in the calling thread. Defined below, and not inline: a program may compile it once (extern template).
  template <class S, class TA, class TB, class TC>
  static void product(Trans ta, Trans tb, S alpha, MatrixRef<const TA> a, MatrixRef<const TB> b, S beta, MatrixRef<TC> c);

 private:
  /// f(first, count) over 0 .. n in `pieces` parts whose boundaries are multiples of `unit`. None is shorter than that:
  /// a single row or column would go to Eigen's matrix-vector product, which adds in another order.
  template <class F>
  static void split(index_t n, index_t unit, index_t pieces, F f) {
    const index_t units = n / unit;
    if (pieces > units) pieces = units;
    parallel_for(pieces, false, [&](index_t i) {
      const index_t first = units * i / pieces * unit;
      const index_t last = i + 1 == pieces ? n : units * (i + 1) / pieces * unit;
      if (first < last) f(first, last - first);
    });
  }
  template <bool fresh, class C, class S, class X, class Y>
  static void accumulate(C& out, S alpha, const X& x, const Y& y) {
    using TX = typename X::Scalar;
    using TY = typename Y::Scalar;
    using TC = typename C::Scalar;
    if constexpr (std::is_same_v<TX, TY> && std::is_same_v<TX, TC>) {
      if constexpr (fresh) out.noalias() = static_cast<TC>(alpha) * x * y;
      else out.noalias() += static_cast<TC>(alpha) * x * y;
    } else {  // mixed: the product in the widest type; its operands are written out, so that there is one such product
      using Wide = std::common_type_t<TX, TY, TC>;
      const RowMajor<Wide> wx = x.template cast<Wide>(), wy = y.template cast<Wide>();
      RowMajor<Wide> wide(out.rows(), out.cols());
      wide.noalias() = static_cast<Wide>(alpha) * wx * wy;
      if constexpr (fresh) out = wide.template cast<TC>();
      else out += wide.template cast<TC>();
    }
  }
};

template <class S, class TA, class TB, class TC>
void EigenGemm::product(Trans ta, Trans tb, S alpha, MatrixRef<const TA> a, MatrixRef<const TB> b, S beta, MatrixRef<TC> c) {
  auto out = map_of(c);
  const auto write = [&](const auto& x, const auto& y) {
    if (beta == S(0)) {
      accumulate<true>(out, alpha, x, y);
    } else {
      if (beta != S(1)) out *= static_cast<TC>(beta);
      accumulate<false>(out, alpha, x, y);
    }
  };
  const auto x = map_of(a);
  const auto y = map_of(b);
  if (ta == Trans::no && tb == Trans::no) write(x, y);
  else if (ta == Trans::no) write(x, y.transpose());
  else if (tb == Trans::no) write(x.transpose(), y);
  else write(x.transpose(), y.transpose());
}

}  // namespace lorica::cpu
