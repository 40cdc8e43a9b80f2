// SPDX-License-Identifier: MIT
/// @file lorica/adapt/score/concept.hpp
/// What a direction, or a site, is worth. Two grains: a direction score watches every entry of every factor
/// while an adapter trains; a site score hears one backward pass of the bare model.
#pragma once

#include <lorica/nn/site.hpp>

namespace lorica::adapt {

/// What a placement may ask of a score.
namespace grain {
inline constexpr unsigned none = 0, site = 1, direction = 2;
}  // namespace grain

/// The running values of one entry, strided in memory.
template <class T> struct Cells {
  T* p;
  index_t stride;
  LORICA_HD T& operator[](int j) const { return p[j * stride]; }
};

/// What one backward pass reveals at a site without forming dL/dW, and what stands there: enough for a score
/// to try an adapter of its own. The loss is the sum over targets; weight[s] is one over the targets of
/// sequence s, so that weight[s] * (rows of s) is the gradient of that sample's mean loss.
template <Backend B> struct SiteGradient {
  const SiteInfo& site;
  B& backend;
  const Tensor<B>& x;                // [n, k]
  const Tensor<B>& dy;               // [n, m]
  std::span<const index_t> offsets;  // [sequences + 1]
  std::span<const double> weight;    // [sequences]; 0 where a sequence has no target
  WeightView<B> matrix;              // W [m, k]
  const MasterTensor<B>* bias;       // [1, m], or null
};

/// Per entry, host and device. observe: w after the optimiser's step, g the gradient it used, m the `memory`
/// running values, t the step. value: the score of the entry. Optional: static bool silencer_only (the
/// silencing factor alone counts).
template <class S>
concept DirectionScore = std::semiregular<S> &&
    requires(const S& s, float w, float g, Cells<float> m, Cells<const float> c, index_t t) {
  { S::memory } -> std::convertible_to<int>;
  { s.observe(w, g, m, t) } -> std::same_as<void>;
  { s.value(c, t) } -> std::same_as<float>;
};
/// Hears x and dy at a site; answers with a number. Optional: beside(state), a second number that is reported
/// and places nothing.
template <class S, class B>
concept SiteScore = Backend<B> && std::semiregular<typename S::state> &&
    requires(const S& s, typename S::state& st, const typename S::state& c, const SiteGradient<B>& o) {
  { s.observe(st, o) } -> std::same_as<void>;
  { s.value(c) } -> std::convertible_to<double>;
};

/// Nothing is asked, nothing is answered.
struct NoScore {};

template <class S, class B>
concept ScoreFunction = Backend<B> &&(std::same_as<S, NoScore> || DirectionScore<S> || SiteScore<S, B>);

}  // namespace lorica::adapt
