// SPDX-License-Identifier: MIT
/// @file lorica/adapt/score/estimators.hpp
/// From what an entry is worth at each step to its score: how expectations are taken. An element score and an
/// estimator around it make a DirectionScore; the two are independent.
#pragma once

#include <lorica/adapt/score/elements.hpp>
#include <lorica/fwd.hpp>

namespace lorica::adapt {

/// This step only.      memory: one value an entry, and the element's own
template <class S> struct Raw {
  static_assert(
      ElementScore<S>,
      "lorica: Raw: the element must model adapt::ElementScore (memory, fold(w, g, cells, t)). See docs/concepts.md#score.");
  S element = {};
  static constexpr int memory = S::memory + 1;
  static constexpr bool silencer_only = detail::silencer_only<S>();
  template <class T> LORICA_HD void observe(T w, T g, Cells<T> m, index_t t) const {
    m[S::memory] = element.fold(w, g, m, t);
  }
  template <class T> LORICA_HD T value(Cells<const T> m, index_t) const { return m[S::memory]; }
};

/// A running average, without bias correction: a common factor cannot change a ranking.      memory: one
template <class S> struct Averaged {
  static_assert(
      ElementScore<S>,
      "lorica: Averaged: the element must model adapt::ElementScore (memory, fold(w, g, cells, t)). See docs/concepts.md#score.");
  S element = {};
  double beta = 0.85;
  static constexpr int memory = S::memory + 1;
  static constexpr bool silencer_only = detail::silencer_only<S>();
  template <class T> LORICA_HD void observe(T w, T g, Cells<T> m, index_t t) const {
    T& mean = m[S::memory];
    mean = T(beta) * mean + T(1 - beta) * element.fold(w, g, m, t);
  }
  template <class T> LORICA_HD T value(Cells<const T> m, index_t) const { return m[S::memory]; }
};

/// AdaLoRA's I U: the running average I of the element score times that of its distance from I.      memory:
/// two Zhang et al. 2023, eqs. (9) to (11), in the authors' order: U takes the new I, nothing is corrected
/// for the start at zero. In float the averages equal the authors' to the last bit where products are rounded
/// before they are added.
template <class S> struct Smoothed {
  static_assert(
      ElementScore<S>,
      "lorica: Smoothed: the element must model adapt::ElementScore (memory, fold(w, g, cells, t)). See docs/concepts.md#score.");
  S element = {};
  double beta1 = 0.85;
  double beta2 = 0.85;
  static constexpr int memory = S::memory + 2;
  static constexpr bool silencer_only = detail::silencer_only<S>();
  template <class T> LORICA_HD void observe(T w, T g, Cells<T> m, index_t t) const {
    const T s = element.fold(w, g, m, t);
    T &mean = m[S::memory], &spread = m[S::memory + 1];
    mean = T(beta1) * mean + T(1 - beta1) * s;
    spread = T(beta2) * spread + T(1 - beta2) * detail::absolute(s - mean);
  }
  template <class T> LORICA_HD T value(Cells<const T> m, index_t) const {
    return m[S::memory] * m[S::memory + 1];
  }
};

/// The plain sum over all steps so far.      memory: one      Movement pruning's own, Sanh et al. 2020, eq.
/// (4)
template <class S> struct Accumulated {
  static_assert(
      ElementScore<S>,
      "lorica: Accumulated: the element must model adapt::ElementScore (memory, fold(w, g, cells, t)). See docs/concepts.md#score.");
  S element = {};
  static constexpr int memory = S::memory + 1;
  static constexpr bool silencer_only = detail::silencer_only<S>();
  template <class T> LORICA_HD void observe(T w, T g, Cells<T> m, index_t t) const {
    m[S::memory] += element.fold(w, g, m, t);
  }
  template <class T> LORICA_HD T value(Cells<const T> m, index_t) const { return m[S::memory]; }
};

/// The mean of the last `steps`, or of as many as there were.      memory: `steps`      our choice
template <class S, int steps> struct Windowed {
  static_assert(
      ElementScore<S>,
      "lorica: Windowed: the element must model adapt::ElementScore (memory, fold(w, g, cells, t)). See docs/concepts.md#score.");
  static_assert(steps > 0, "lorica: Windowed: the window must hold at least one step");
  S element = {};
  static constexpr int memory = S::memory + steps;
  static constexpr bool silencer_only = detail::silencer_only<S>();
  template <class T> LORICA_HD void observe(T w, T g, Cells<T> m, index_t t) const {
    m[S::memory + static_cast<int>(t % steps)] = element.fold(w, g, m, t);
  }
  template <class T> LORICA_HD T value(Cells<const T> m, index_t t) const {
    const int n = t + 1 < steps ? static_cast<int>(t) + 1 : steps;
    T sum = 0;
    for (int i = 0; i < n; ++i) sum += m[S::memory + i];
    return sum / T(n);
  }
};

static_assert(DirectionScore<Raw<Movement>> && DirectionScore<Averaged<Fisher>> &&
              DirectionScore<Smoothed<Sensitivity>> && DirectionScore<Accumulated<Movement>> &&
              DirectionScore<Windowed<Gsnr>>);

}  // namespace lorica::adapt
