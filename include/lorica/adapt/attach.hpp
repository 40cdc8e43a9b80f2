// SPDX-License-Identifier: MIT
/// @file lorica/adapt/attach.hpp
/// From a model and a method to adapters. The model is not touched.
#pragma once

#include <lorica/adapt/adapted.hpp>
#include <lorica/adapt/probe.hpp>

namespace lorica::adapt {

/// With scores, for a placement that asks for what sites are worth.
template <Backend B, class Model, class M>
Adapted<B, M> attach(B& b, const Model& model, M method, const SiteScores& scores, Seed seed = 0) {
  const auto sites = sites_of(model);
  Placement placement = method.placement.place(sites, scores.values);
  return Adapted<B, M>(b, model, std::move(method), std::move(placement), seed);
}
/// Without.
template <Backend B, class Model, class M>
Adapted<B, M> attach(B& b, const Model& model, M method, Seed seed = 0) {
  static_assert(
      (M::placement_type::asks & grain::site) == 0,
      "lorica: attach: this method places by site score: probe first, then attach(b, model, method, scores). See "
      "docs/concepts.md#placement.");
  return attach(b, model, std::move(method), SiteScores{}, seed);
}
/// At the placement of a file or of a hand.
template <Backend B, class Model, class M>
Adapted<B, M> attach_at(B& b, const Model& model, M method, Placement placement, Seed seed = 0) {
  return Adapted<B, M>(b, model, std::move(method), std::move(placement), seed);
}

}  // namespace lorica::adapt
