// SPDX-License-Identifier: MIT
/// @file lorica/adapt/method.hpp
/// The four axes joined. A method is a value: no backend, no state.
#pragma once

#include <lorica/adapt/adapter/additive.hpp>
#include <lorica/adapt/placement/dominant.hpp>
#include <lorica/adapt/placement/uniform.hpp>
#include <lorica/adapt/score/page.hpp>

namespace lorica::adapt {

namespace detail {
/// What a score answers. A site score is known by its state, a direction score by its memory; one may be both.
template <class S>
constexpr unsigned offers() {
  unsigned g = grain::none;
  if constexpr (DirectionScore<S>) g |= grain::direction;
  if constexpr (requires { typename S::state; }) g |= grain::site;
  return g;
}
}  // namespace detail

/// What stands at a site (the parameterization is the adapter's), what it is worth, and where it goes.
template <class A, class S = NoScore, PlacementPolicy P = Uniform>
struct Method {
  static_assert((P::asks & ~detail::offers<S>()) == 0,
                "lorica: Method<Adapter, ScoreFunction, PlacementPolicy>: the placement asks for a score that is not given: a "
                "placement by site needs a SiteScore such as Page, one by direction a DirectionScore. See docs/concepts.md#placement.");
  using adapter_type = A;
  using score_type = S;
  using placement_type = P;
  A adapter = {};
  S score = {};
  P placement = {};
};

/// LoRA: Hu et al. 2021
using Lora = Method<Additive<LowRank, AlphaOverRank>>;
/// rsLoRA: Kalajdzievski 2023
using RsLora = Method<Additive<LowRank, AlphaOverSqrtRank>>;
/// AdaLoRA's P diag(lambda) Q without its budget: Zhang et al. 2023
using SvdLora = Method<Additive<Svd, AlphaOverRankPlusEps>>;
/// DomLoRA, one adapter at the PAGE-dominant site: arXiv 2605.06183
template <class M = Lora> using DomLora = Method<typename M::adapter_type, Page, Dominant>;

}  // namespace lorica::adapt
