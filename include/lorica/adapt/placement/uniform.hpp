// SPDX-License-Identifier: MIT
/// @file lorica/adapt/placement/uniform.hpp
/// The same rank at every site that is chosen: all of them, or those of some roles, layers, or paths.
#pragma once

#include <lorica/adapt/placement/select.hpp>

namespace lorica::adapt {

/// LoRA's own placement (Hu et al. 2021): one rank, at the sites the user names.
struct Uniform {
  static constexpr unsigned asks = grain::none;
  index_t rank = 8;
  Select sites = {};

  [[nodiscard]] Placement place(std::span<const SiteInfo> all, std::span<const double>) const {
    Placement p{std::vector<index_t>(all.size(), 0)};
    for (const std::size_t i : sites.among(all)) p.rank[i] = rank;
    return p;
  }
};

static_assert(PlacementPolicy<Uniform> && !DynamicPlacement<Uniform>);

}  // namespace lorica::adapt
