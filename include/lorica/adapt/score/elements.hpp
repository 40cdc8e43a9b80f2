// SPDX-License-Identifier: MIT
/// @file lorica/adapt/score/elements.hpp
/// What one entry w of a factor is worth at one step, given its gradient g: the part of a score that the
/// papers name. How it is averaged over steps is the estimator's (estimators.hpp).
#pragma once

#include <lorica/adapt/score/concept.hpp>

namespace lorica::adapt {

/// fold: the worth of w after step t, g the gradient of that step; `memory` values of its own an entry.
/// Optional: static bool silencer_only (the silencing factor alone counts).
template <class S>
concept ElementScore = std::semiregular<S> &&
    requires(const S& s, float w, float g, Cells<float> m, index_t t) {
  { S::memory } -> std::convertible_to<int>;
  { s.fold(w, g, m, t) } -> std::same_as<float>;
};

namespace detail {
template <class T> LORICA_HD T absolute(T x) { return x < T(0) ? -x : x; }
template <class T> LORICA_HD T power(T x, index_t n) {
  T y = 1;
  for (; n > 0; n >>= 1, x *= x)
    if ((n & 1) != 0) y *= x;
  return y;
}
template <class S> constexpr bool silencer_only() {
  if constexpr (requires { S::silencer_only; })
    return S::silencer_only;
  else
    return false;
}
}  // namespace detail

/// |w g|: the first-order change of the loss when w is set to zero.      AdaLoRA, Zhang et al. 2023, eq. (8)
struct Sensitivity {
  static constexpr int memory = 0;
  template <class T> LORICA_HD T fold(T w, T g, Cells<T>, index_t) const { return detail::absolute(w * g); }
};
/// -w g: above zero where descent moves w away from zero.      Movement pruning, Sanh et al. 2020, eq. (3)
struct Movement {
  static constexpr int memory = 0;
  template <class T> LORICA_HD T fold(T w, T g, Cells<T>, index_t) const { return -w * g; }
};
/// g^2, whose expectation the estimator takes: the diagonal of the empirical Fisher. Of batch gradients it is
/// mean^2 + variance / B, so accumulation and the batch size B move it.      Kim et al., "Score Function
/// Variation"
struct Fisher {
  static constexpr int memory = 0;
  template <class T> LORICA_HD T fold(T, T g, Cells<T>, index_t) const { return g * g; }
};
/// |w|      Kim et al.'s baseline
struct Magnitude {
  static constexpr int memory = 0;
  template <class T> LORICA_HD T fold(T w, T, Cells<T>, index_t) const { return detail::absolute(w); }
};
/// |lambda| of the triplet, and nothing of P and Q.      Zhang et al. 2023, table 4
struct SpectrumMagnitude : Magnitude {
  static constexpr bool silencer_only = true;
};
/// E[g]^2 / Var[g], the gradient's signal to noise ratio, between 0 and 1 / floor.      Kim et al.
/// Our choice: moments as running averages with bias correction, and Var at least floor E[g^2]; 0 at the
/// first step, which has no variance, and where no gradient was ever seen. Pure noise gives about 0.1 at beta
/// 0.85.
struct Gsnr {
  double beta = 0.85;
  double floor = 1e-4;
  static constexpr int memory = 2;
  template <class T> LORICA_HD T fold(T, T g, Cells<T> m, index_t t) const {
    const T b = T(beta), rest = T(1 - beta);
    m[0] = b * m[0] + rest * g;
    m[1] = b * m[1] + rest * g * g;
    // With c = 1 - beta^(t+1) the corrected moments are m / c: their ratio needs c once.
    const T c = T(1) - detail::power(b, t + 1), square = m[0] * m[0];
    const T variance = c * m[1] - square, least = T(floor) * c * m[1];
    return t > 0 && m[1] > T(0) ? square / (variance > least ? variance : least) : T(0);
  }
};

static_assert(ElementScore<Sensitivity> && ElementScore<Movement> && ElementScore<Fisher> &&
              ElementScore<Magnitude> && ElementScore<SpectrumMagnitude> && ElementScore<Gsnr>);

}  // namespace lorica::adapt
