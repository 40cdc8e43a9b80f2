// SPDX-License-Identifier: MIT
/// @file lorica/adapt/as_low_rank.hpp
/// P diag(lambda) Q written as B A, for whatever reads LoRA alone: B = P diag(lambda), A = Q, to one rounding
/// of each entry of B.
#pragma once

#include <lorica/adapt/adapted.hpp>

namespace lorica::adapt {

/// One site's update, scale B A.
template <Backend B> struct LowRankUpdate {
  SiteInfo site;
  LowRank::factors<B> factors;
  double scale;
};

/// The names are LowRank's own. Directions that are switched off (lambda 0) stay, as columns of 0 in B.
template <Backend B>
[[nodiscard]] LowRank::factors<B> as_low_rank(B& b, const SiteInfo& site, const Svd::factors<B>& f) {
  using M = typename B::master;
  MasterTensor<B> scaled(b, f.p.rows(), f.p.cols());
  b.for_rows(scaled.rows(),
             lorica::fn::ScaleColumns<M, M>{f.p.value.cref(), f.lambda.value.data(), scaled.ref(), false});
  return {{site.path + ".A", f.q.value.clone(b), {}}, {site.path + ".B", std::move(scaled), {}}};
}

/// Every site of a method over Svd; the scale is carried over, alpha / (r + 1e-5) for AdaLoRA.
template <Backend B, class M>
[[nodiscard]] std::vector<LowRankUpdate<B>> as_low_rank(B& b, const Adapted<B, M>& adapted) {
  static_assert(std::same_as<typename M::adapter_type::parameterization, Svd>,
                "lorica: as_low_rank: the method's parameterization must be Svd.");
  std::vector<LowRankUpdate<B>> out;
  for (const auto& slot : adapted.slots())
    out.push_back({slot.site, as_low_rank(b, slot.site, slot.state.factors), slot.state.scale});
  return out;
}

}  // namespace lorica::adapt
