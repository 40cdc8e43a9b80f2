// SPDX-License-Identifier: MIT
/// @file lorica/adapt/adapter/additive.hpp
/// y + s drop(x) delta W^T: LoRA, rsLoRA, LoRA-FA, PiSSA, OLoRA, AdaLoRA, by their parameterization, scaling
/// and start.
#pragma once

#include <lorica/adapt/adapter/concept.hpp>
#include <lorica/adapt/adapter/scaling.hpp>
#include <lorica/adapt/adapter/update.hpp>
#include <lorica/adapt/parameterization/frozen_a.hpp>
#include <lorica/adapt/parameterization/svd.hpp>

namespace lorica::adapt {

template <class P, class S, class Start> struct Additive {
  static_assert(Scaling<S>,
                "lorica: Additive: the scaling must be a function of the rank. See docs/concepts.md.");
  static constexpr const char* name = "additive";
  using parameterization = P;
  typename P::config shape = {};
  S scaling = {};
  double dropout = 0;  // of x, on the adapter's path only
  Start start = {};

  template <Backend B> using state = Update<P, Start, B>;

  template <Backend B>
  state<B> make(B& b, const SiteInfo& s, const WeightView<B>& w, index_t rank, Seed seed) const {
    return state<B>::begin(b, shape, start, s, w, rank, scaling(rank), seed);
  }
  template <Backend B> Var<B> visit(state<B>& st, const SiteCall<B>& c) const {
    if (!st.draw || dropout == 0) return st.add_to(c.x, std::move(c.y));
    const Var<B> x = st.dropped(c.x, dropout, c.site);
    return st.add_kept_start(c.x, x, st.add_to(x, std::move(c.y)));
  }
  /// What visit() adds, where it is one product: the site may then be one operation.
  using says_term = Additive;
  template <Backend B> std::optional<LowRankTerm<B>> low_rank(Tape<B>& t, state<B>& st) const {
    if constexpr (!detail::is_residual<Start> && detail::says_term<P>)
      if (!st.draw || dropout == 0) return P::term(t, st.factors, st.scale);
    return std::nullopt;
  }
  template <Backend B, class F> void for_each(state<B>& st, F visit) const {
    P::for_each(st.factors, [&](const Factor<B>& f) { visit(*f.parameter); });
  }
  template <Backend B> double rate(const Parameter<B>& p) const { return factor_rate<P>(p); }
  template <Backend B> void precondition(B& b, state<B>& st) const requires(Preconditioned<P, B>) {
    P::precondition(b, shape, st.factors, st.scale);
  }
  template <Backend B> void phase(state<B>& st, std::optional<std::uint64_t> draw) const { st.draw = draw; }
};

}  // namespace lorica::adapt
