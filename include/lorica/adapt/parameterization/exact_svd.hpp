// SPDX-License-Identifier: MIT
/// @file lorica/adapt/parameterization/exact_svd.hpp
/// delta W = B A, turned onto its singular directions whenever a budget looks: the control against which
/// P diag(lambda) Q is measured, which is trained to stay close to that form instead of being computed anew.
///   Zhang et al. 2023, section 3.1, on the cost of a direct SVD
#pragma once

#include <lorica/adapt/parameterization/low_rank.hpp>
#include <lorica/core/decompose.hpp>

namespace lorica::adapt {

/// Trains as LowRank. Directions are scored by their singular values: pair it with Raw<SpectrumMagnitude>.
/// The optimiser's moments start anew where the factors were turned (our choice: they are of other entries).
struct ExactSvd : LowRank {
  using says_term = ExactSvd;
  /// B A stays what it is to rounding; rows of A become orthonormal, column i of B is u_i s_i, s falling.
  /// values [1, r] are the singular values. QR of both factors and an r x r core, on the host in double:
  /// 4 (k + m) r^2 operations and a little.
  template <Backend B> static void diagonalize(B& b, factors<B>& f, MasterTensor<B>& values) {
    const index_t r = f.a.rows(), k = f.a.cols(), m = f.b.rows();
    const auto right = host::qr(host::transposed({r, k, f.a.value.template host<double>(b)}), r);
    const auto left = host::qr({m, r, f.b.value.template host<double>(b)}, r);
    auto core = host::jacobi_svd(host::product_nt(left.r, right.r));
    complete(core);
    const auto a = host::product_nt(core.v, right.q);
    for (index_t i = 0; i < r; ++i)
      for (index_t j = 0; j < r; ++j) core.u(i, j) *= core.s[static_cast<std::size_t>(i)];
    const auto bs = host::product_nt(left.q, core.u);
    f.a.value = MasterTensor<B>(b, r, k, a.values);
    f.b.value = MasterTensor<B>(b, m, r, bs.values);
    values = MasterTensor<B>(b, 1, r, core.s);
  }

 private:
  /// A direction that B does not use yet has no v_i; it gets one, so that it may learn.
  static void complete(host::SingularTriplets& t) {
    if (t.s.back() > 0) return;
    const auto q = host::transposed(host::qr(host::transposed(t.v), t.v.rows).q);
    for (index_t i = 0; i < t.v.rows; ++i)
      if (!(t.s[static_cast<std::size_t>(i)] > 0)) std::copy_n(q.row(i), t.v.cols, t.v.row(i));
  }
};

}  // namespace lorica::adapt
