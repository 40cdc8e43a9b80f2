// SPDX-License-Identifier: MIT
/// @file lorica/adapt/placement/concept.hpp
/// Where adapters stand, and with what rank. A placement is data, a rank for every site; a policy computes
/// it.
#pragma once

#include <lorica/adapt/score/concept.hpp>

#include <vector>

namespace lorica::adapt {

/// The rank at every site, by ordinal; 0 is none. The only place a rank is given.
struct Placement {
  std::vector<index_t> rank;
  std::vector<index_t> cost = {};  // parameters of one direction at every site, once adapters are made
};
/// What a dynamic placement wants done to directions: nothing; switch off those with score <= threshold; the
/// same ones again. `compact`: and then remove for good what is off.
struct Reallocation {
  enum Act { keep, cut, again } act = keep;
  double threshold = 0;
  bool compact = false;
};

/// `asks` says what of a score it needs (grain::none, site, direction). place: sites and their scores (empty
/// where none is asked) to a placement.
template <class P>
concept PlacementPolicy = std::semiregular<P> &&
    requires(const P& p, std::span<const SiteInfo> sites, std::span<const double> scores) {
  { P::asks } -> std::convertible_to<unsigned>;
  { p.place(sites, scores) } -> std::same_as<Placement>;
};
/// A placement that moves ranks while training. begin: total steps known, so it validates; listens: are
/// averages still moving?; reallocate: what to do after step t, seeing the scores of all directions, which
/// are computed when it asks.
template <class P>
concept DynamicPlacement = PlacementPolicy<P> && std::semiregular<typename P::state> &&
    requires(const P& p, typename P::state& st, const Placement& start, index_t step,
             archetype::Directions d) {
  { p.begin(start, step) } -> std::same_as<typename P::state>;
  { p.listens(st, step) } -> std::same_as<bool>;
  { p.reallocate(st, step, d) } -> std::same_as<Reallocation>;
};

}  // namespace lorica::adapt
