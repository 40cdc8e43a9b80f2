// SPDX-License-Identifier: MIT
/// @file lorica/nn/batch.hpp
/// Tokens are rows. A batch is its sequences end to end; there is no padding.
#pragma once

#include <lorica/autograd/embedding_ops.hpp>
#include <lorica/autograd/loss_ops.hpp>

namespace lorica::nn {

/// Sequences of token ids, end to end, and the target of each row (negative: none), all on the host.
struct Sequences {
  std::vector<std::int32_t> ids;
  std::vector<index_t> offsets = {0};
  std::vector<std::int32_t> targets;

  [[nodiscard]] index_t rows() const { return static_cast<index_t>(ids.size()); }
  [[nodiscard]] index_t count() const { return static_cast<index_t>(offsets.size()) - 1; }
  /// Appends a sequence; targets may be empty for none.
  void add(std::span<const std::int32_t> tokens, std::span<const std::int32_t> wanted) {
    expects(!tokens.empty(), "Sequences: a sequence without tokens");
    expects(wanted.empty() || wanted.size() == tokens.size(), "Sequences: ", tokens.size(), " tokens with ",
            wanted.size(), " targets");
    ids.insert(ids.end(), tokens.begin(), tokens.end());
    if (wanted.empty())
      targets.resize(ids.size(), no_target);
    else
      targets.insert(targets.end(), wanted.begin(), wanted.end());
    offsets.push_back(rows());
  }
  /// Appends sequence s of another.
  void add_from(const Sequences& o, index_t s) {
    const auto first = static_cast<std::size_t>(o.offsets[static_cast<std::size_t>(s)]);
    const auto n = static_cast<std::size_t>(o.offsets[static_cast<std::size_t>(s) + 1]) - first;
    add(std::span(o.ids).subspan(first, n), std::span(o.targets).subspan(first, n));
  }
  /// Rows with a target in sequence s.
  [[nodiscard]] index_t targets_in(index_t s) const {
    const auto first = targets.begin() + offsets[static_cast<std::size_t>(s)],
               last = targets.begin() + offsets[static_cast<std::size_t>(s) + 1];
    return static_cast<index_t>(std::count_if(first, last, [](std::int32_t t) { return t >= 0; }));
  }
};

/// The same, where a backend can read it. It must outlive the tapes it is used on, and so it does not move.
template <Backend B> struct Batch {
  Ragged<B> where;
  RowIds<B> ids;
  RowIds<B> places;  // of every row in its sequence
  Targets<B> targets;

  Batch(B& b, const Sequences& s)
      : where(b, s.offsets), ids(b, s.ids), places(b, places_of(s)), targets(b, s.targets) {
    for (index_t i = 0; i < s.count(); ++i) targets_in_.push_back(s.targets_in(i));
  }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;
  [[nodiscard]] index_t rows() const { return where.rows(); }
  /// Rows with a target in sequence s.
  [[nodiscard]] index_t targets_in(index_t s) const { return targets_in_[static_cast<std::size_t>(s)]; }

 private:
  std::vector<index_t> targets_in_;
  static std::vector<std::int32_t> places_of(const Sequences& s) {
    std::vector<std::int32_t> p;
    for (std::size_t i = 0; i + 1 < s.offsets.size(); ++i)
      for (index_t j = s.offsets[i]; j < s.offsets[i + 1]; ++j)
        p.push_back(static_cast<std::int32_t>(j - s.offsets[i]));
    return p;
  }
};

}  // namespace lorica::nn
