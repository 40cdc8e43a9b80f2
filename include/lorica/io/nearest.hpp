// SPDX-License-Identifier: MIT
/// @file lorica/io/nearest.hpp
/// The name somebody probably meant; for errors about tensors, options and keys.
#pragma once

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

namespace lorica::io {

/// Fewest insertions, deletions and substitutions of bytes that turn a into b (Levenshtein's distance).
[[nodiscard]] inline std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);  // distance of a[0, i) to every b[0, j)
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({substituted, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
}

/// The candidate at the smallest edit distance, the first of several; empty when there is no candidate.
template <class Candidates>
[[nodiscard]] std::string nearest(std::string_view word, const Candidates& candidates) {
  std::string_view best;
  std::size_t least = static_cast<std::size_t>(-1);
  for (const auto& candidate : candidates) {
    const std::string_view name = candidate;
    const std::size_t apart =
        name.size() > word.size() ? name.size() - word.size() : word.size() - name.size();
    if (apart >= least) continue;  // lengths alone already say no
    const std::size_t distance = edit_distance(word, name);
    if (distance < least) {
      least = distance;
      best = name;
    }
  }
  return std::string(best);
}

[[nodiscard]] inline std::string nearest(std::string_view word,
                                         std::initializer_list<std::string_view> candidates) {
  return nearest<std::initializer_list<std::string_view>>(word, candidates);
}

}  // namespace lorica::io
