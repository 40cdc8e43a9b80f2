// SPDX-License-Identifier: MIT
/// @file lorica/adapt/adapter/additive.hpp
/// y + s drop(x) delta W^T: LoRA, rsLoRA, AdaLoRA, by their parameterization and scaling.
#pragma once

#include <lorica/adapt/adapter/concept.hpp>
#include <lorica/adapt/adapter/scaling.hpp>
#include <lorica/adapt/parameterization/low_rank.hpp>
#include <lorica/adapt/parameterization/svd.hpp>
#include <lorica/autograd/elementwise_ops.hpp>

namespace lorica::adapt {

template <class P, class S> struct Additive {
  static_assert(Scaling<S>,
                "lorica: Additive: the scaling must be a function of the rank. See docs/concepts.md.");
  using parameterization = P;
  typename P::config shape = {};
  S scaling = {};
  double dropout = 0;  // of x, on the adapter's path only

  template <Backend B> struct state {
    typename P::template factors<B> factors;
    double scale = 1;
    Seed seed = 0;
    std::optional<std::uint64_t> draw = {};  // which dropout mask; none outside training
  };

  template <Backend B>
  state<B> make(B& b, const SiteInfo& s, const WeightView<B>&, index_t rank, Seed seed) const {
    return {P::make(b, s, shape, rank, seed), scaling(rank), seed, {}};
  }
  template <Backend B> Var<B> visit(state<B>& st, const SiteCall<B>& c) const {
    const Var<B> x =
        st.draw ? lorica::dropout(c.x, dropout, Stream(st.seed, "adapter dropout", c.site.path, *st.draw))
                : c.x;
    if constexpr (requires { P::add_to(st.factors, x, c.y, st.scale); })
      return P::add_to(st.factors, x, std::move(c.y), st.scale);
    else
      return add(std::move(c.y), lorica::scale(P::apply(st.factors, x), st.scale));
  }
  template <Backend B, class F> void for_each(state<B>& st, F visit) const {
    P::for_each(st.factors, [&](const Factor<B>& f) { visit(*f.parameter); });
  }
  template <Backend B> double rate(const Parameter<B>&) const { return 1; }
  template <Backend B> void phase(state<B>& st, std::optional<std::uint64_t> draw) const { st.draw = draw; }
};

}  // namespace lorica::adapt
