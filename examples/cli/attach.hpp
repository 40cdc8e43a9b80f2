// SPDX-License-Identifier: MIT
// From a chosen method to adapters on a model. Two halves, so that no one file compiles all of them.
#pragma once

#include "any_adapted.hpp"
#include "controls.hpp"

#include <lorica/adapt/parameterization/exact_svd.hpp>
#include <lorica/adapt/placement/proportional.hpp>
#include <lorica/nn/models/any.hpp>

namespace lorica::cli {

/// Adapters whose ranks stay.
template <Backend B>
AnyAdapted<B> attach_fixed(B& b, const nn::AnyModel<B>& model, const Choice& c, Adapter kind,
                           const adapt::Placement& at);
/// Adapters under a budget.
template <Backend B>
AnyAdapted<B> attach_moving(B& b, const nn::AnyModel<B>& model, const Choice& c, Adapter kind, Score score,
                            const adapt::Placement& at);

namespace detail {

template <Backend B, class M>
AnyAdapted<B> made(B& b, const nn::AnyModel<B>& model, M method, const Choice& c,
                   const adapt::Placement& at) {
  return AnyAdapted<B>(adapt::attach_at(b, model, std::move(method), at, c.seed));
}

}  // namespace detail

template <Backend B>
AnyAdapted<B> attach_fixed(B& b, const nn::AnyModel<B>& model, const Choice& c, Adapter kind,
                           const adapt::Placement& at) {
  using namespace adapt;
  const auto with = [&](auto adapter) {
    return detail::made(b, model, Method<decltype(adapter)>{adapter}, c, at);
  };
  const AlphaOverRank scaling{c.alpha};
  switch (kind) {
    case Adapter::rslora:
      return with(Additive<LowRank, AlphaOverSqrtRank>{{}, {c.alpha}, c.dropout});
    case Adapter::svd:
      return with(
          Additive<Svd, AlphaOverRankPlusEps>{{.orthogonality = c.orthogonality}, {c.alpha}, c.dropout});
    case Adapter::dora:
      return with(Dora<>{{}, scaling, c.dropout});
    case Adapter::pissa:
      return with(Additive<LowRank, AlphaOverRank, Pissa>{{}, scaling, c.dropout});
    case Adapter::olora:
      return with(Additive<LowRank, AlphaOverRank, Olora>{{}, scaling, c.dropout});
    case Adapter::gaussian:
      return with(Additive<LowRank, AlphaOverRank, Gaussian>{{}, scaling, c.dropout});
    case Adapter::orthogonal:
      return with(Additive<LowRank, AlphaOverRank, Orthogonal>{{}, scaling, c.dropout});
    case Adapter::plus:
      return with(Plus<Additive<>>{{{}, scaling, c.dropout}, c.ratio});
    case Adapter::frozen_a:
      return with(Additive<FrozenA>{{}, scaling, c.dropout});
    case Adapter::bias:
      return detail::made(b, model, Method<BiasOnly>{}, c,
                          with_ranks(model, at, [](const SiteInfo&) { return index_t{1}; }));
    case Adapter::whole:
      return detail::made(b, model, Method<Additive<Whole, Unscaled>>{{{}, {}, c.dropout}}, c,
                          with_ranks(model, at, [](const SiteInfo& s) { return std::min(s.in, s.out); }));
    default:
      return with(Additive<>{{}, scaling, c.dropout});
  }
}

template <Backend B>
AnyAdapted<B> attach_moving(B& b, const nn::AnyModel<B>& model, const Choice& c, Adapter kind, Score score,
                            const adapt::Placement& at) {
  using namespace adapt;
  Target target = c.target;
  if (target.per_matrix == 0 && target.total == 0 && target.parameters == 0)
    target.per_matrix = std::max(index_t{1}, 2 * c.rank / 3);
  const Budget<> budget{.start = {},
                        .target = target,
                        .tinit = c.tinit,
                        .tfinal = c.tfinal,
                        .interval = c.interval,
                        .compact = c.compact};
  const auto with = [&](auto adapter, auto s) {
    return detail::made(b, model, Method<decltype(adapter), decltype(s), Budget<>>{adapter, s, budget}, c,
                        at);
  };
  if (kind == Adapter::exact_svd)
    return with(Additive<ExactSvd>{{}, {c.alpha}, c.dropout}, Raw<SpectrumMagnitude>{});
  if (kind == Adapter::lora) return with(Additive<>{{}, {c.alpha}, c.dropout}, Smoothed<Sensitivity>{});
  const Additive<Svd, AlphaOverRankPlusEps> triplets{
      {.orthogonality = c.orthogonality}, {c.alpha}, c.dropout};
  switch (score) {
    case Score::movement:
      return with(triplets, Smoothed<Movement>{});
    case Score::fisher:
      return with(triplets, Smoothed<Fisher>{});
    case Score::fisher_mean:
      return with(triplets, Averaged<Fisher>{});
    case Score::gsnr:
      return with(triplets, Smoothed<Gsnr>{});
    case Score::gsnr_raw:
      return with(triplets, Raw<Gsnr>{});
    case Score::magnitude:
      return with(triplets, Smoothed<Magnitude>{});
    case Score::spectrum:
      return with(triplets, Raw<SpectrumMagnitude>{});
    default:
      return with(triplets, Smoothed<Sensitivity>{});
  }
}

}  // namespace lorica::cli
