// SPDX-License-Identifier: MIT
/// @file lorica/adapt/method.hpp
/// The four axes joined. A method is a value: no backend, no state.
#pragma once

#include <lorica/adapt/adapter/additive.hpp>
#include <lorica/adapt/adapter/dora.hpp>
#include <lorica/adapt/adapter/plus.hpp>
#include <lorica/adapt/parameterization/exact_svd.hpp>
#include <lorica/adapt/placement/budget.hpp>
#include <lorica/adapt/placement/dominant.hpp>
#include <lorica/adapt/placement/proportional.hpp>
#include <lorica/adapt/placement/uniform.hpp>
#include <lorica/adapt/score/both.hpp>
#include <lorica/adapt/score/estimators.hpp>
#include <lorica/adapt/score/page.hpp>

namespace lorica::adapt {

namespace detail {
/// What a score answers. A site score is known by its state, a direction score by its memory; one may be
/// both.
template <class S> constexpr unsigned offers() {
  unsigned g = grain::none;
  if constexpr (DirectionScore<S>) g |= grain::direction;
  if constexpr (requires { typename S::state; }) g |= grain::site;
  return g;
}
/// Whether an adapter starts with B A not 0.
template <class A> constexpr bool starts_inside_w() {
  if constexpr (requires { decltype(A::start)::residual; })
    return decltype(A::start)::residual;
  else
    return false;
}
}  // namespace detail

/// What stands at a site (the parameterization is the adapter's), what it is worth, and where it goes.
template <class A, class S, class P> struct Method {
  static_assert(
      PlacementPolicy<P>,
      "lorica: Method: the third argument must model adapt::PlacementPolicy (a semiregular type with asks and a "
      "place(sites, scores)). See docs/concepts.md#placement.");
  static_assert(
      (P::asks & ~detail::offers<S>()) == 0,
      "lorica: Method<Adapter, ScoreFunction, PlacementPolicy>: the placement asks for a score that is not given: a "
      "placement by site needs a SiteScore such as Page, one by direction a DirectionScore. See docs/concepts.md#placement.");
  static_assert(
      !(DynamicPlacement<P> && detail::starts_inside_w<A>()),
      "lorica: Method: a budget cannot move ranks of an adapter that starts with a part of W in it (Pissa, Olora): "
      "cutting a direction would cut W. See docs/methods.");
  using adapter_type = A;
  using score_type = S;
  using placement_type = P;
  A adapter = {};
  S score = {};
  P placement = {};
};

}  // namespace lorica::adapt
