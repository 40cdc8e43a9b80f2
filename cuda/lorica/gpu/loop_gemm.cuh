// SPDX-License-Identifier: MIT
/// @file lorica/gpu/loop_gemm.cuh
/// The one verb Thrust lacks, as one index for every c_ij: it runs wherever Thrust runs, takes any mixture of
/// types and any stride, and is the reference for faster policies.
#pragma once

#include <lorica/core/bf16.hpp>
#include <lorica/core/matrix.hpp>
#include <lorica/gpu/epilogue.cuh>
#include <lorica/gpu/launch.cuh>

#include <memory>
#include <utility>

namespace lorica::gpu {

namespace detail {

/// Index i * n + j: c_ij, summed in Wide over the depth. Strides of op(A) and op(B) by row (_i, _p) and
/// column.
template <class Wide, class TA, class TB, class TC> struct GemmElement {
  const TA* a;
  const TB* b;
  MatrixRef<TC> c;
  index_t depth, a_i, a_p, b_p, b_j;
  Wide alpha, beta;
  LORICA_HD void operator()(index_t index) const {
    const index_t i = index / c.cols, j = index % c.cols;
    Wide s = 0;
    for (index_t p = 0; p < depth; ++p)
      s += convert<Wide>(a[i * a_i + p * a_p]) * convert<Wide>(b[p * b_p + j * b_j]);
    s *= alpha;
    TC& out = c.row(i)[j];
    if (beta != Wide(0)) s += beta * convert<Wide>(out);
    out = convert<TC>(s);
  }
};

}  // namespace detail

/// A frozen weight stays as it is: one copy serves both directions.
struct IdentityPacking {
  static constexpr double pack_factor = 1.0;

  template <class T> struct packed {
    MatrixRef<const T> w;
    std::shared_ptr<const void> keep;
  };
  template <class T> static packed<T> pack(MatrixRef<const T> w, std::shared_ptr<const void> keep) {
    return {w, std::move(keep)};
  }
  template <class T> static MatrixRef<const T> unpacked(const packed<T>& p) { return p.w; }
};

/// The portable GEMM policy. Sums are taken in the widest of the types that meet.
struct LoopGemm : IdentityPacking {
  /// C <- alpha op(A) op(B) + beta C
  template <class S, class TA, class TB, class TC>
  void gemm(Trans ta, Trans tb, S alpha, MatrixRef<const TA> a, MatrixRef<const TB> b, S beta,
            MatrixRef<TC> c) const {
    using Wide = std::common_type_t<arithmetic_t<S>, arithmetic_t<TA>, arithmetic_t<TB>, arithmetic_t<TC>>;
    const bool na = ta == Trans::no, nb = tb == Trans::no;
    detail::for_each_index(
        c.size(), detail::GemmElement<Wide, TA, TB, TC>{
                      a.data, b.data, c, na ? a.cols : a.rows, na ? a.stride : 1, na ? 1 : a.stride,
                      nb ? b.stride : 1, nb ? 1 : b.stride, convert<Wide>(alpha), convert<Wide>(beta)});
  }
  /// Y <- X W^T + beta Y, and then.
  template <class S, class T>
  bool multiply_then(const Epilogue<S, T>& then, MatrixRef<const T> x, MatrixRef<const T> w, S beta,
                     MatrixRef<T> y) const {
    gemm(Trans::no, Trans::yes, S(1), x, w, beta, y);
    detail::for_each_index(y.size(), detail::AfterProduct<S, T>{then, y});
    return true;
  }
};

}  // namespace lorica::gpu
