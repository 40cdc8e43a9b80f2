// SPDX-License-Identifier: MIT
/// @file lorica/text/merges.hpp
/// Byte-pair encoding's one operation: of all neighbours that may merge, the best pair does, until none may.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace lorica::text {

/// A token that stands for some bytes of a word.
struct Part {
  std::int32_t id = 0;
  std::size_t begin = 0, end = 0;
  friend bool operator==(const Part&, const Part&) = default;
};

/// Which two tokens become which one, and in what order of preference: a hash table from pairs.
class Merges {
 public:
  struct Merge {
    std::int32_t rank = 0;  ///< smaller goes first
    std::int32_t merged = 0;
  };

  /// A pair given twice keeps its last merge.
  void add(std::int32_t left, std::int32_t right, Merge merge) {
    if (2 * (count_ + 1) > cells_.size()) grow();
    Cell& cell = cells_[place(key(left, right))];
    if (cell.key == none) ++count_;
    cell = {key(left, right), merge};
  }
  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] const Merge* find(std::int32_t left, std::int32_t right) const {
    if (count_ == 0) return nullptr;
    const Cell& cell = cells_[place(key(left, right))];
    return cell.key == none ? nullptr : &cell.merge;
  }

  /// Merges neighbours in place, in O(n log n) for n parts: the least rank first, the leftmost of equals.
  void apply(std::vector<Part>& parts) const {
    if (parts.size() < 2) return;
    thread_local std::vector<Link> links;
    thread_local std::vector<Candidate> heap;
    const auto n = static_cast<std::int64_t>(parts.size());
    links.resize(parts.size());
    heap.clear();
    for (std::int64_t i = 0; i < n; ++i) {
      links[static_cast<std::size_t>(i)] = {i - 1, i + 1 < n ? i + 1 : -1, true};
      if (i + 1 < n) consider(parts, i, i + 1, heap);
    }
    std::ranges::make_heap(heap, later);
    while (!heap.empty()) {
      std::ranges::pop_heap(heap, later);
      const Candidate best = heap.back();
      heap.pop_back();
      const auto left = static_cast<std::size_t>(best.at);
      if (!links[left].alive || links[left].next < 0) continue;
      const auto right = static_cast<std::size_t>(links[left].next);
      const Merge* const merge = find(parts[left].id, parts[right].id);
      if (merge == nullptr || merge->merged != best.merged) continue;  // a neighbour has changed meanwhile
      parts[left].id = merge->merged;
      parts[left].end = parts[right].end;
      links[right].alive = false;
      links[left].next = links[right].next;
      if (links[left].next >= 0) {
        links[static_cast<std::size_t>(links[left].next)].previous = best.at;
        if (consider(parts, best.at, links[left].next, heap)) std::ranges::push_heap(heap, later);
      }
      const std::int64_t previous = links[left].previous;
      if (previous >= 0 && consider(parts, previous, best.at, heap)) std::ranges::push_heap(heap, later);
    }
    std::size_t kept = 0;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (links[i].alive) parts[kept++] = parts[i];
    }
    parts.resize(kept);
  }

 private:
  struct Cell {
    std::uint64_t key;
    Merge merge;
  };
  struct Link {
    std::int64_t previous, next;  // -1: none
    bool alive;
  };
  struct Candidate {
    std::int32_t rank, merged;
    std::int64_t at;
  };
  static constexpr std::uint64_t none = ~std::uint64_t{0};  // no pair: ids are not negative

  [[nodiscard]] static bool later(const Candidate& a, const Candidate& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.at > b.at;
  }
  bool consider(const std::vector<Part>& parts, std::int64_t left, std::int64_t right,
                std::vector<Candidate>& heap) const {
    const Merge* const merge =
        find(parts[static_cast<std::size_t>(left)].id, parts[static_cast<std::size_t>(right)].id);
    if (merge != nullptr) heap.push_back({merge->rank, merge->merged, left});
    return merge != nullptr;
  }
  [[nodiscard]] static std::uint64_t key(std::int32_t left, std::int32_t right) {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 |
           static_cast<std::uint32_t>(right);
  }
  /// The cell that holds the key, or the empty one where it would be. The table's size is a power of two.
  [[nodiscard]] std::size_t place(std::uint64_t key) const {
    const std::uint64_t mixed = key * 0x9E3779B97F4A7C15u;
    auto at = static_cast<std::size_t>(mixed ^ (mixed >> 32)) & (cells_.size() - 1);
    while (cells_[at].key != key && cells_[at].key != none) at = (at + 1) & (cells_.size() - 1);
    return at;
  }
  void grow() {
    std::vector<Cell> old(std::max<std::size_t>(16, 2 * cells_.size()), Cell{none, {}});
    old.swap(cells_);
    for (const Cell& cell : old) {
      if (cell.key != none) cells_[place(cell.key)] = cell;
    }
  }

  std::vector<Cell> cells_;
  std::size_t count_ = 0;
};

}  // namespace lorica::text
