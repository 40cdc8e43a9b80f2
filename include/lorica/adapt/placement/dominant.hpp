// SPDX-License-Identifier: MIT
/// @file lorica/adapt/placement/dominant.hpp
/// One adapter at the site with the highest score: DomLoRA (arXiv 2605.06183) when the score is PAGE.
#pragma once

#include <lorica/adapt/placement/select.hpp>

#include <numeric>

namespace lorica::adapt {

/// Candidates are all sites unless narrowed; ties go to the site that comes first. top > 1 is our
/// generalisation.
struct Dominant {
  static constexpr unsigned asks = grain::site;
  index_t rank = 8;
  index_t top = 1;
  Select sites = {};

  [[nodiscard]] Placement place(std::span<const SiteInfo> all, std::span<const double> scores) const {
    expects(scores.size() == all.size(), "Dominant: ", scores.size(), " scores for ", all.size(), " sites");
    auto order = sites.among(all);
    expects(top >= 1 && top <= static_cast<index_t>(order.size()), "Dominant: top is ", top,
            ", expected 1 to ", order.size());
    for (const std::size_t i : order)
      expects<NumericError>(std::isfinite(scores[i]), "Dominant: the score of ", all[i].path, " is ",
                            scores[i]);
    expects(std::ranges::any_of(order, [&](std::size_t i) { return scores[i] != 0; }),
            "Dominant: the scores of all ", order.size(), " candidate sites (", all[order.front()].path,
            " ... ", all[order.back()].path,
            ") are 0: no gradient reached them; "
            "probe samples that have targets, under a loss that reads these sites");
    std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
    Placement p{std::vector<index_t>(all.size(), 0)};
    for (index_t i = 0; i < top; ++i) p.rank[order[static_cast<std::size_t>(i)]] = rank;
    return p;
  }
};

static_assert(PlacementPolicy<Dominant> && !DynamicPlacement<Dominant>);

}  // namespace lorica::adapt
