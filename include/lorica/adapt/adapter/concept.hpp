// SPDX-License-Identifier: MIT
/// @file lorica/adapt/adapter/concept.hpp
/// What stands at a site: a parameterization, a scale, and what is done with y. A config shell; its state is
/// born when a backend is known.
#pragma once

#include <lorica/adapt/parameterization/concept.hpp>

#include <optional>

namespace lorica::adapt {

/// make: the state at one site, given a view of its weight. visit: what leaves the site. for_each: all that
/// trains. rate: the learning rate of a parameter as a multiple of the run's. Optional: phase(state, draw)
/// tells before each forward pass whether it trains (draw numbers the pass) or not (none); precondition,
/// low_rank and, to be saved, name: docs/concepts.md.
template <class A, class B>
concept Adapter = std::semiregular<A> && Parameterization<typename A::parameterization, B> &&
    std::movable<typename A::template state<B>> &&
    requires(const A& a, B& b, const SiteInfo& s, const WeightView<B>& w, index_t rank, Seed seed,
             typename A::template state<B>& st, const SiteCall<B>& call) {
  { a.make(b, s, w, rank, seed) } -> std::same_as<typename A::template state<B>>;
  { a.visit(st, call) } -> std::same_as<Var<B>>;
  { st.factors } -> std::same_as<typename A::parameterization::template factors<B>&>;
  a.for_each(st, archetype::Visitor<Parameter<B>>{});
  { a.rate(std::declval<const Parameter<B>&>()) } -> std::same_as<double>;
};

}  // namespace lorica::adapt
