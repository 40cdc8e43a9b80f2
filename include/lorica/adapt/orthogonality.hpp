// SPDX-License-Identifier: MIT
/// @file lorica/adapt/orthogonality.hpp
/// How far the directions of a factor are from orthonormal, as a loss.
#pragma once

#include <lorica/adapt/parameterization/concept.hpp>
#include <lorica/autograd/loss_ops.hpp>

namespace lorica::adapt {

namespace detail {
/// One row: norm <- |G - I|_F, added up in double, and G <- (G - I) / norm, 0 where that is 0. By a block of
/// threads.                                                                        G [r, r]
template <class M> struct FromIdentity {
  MatrixRef<M> g;
  M* norm;
  LORICA_HD index_t cols() const { return g.rows * g.cols; }
  LORICA_HD void operator()(index_t) const {
    using std::sqrt;
    const index_t entries = cols(), threads = block::threads();
    double squares = 0;
    for (index_t at = block::thread(); at < entries; at += threads) {
      const index_t i = at / g.cols, j = at % g.cols;
      if (i == j) g.row(i)[j] -= M(1);
      squares += double(g.row(i)[j]) * double(g.row(i)[j]);
    }
    const double length = sqrt(block::over_all(squares, lorica::detail::Plus{}));
    if (block::thread() == 0) *norm = M(length);
    if (length == 0) return;
    for (index_t at = block::thread(); at < entries; at += threads)
      g.row(at / g.cols)[at % g.cols] = M(double(g.row(at / g.cols)[at % g.cols]) / length);
  }
};
}  // namespace detail

/// |M M^T - I|_F with M the factor, its directions as rows                        [1, 1]
/// The authors' AdaLoRA code: not squared, as eq. (4) of the paper has it. The gradient 2 (M M^T - I) M / |M
/// M^T - I|_F is 0 where the norm is 0. Keeps (M M^T - I) / |M M^T - I|_F, r x r.
template <Backend B> MasterVar<B> orthogonality(const MasterVar<B>& m, Along along) {
  using M = typename B::master;
  B& b = m.backend();
  const bool rows = along == Along::rows;
  const index_t r = rows ? m.rows() : m.cols();
  MasterTensor<B> core(b, r, r), norm(b, 1, 1);
  b.gemm(rows ? Trans::no : Trans::yes, rows ? Trans::yes : Trans::no, M(1), m.value().cref(),
         m.value().cref(), M(0), core.ref());
  b.for_rows(1, detail::FromIdentity<M>{core.ref(), norm.data()});
  auto kept = m.tape().keep(std::move(core));
  return m.tape().record(std::move(norm), m.needs_grad(), [m, kept, rows](const auto& dl) {
    B& be = m.backend();
    const MasterTensor<B>& unit = kept->get();
    MasterTensor<B> scaled(be, unit.rows(), unit.cols());
    be.map(scaled.size(), fn::ScaleBy<M>{dl->data(), M(2)}, scaled.data(), unit.data());
    const auto dm = m.into();
    const auto g = std::as_const(scaled).cref();
    if (rows)
      be.gemm(Trans::no, Trans::no, M(1), g, m.value().cref(), dm.beta(), dm.ref());
    else
      be.gemm(Trans::no, Trans::no, M(1), m.value().cref(), g, dm.beta(), dm.ref());
  });
}

}  // namespace lorica::adapt
