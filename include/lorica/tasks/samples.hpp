// SPDX-License-Identifier: MIT
/// @file lorica/tasks/samples.hpp
/// Sequences made once, given out by number: a data set in memory.
#pragma once

#include <lorica/train/data.hpp>

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>

namespace lorica::tasks {

/// A data set that knows how many rows each of its samples will be.
template <class D>
concept Measurable = train::Data<D> && requires(const D& d, index_t i) {
  { d.length(i) } -> std::convertible_to<index_t>;
};

class Samples {
 public:
  [[nodiscard]] index_t size() const { return all_.count(); }
  void append(nn::Sequences& to, index_t i) const { to.add_from(all_, i); }
  /// Rows of sample i.
  [[nodiscard]] index_t length(index_t i) const {
    return all_.offsets[static_cast<std::size_t>(i) + 1] - all_.offsets[static_cast<std::size_t>(i)];
  }
  [[nodiscard]] const nn::Sequences& sequences() const { return all_; }

  /// A sample with a target a row (negative: none).
  void add(std::span<const std::int32_t> tokens, std::span<const std::int32_t> targets) {
    all_.add(tokens, targets);
  }
  /// A sample of segments with a label; segments that are all 0 are not kept.
  void add(std::span<const std::int32_t> tokens, std::span<const std::int32_t> segments,
           const nn::Label& label) {
    const bool plain = std::ranges::all_of(segments, [](std::int32_t type) { return type == 0; });
    all_.add(tokens, plain ? std::span<const std::int32_t>() : segments, label);
  }

 private:
  nn::Sequences all_;
};
static_assert(Measurable<Samples>);

}  // namespace lorica::tasks
