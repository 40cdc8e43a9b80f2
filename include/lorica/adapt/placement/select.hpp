// SPDX-License-Identifier: MIT
/// @file lorica/adapt/placement/select.hpp
/// Which sites are meant: every condition that is given must hold.
#pragma once

#include <lorica/adapt/placement/concept.hpp>

#include <algorithm>
#include <string_view>

namespace lorica::adapt {

/// Whether `text` matches `pattern`, where * stands for any run of characters and ? for one.
inline bool matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  return std::all_of(pattern.begin() + static_cast<std::ptrdiff_t>(p), pattern.end(),
                     [](char c) { return c == '*'; });
}

/// Empty conditions hold everywhere. Paths are patterns such as "blocks.*.down".
struct Select {
  std::vector<Role> roles = {};
  std::vector<index_t> layers = {};
  std::vector<std::string> paths = {};

  [[nodiscard]] bool operator()(const SiteInfo& s) const {
    const auto has = [](const auto& list, const auto& x) {
      return list.empty() || std::ranges::find(list, x) != list.end();
    };
    return has(roles, s.role) && has(layers, s.layer) &&
           (paths.empty() ||
            std::ranges::any_of(paths, [&](const std::string& p) { return matches(p, s.path); }));
  }
  /// The indices of the sites meant. None at all is an error: an adapter that adapts nothing is never what
  /// was wanted. So is a pattern, a role, or a layer that no site has.
  [[nodiscard]] std::vector<std::size_t> among(std::span<const SiteInfo> all) const {
    const auto some = [&](const auto& what, const auto& holds) {
      expects(std::ranges::any_of(all, holds), "sites: ", what, " matches none of ", all.size(), " sites (",
              first_and_last(all), ")");
    };
    for (const auto& p : paths)
      some("the path '" + p + "'", [&](const SiteInfo& s) { return matches(p, s.path); });
    for (const Role r : roles)
      some(message("the role '", name_of(r), "'"), [&](const SiteInfo& s) { return s.role == r; });
    for (const index_t l : layers)
      some(message("layer ", l), [&](const SiteInfo& s) { return s.layer == l; });
    std::vector<std::size_t> out;
    for (std::size_t i = 0; i < all.size(); ++i)
      if ((*this)(all[i])) out.push_back(i);
    expects(!out.empty(), "sites: no site meets all of the conditions on role, layer and path (",
            first_and_last(all), ")");
    return out;
  }

 private:
  static std::string first_and_last(std::span<const SiteInfo> all) {
    return all.empty() ? "the model has no sites"
                       : message("they are ", all.front().path, " ... ", all.back().path);
  }
};

}  // namespace lorica::adapt
