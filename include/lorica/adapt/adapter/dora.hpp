// SPDX-License-Identifier: MIT
/// @file lorica/adapt/adapter/dora.hpp
/// Magnitude and direction apart        DoRA, Liu et al. 2024, eq. (5)
#pragma once

#include <lorica/adapt/adapter/concept.hpp>
#include <lorica/adapt/adapter/row_norms.hpp>
#include <lorica/adapt/adapter/scaling.hpp>

namespace lorica::adapt {

namespace detail {
/// m_j / n_j; 0 where the norm is 0.
struct Ratio {
  template <class V> LORICA_HD V operator()(V m, V n) const { return n > V(0) ? m / n : V(0); }
};
/// m / n                         [1, m], n held constant
template <Backend B> MasterVar<B> ratio(const MasterVar<B>& m, MasterTensor<B> n) {
  B& b = m.backend();
  MasterTensor<B> g(b, 1, m.cols());
  b.map(g.size(), Ratio{}, g.data(), m.value().data(), std::as_const(n).data());
  const auto kept = m.tape().keep(std::move(n));
  return m.tape().record(std::move(g), m.needs_grad(), [m = m.gradient_only(), kept](const auto& dg) {
    m.add_gradient(Ratio{}, *dg, kept->get());
  });
}
/// x W^T of a site once more, for another x. W gets no gradient from it.
template <Backend B> Var<B> through(const Var<B>& x, const WeightView<B>& w) {
  B& b = x.backend();
  return x.tape().record(w.product(b, x.value(), Trans::yes), x.needs_grad(),
                         [x = x.gradient_only(), w](const auto& dy) {
                           x.add_gradient(fn::Copy{}, w.product(x.backend(), *dy, Trans::no));
                         });
}
}  // namespace detail

/// m_i (W_i + s delta W_i) / |W_i + s delta W_i| x for every row i, with a trained magnitude m [1, m] that
/// starts at |W_i|: one number an out-feature, as in PEFT (the paper speaks of columns). The norm is a
/// constant of the backward pass, as section 4.3 of the paper proposes and PEFT does. What leaves the site is
/// without the bias, which is not turned. A row of norm 0 answers 0 (PEFT: not a number). W is taken to be
/// frozen.
/// Dropout as in PEFT: y + g (W + s delta W) drop(x) - W drop(x), g = m / norm: while it trains, the
/// product with W is made twice.
/// Costs beyond Additive: r k m for the norms, with no [m, k] scratch, and one more [n, m] kept for m.
template <class P, class S, class Start> struct Dora {
  static_assert(Scaling<S>,
                "lorica: Dora: the scaling must be a function of the rank. See docs/concepts.md.");
  static constexpr const char* name = "dora";
  using parameterization = P;
  typename P::config shape = {};
  S scaling = {};
  double dropout = 0;  // of x
  Start start = {};

  template <Backend B> struct state : Update<P, Start, B> {
    Parameter<B> magnitude;  // [1, m]
    MasterTensor<B> base;    // |W_i|, [1, m]
  };

  template <Backend B>
  state<B> make(B& b, const SiteInfo& s, const WeightView<B>& w, index_t rank, Seed seed) const {
    auto norms = w.row_norms(b);
    return {Update<P, Start, B>::begin(b, shape, start, s, w, rank, scaling(rank), seed),
            {s.path + ".magnitude", norms.clone(b), {}},
            std::move(norms)};
  }
  template <Backend B> Var<B> visit(state<B>& st, const SiteCall<B>& c) const {
    auto& t = c.x.tape();
    const auto g = detail::ratio<B>(t.leaf(st.magnitude), row_norms(t.backend(), st, st.base, c.weight));
    if (!st.draw || dropout == 0) return scale_columns(st.add_to(c.x, std::move(c.y)), g);
    const Var<B> x = st.dropped(c.x, dropout, c.site), base = detail::through(x, c.weight);
    const Var<B> turned = scale_columns(st.add_to(x, base), g);
    return st.add_kept_start(c.x, x, add(add(std::move(c.y), lorica::scale(base, -1.0)), turned));
  }
  template <Backend B, class F> void for_each(state<B>& st, F visit) const {
    P::for_each(st.factors, [&](const Factor<B>& f) { visit(*f.parameter); });
    visit(st.magnitude);
  }
  template <Backend B> double rate(const Parameter<B>& p) const { return factor_rate<P>(p); }
  template <Backend B> void precondition(B& b, state<B>& st) const requires(Preconditioned<P, B>) {
    P::precondition(b, shape, st.factors, st.scale);
  }
  template <Backend B> void phase(state<B>& st, std::optional<std::uint64_t> draw) const { st.draw = draw; }
};

}  // namespace lorica::adapt
