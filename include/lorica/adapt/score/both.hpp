// SPDX-License-Identifier: MIT
/// @file lorica/adapt/score/both.hpp
/// Two grains of score at once, for a placement that asks for both: a budget that starts where PAGE says.
#pragma once

#include <lorica/adapt/score/elements.hpp>
#include <lorica/fwd.hpp>

#include <utility>

namespace lorica::adapt {

template <class Site, class Direction> struct Both {
  static_assert(
      DirectionScore<Direction>,
      "lorica: Both: the second score must model adapt::DirectionScore. See docs/concepts.md#score.");
  using state = typename Site::state;
  static constexpr int memory = Direction::memory;
  static constexpr bool silencer_only = detail::silencer_only<Direction>();
  Site site = {};
  Direction direction = {};

  template <Backend B> void observe(state& st, const SiteGradient<B>& o) const { site.observe(st, o); }
  double value(const state& st) const { return site.value(st); }
  double beside(const state& st) const requires(requires { site.beside(st); }) { return site.beside(st); }
  template <class T> LORICA_HD void observe(T w, T g, Cells<T> m, index_t t) const {
    direction.observe(w, g, m, t);
  }
  template <class T> LORICA_HD T value(Cells<const T> m, index_t t) const { return direction.value(m, t); }
};

}  // namespace lorica::adapt
