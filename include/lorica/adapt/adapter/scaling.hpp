// SPDX-License-Identifier: MIT
/// @file lorica/adapt/adapter/scaling.hpp
/// s in y + s x delta W^T, a function of the rank an adapter was made with.
#pragma once

#include <lorica/core/config.hpp>

#include <cmath>
#include <concepts>

namespace lorica::adapt {

template <class S>
concept Scaling = std::semiregular<S> && requires(const S& s, index_t rank) {
  { s(rank) } -> std::convertible_to<double>;
};

/// alpha / r                 LoRA, Hu et al. 2021, section 4.1
struct AlphaOverRank {
  double alpha = 16;
  double operator()(index_t r) const { return alpha / double(r); }
};
/// alpha / sqrt(r)           rsLoRA, Kalajdzievski 2023, eq. (1)
struct AlphaOverSqrtRank {
  double alpha = 16;
  double operator()(index_t r) const { return alpha / std::sqrt(double(r)); }
};
/// alpha / (r + 1e-5)        the authors' AdaLoRA; r is the rank at the start and stays so after pruning
struct AlphaOverRankPlusEps {
  double alpha = 16;
  double operator()(index_t r) const { return alpha / (double(r) + 1e-5); }
};

static_assert(Scaling<AlphaOverRank> && Scaling<AlphaOverSqrtRank> && Scaling<AlphaOverRankPlusEps>);

}  // namespace lorica::adapt
