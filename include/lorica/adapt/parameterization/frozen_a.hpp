// SPDX-License-Identifier: MIT
/// @file lorica/adapt/parameterization/frozen_a.hpp
/// delta W = B A with A frozen        LoRA-FA, Zhang et al. 2023
#pragma once

#include <lorica/adapt/parameterization/low_rank.hpp>
#include <lorica/core/decompose.hpp>

namespace lorica::adapt {

/// The factors, the start and the file of LowRank, but A never trains: no gradient of A is computed, and x is
/// not kept for it, so a site saves [n, r] instead of [n, k]. `precondition`: before the optimiser, g <- g (A
/// A^T + damping I)^-1 / s^2, the update of B whose change of W is nearest to the full gradient's; off by
/// default, where Hugging Face PEFT's LoraFAOptimizer always does it.
struct FrozenA : LowRank {
  struct config {
    double gain = 1;
    bool precondition = false;
    double damping = 1e-8;  // PEFT's
    friend bool operator==(const config&, const config&) = default;
  };
  template <Backend B>
  static factors<B> make(B& b, const SiteInfo& s, const config& c, index_t rank, Seed seed) {
    return LowRank::make(b, s, {.gain = c.gain}, rank, seed);
  }
  template <Backend B> static Var<B> apply(factors<B>& f, const Var<B>& x) {
    return matmul_nt<typename B::scalar>(down(f, x), x.tape().leaf(f.b));
  }
  template <Backend B> static Var<B> add_to(factors<B>& f, const Var<B>& x, Var<B> y, double s) {
    const auto u = down(f, x);
    return add_product(std::move(y), u, x.tape().leaf(f.b), s);
  }
  using says_term = FrozenA;
  template <Backend B> static LowRankTerm<B> term(Tape<B>& t, factors<B>& f, double s) {
    return {{{a_on(t, f), t.leaf(f.b), {}}}, s};
  }
  template <Backend B> static MasterVar<B> a_on(Tape<B>& t, factors<B>& f) { return t.constant(f.a.value); }
  template <Backend B> static double rate(const Parameter<B>& p) { return p.name.ends_with(".A") ? 0 : 1; }

  /// B's gradient, if the option is on. r^2 (k + m) operations.
  template <Backend B> static void precondition(B& b, const config& c, factors<B>& f, double scale) {
    using M = typename B::master;
    if (!c.precondition || f.b.grad.empty()) return;
    const index_t r = f.a.rows();
    MasterTensor<B> core(b, r, r);
    b.gemm(Trans::no, Trans::yes, M(1), f.a.value.cref(), f.a.value.cref(), M(0), core.ref());
    HostMatrix g(r, r, core.template host<double>(b));
    for (index_t i = 0; i < r; ++i) g(i, i) += c.damping;
    const MasterTensor<B> inverse(b, r, r, host::spd_inverse(std::move(g)).values);
    MasterTensor<B> out(b, f.b.rows(), r);
    b.gemm(Trans::no, Trans::no, M(1 / (scale * scale)), f.b.grad.cref(), inverse.cref(), M(0), out.ref());
    b.copy(out.cref().data, f.b.grad.data(), out.size());
  }

 private:
  template <Backend B> static MasterVar<B> down(factors<B>& f, const Var<B>& x) {
    return matmul_nt<typename B::master>(x, a_on(x.tape(), f));
  }
};

}  // namespace lorica::adapt
