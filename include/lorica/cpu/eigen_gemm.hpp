// SPDX-License-Identifier: MIT
/// @file lorica/cpu/eigen_gemm.hpp
/// Products by Eigen, split over threads by us: rows (or columns) at fixed boundaries, one Eigen thread each,
/// so that the result does not depend on how many threads there are.
#pragma once

#include <lorica/cpu/eigen.hpp>
#include <lorica/cpu/thin.hpp>

#include <memory>

namespace lorica::cpu {

/// The GEMM policy that needs nothing but Eigen. Its packing is the identity: Eigen packs panels as it goes,
/// and has no interface for doing so once. One copy of the weight serves both directions.
struct EigenGemm {
  static constexpr double pack_factor = 1.0;

  template <class T> struct packed {
    MatrixRef<const T> w;
    std::shared_ptr<const void> keep;
  };
  template <class T> static packed<T> pack(MatrixRef<const T> w, std::shared_ptr<const void> keep) {
    return {w, std::move(keep)};
  }
  template <class T> static MatrixRef<const T> unpacked(const packed<T>& p) { return p.w; }

  /// C <- alpha op(A) op(B) + beta C
  template <class S, class TA, class TB, class TC>
  static void gemm(Trans ta, Trans tb, S alpha, MatrixRef<const TA> a, MatrixRef<const TB> b, S beta,
                   MatrixRef<TC> c) {
    const index_t depth = ta == Trans::no ? a.cols : a.rows;
    const auto part_of_a = [&](index_t first, index_t n) {
      return ta == Trans::no ? a.slice(first, n) : a.columns(first, n);
    };
    const auto part_of_b = [&](index_t first, index_t n) {
      return tb == Trans::no ? b.columns(first, n) : b.slice(first, n);
    };
    // Boundaries at multiples of Eigen's register block leave every element to the same kernel, however many
    // pieces.
    constexpr index_t row_unit = 8, column_unit = 48;
    const index_t work = c.rows * c.cols * depth, most = threads();
    if constexpr (std::is_same_v<TA, TB> && std::is_same_v<TA, TC> && !std::is_same_v<TA, bf16>)
      if (thin_product(ta, tb, static_cast<TC>(alpha), a, b, static_cast<TC>(beta), c)) return;
    if (work < 100000) {  // a parallel region would cost more than it saves
      product(ta, tb, alpha, a, b, beta, c);
    } else if (c.cols > c.rows &&
               c.cols >= 2 * column_unit) {  // each thread packs all of the shorter operand
      split(c.cols, column_unit, most, [&](index_t first, index_t n) {
        product(ta, tb, alpha, a, part_of_b(first, n), beta, c.columns(first, n));
      });
    } else {
      split(c.rows, row_unit, most, [&](index_t first, index_t n) {
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

  /// A product one side of which is as thin as a rank; false where it is not, and nothing is done.
  template <class T>
  static bool thin_product(Trans ta, Trans tb, T alpha, MatrixRef<const T> a, MatrixRef<const T> b, T beta,
                           MatrixRef<T> c) {
    const index_t depth = ta == Trans::no ? a.cols : a.rows;
    if (depth < thin::least_depth || c.size() == 0) return false;
    if (ta == Trans::no && tb == Trans::yes &&
        c.cols <= thin::most)  // whatever the rows: one says the same among others
      thin::by_rows(alpha, a, b, beta, c);
    else if (ta == Trans::yes && tb == Trans::no && c.rows <= thin::most && c.cols >= thin::least_depth)
      thin::by_columns(alpha, a, b, beta, c, false);
    else if (ta == Trans::yes && tb == Trans::no && c.cols <= thin::most && c.rows >= thin::least_depth)
      thin::by_columns(alpha, b, a, beta, c, true);
    else
      return false;
    return true;
  }

  /// One piece, in the calling thread. Defined below, and not inline: a program may compile it once (extern
  /// template).
  template <class S, class TA, class TB, class TC>
  static void product(Trans ta, Trans tb, S alpha, MatrixRef<const TA> a, MatrixRef<const TB> b, S beta,
                      MatrixRef<TC> c);

 private:
  /// f(first, count) over 0 .. n in at most `pieces` parts whose boundaries are multiples of `unit`.
  template <class F> static void split(index_t n, index_t unit, index_t pieces, F f) {
    const index_t units = n / unit;
    if (pieces > units) pieces = units > 0 ? units : 1;
    parallel_for(pieces, false, [&](index_t i) {
      const index_t first = units * i / pieces * unit;
      const index_t last = i + 1 == pieces ? n : units * (i + 1) / pieces * unit;
      if (first < last) f(first, last - first);
    });
  }
  /// C <- C + alpha op(A) op(B), none of them empty; an order says how op(A) and op(B) lie in memory.
  /// The blocked product that Eigen's operators end in. Called by its own name: through the operators a
  /// program also compiles Eigen's products for vectors and for tiny matrices (eight times the time), which
  /// add in another order.
  template <int OrderA, int OrderB, class T>
  static void add(index_t depth, T alpha, MatrixRef<const T> a, MatrixRef<const T> b, MatrixRef<T> c) {
    using Index = Eigen::Index;
    constexpr int any = Eigen::Dynamic;
    Eigen::internal::gemm_blocking_space<Eigen::RowMajor, T, T, any, any, any> blocking(c.rows, c.cols, depth,
                                                                                        1, true);
    Eigen::internal::general_matrix_matrix_product<Index, T, OrderA, false, T, OrderB, false, Eigen::RowMajor,
                                                   1>::run(c.rows, c.cols, depth, a.data, a.stride, b.data,
                                                           b.stride, c.data, 1, c.stride, alpha, blocking,
                                                           nullptr);
  }
};

template <class S, class TA, class TB, class TC>
void EigenGemm::product(Trans ta, Trans tb, S alpha, MatrixRef<const TA> a, MatrixRef<const TB> b, S beta,
                        MatrixRef<TC> c) {
  constexpr int by_rows = Eigen::RowMajor, by_columns = Eigen::ColMajor;
  const index_t depth = ta == Trans::no ? a.cols : a.rows;
  auto out = map_of(c);
  if (beta == S(0))
    out.setZero();
  else if (beta != S(1))
    out *= static_cast<TC>(beta);
  if (c.size() == 0 || depth == 0) return;
  if constexpr (std::is_same_v<TA, TB> && std::is_same_v<TA, TC>) {
    const auto s = static_cast<TC>(alpha);
    if (ta == Trans::no && tb == Trans::no)
      add<by_rows, by_rows>(depth, s, a, b, c);
    else if (ta == Trans::no)
      add<by_rows, by_columns>(depth, s, a, b, c);
    else if (tb == Trans::no)
      add<by_columns, by_rows>(depth, s, a, b, c);
    else
      add<by_columns, by_columns>(depth, s, a, b, c);
  } else {  // mixed: the product in the widest type
    using Wide = std::common_type_t<TA, TB, TC>;
    const auto ref = [](auto& m) { return MatrixRef(m.data(), m.rows(), m.cols()); };
    const RowMajor<Wide> wide_a = map_of(a).template cast<Wide>(), wide_b = map_of(b).template cast<Wide>();
    RowMajor<Wide> wide(c.rows, c.cols);
    product(ta, tb, static_cast<Wide>(alpha), ref(wide_a), ref(wide_b), Wide(0), ref(wide));
    out += wide.template cast<TC>();
  }
}

}  // namespace lorica::cpu
