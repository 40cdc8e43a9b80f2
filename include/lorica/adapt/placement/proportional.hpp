// SPDX-License-Identifier: MIT
/// @file lorica/adapt/placement/proportional.hpp
/// A budget of directions shared out by what sites are worth: our generalisation of DomLoRA from one site to
/// all.
#pragma once

#include <lorica/adapt/placement/select.hpp>

#include <cmath>

namespace lorica::adapt {

/// Shares by largest remainder, ties to the site that comes first. No site gets more than min(d_in, d_out);
/// what it cannot take is shared out again among the others. The ranks sum to the budget exactly, or it is an
/// error. A site whose share rounds to 0, or whose score is 0, gets no adapter.
struct Proportional {
  static constexpr unsigned asks = grain::site;
  index_t budget = 64;  // directions, over all sites
  Select sites = {};

  [[nodiscard]] Placement place(std::span<const SiteInfo> all, std::span<const double> scores) const {
    expects(scores.size() == all.size(), "Proportional: ", scores.size(), " scores for ", all.size(),
            " sites");
    expects(budget > 0, "Proportional: a budget of ", budget, " directions, expected at least 1");
    Indices open = candidates(all, scores);
    Placement p{std::vector<index_t>(all.size(), 0)};
    std::vector<double> share(all.size());
    index_t left = budget;
    for (std::size_t before = 0; before != open.size();) {  // every round leaves more to those that stay
      before = open.size();
      share_out(scores, open, left, share);
      std::erase_if(open, [&](std::size_t i) {
        const bool full = share[i] >= double(most(all[i]));
        if (full) left -= p.rank[i] = most(all[i]);
        return full;
      });
    }
    for (const std::size_t i : open) {
      p.rank[i] = static_cast<index_t>(std::floor(share[i]));
      left -= p.rank[i];
      share[i] -= std::floor(share[i]);
    }
    std::ranges::stable_sort(open, [&](std::size_t i, std::size_t j) { return share[i] > share[j]; });
    for (std::size_t i = 0; left > 0; ++i, --left) ++p.rank[open[i]];
    return p;
  }

 private:
  using Indices = std::vector<std::size_t>;

  static index_t most(const SiteInfo& s) { return std::min(s.in, s.out); }
  /// Of `left` directions among the sites of `open`; the largest score is divided out, so that no sum
  /// overflows.
  static void share_out(std::span<const double> scores, const Indices& open, index_t left,
                        std::vector<double>& share) {
    double largest = 0, total = 0;
    for (const std::size_t i : open) largest = std::max(largest, scores[i]);
    for (const std::size_t i : open) total += scores[i] / largest;
    for (const std::size_t i : open) share[i] = double(left) * (scores[i] / largest / total);
  }
  /// The sites that are worth something.
  [[nodiscard]] Indices candidates(std::span<const SiteInfo> all, std::span<const double> scores) const {
    const auto among = sites.among(all);
    Indices open;
    index_t room = 0;
    for (const std::size_t i : among) {
      expects<NumericError>(std::isfinite(scores[i]), "Proportional: the score of ", all[i].path, " is ",
                            scores[i]);
      expects(scores[i] >= 0, "Proportional: the score of ", all[i].path, " is ", scores[i],
              ", expected at least 0");
      if (scores[i] == 0) continue;
      open.push_back(i);
      room += most(all[i]);
    }
    expects(!open.empty(), "Proportional: the scores of all ", among.size(), " candidate sites (",
            all[among.front()].path, " ... ", all[among.back()].path,
            ") are 0: no gradient reached them; "
            "probe samples that have targets, under a loss that reads these sites");
    expects(budget <= room, "Proportional: a budget of ", budget, " directions, but the ", open.size(),
            " candidate sites with a score above 0 hold at most ", room);
    return open;
  }
};

static_assert(PlacementPolicy<Proportional> && !DynamicPlacement<Proportional>);

}  // namespace lorica::adapt
