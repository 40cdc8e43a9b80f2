// SPDX-License-Identifier: MIT
/// @file lorica/adapt/orthogonality.hpp
/// How far the directions of a factor are from orthonormal, as a loss.
#pragma once

#include <lorica/adapt/parameterization/concept.hpp>

namespace lorica::adapt {

namespace detail {
template <class M> struct SubtractIdentity {
  MatrixRef<M> g;
  LORICA_HD void operator()(index_t i) const { g.row(i)[i] -= M(1); }
};
}  // namespace detail

/// |M M^T - I|_F with M the factor, its directions as rows                        [1, 1]
/// The authors' AdaLoRA code: not squared, as eq. (4) of the paper has it. The gradient 2 (M M^T - I) M / |M
/// M^T - I|_F is 0 where the norm is 0. Keeps the r x r core.
template <Backend B> MasterVar<B> orthogonality(const MasterVar<B>& m, Along along) {
  using M = typename B::master;
  B& b = m.backend();
  const bool rows = along == Along::rows;
  const index_t r = rows ? m.rows() : m.cols();
  MasterTensor<B> core(b, r, r);
  b.gemm(rows ? Trans::no : Trans::yes, rows ? Trans::yes : Trans::no, M(1), m.value().cref(),
         m.value().cref(), M(0), core.ref());
  b.for_each_index(r, detail::SubtractIdentity<M>{core.ref()});
  const double norm = std::sqrt(b.sum_squares(core.cref().data, core.size()));
  MasterTensor<B> value(b, 1, 1, std::vector<double>{norm});
  auto kept = m.tape().keep(std::move(core));
  return m.tape().record(std::move(value), m.needs_grad(), [m, kept, norm, rows](const auto& dl) {
    if (norm == 0) return;
    B& be = m.backend();
    const double s = 2 * dl->template host<double>(be)[0] / norm;
    const auto dm = m.into();
    if (rows)
      be.gemm(Trans::no, Trans::no, M(s), kept->get().cref(), m.value().cref(), dm.beta(), dm.ref());
    else
      be.gemm(Trans::no, Trans::no, M(s), m.value().cref(), kept->get().cref(), dm.beta(), dm.ref());
  });
}

}  // namespace lorica::adapt
