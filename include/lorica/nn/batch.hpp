// SPDX-License-Identifier: MIT
/// @file lorica/nn/batch.hpp
/// Tokens are rows. A batch is its sequences end to end; there is no padding.
#pragma once

#include <lorica/autograd/embedding_ops.hpp>
#include <lorica/autograd/loss_ops.hpp>
#include <lorica/nn/past.hpp>

#include <optional>

namespace lorica::nn {

/// What a sequence as a whole is asked for; what does not apply stays as it is.
struct Label {
  std::int32_t category = -1;          // of a classification
  float value = 0;                     // of a regression
  std::int32_t first = -1, last = -1;  // rows of an answer, counted within the sequence
};

/// Sequences of token ids, end to end, and the target of each row (negative: none), all on the host.
struct Sequences {
  std::vector<std::int32_t> ids;
  std::vector<index_t> offsets = {0};
  std::vector<std::int32_t> targets;
  std::vector<std::int32_t> types;  // by row, the segment it is of; empty: all 0
  std::vector<Label> labels;        // by sequence; empty: none has one

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
    if (!types.empty()) types.resize(ids.size(), 0);
    if (!labels.empty()) labels.resize(offsets.size());
    offsets.push_back(rows());
  }
  /// Appends a sequence of segments with a label; segments may be empty for one.
  void add(std::span<const std::int32_t> tokens, std::span<const std::int32_t> segments, const Label& label) {
    expects(segments.empty() || segments.size() == tokens.size(), "Sequences: ", tokens.size(),
            " tokens with ", segments.size(), " segments");
    const std::size_t before = ids.size();
    add(tokens, {});
    if (!segments.empty() || !types.empty()) types.resize(ids.size(), 0);
    std::ranges::copy(segments, types.begin() + static_cast<std::ptrdiff_t>(types.empty() ? 0 : before));
    labels.resize(static_cast<std::size_t>(count()));
    labels.back() = label;
  }
  /// Appends sequence s of another.
  void add_from(const Sequences& o, index_t s) {
    const auto at = static_cast<std::size_t>(s);
    const auto first = static_cast<std::size_t>(o.offsets[at]);
    const auto n = static_cast<std::size_t>(o.offsets[at + 1]) - first;
    add(std::span(o.ids).subspan(first, n), std::span(o.targets).subspan(first, n));
    if (!o.types.empty()) {
      types.resize(ids.size(), 0);
      std::ranges::copy(std::span(o.types).subspan(first, n), types.end() - static_cast<std::ptrdiff_t>(n));
    }
    if (!o.labels.empty()) {
      labels.resize(static_cast<std::size_t>(count()));
      labels.back() = o.labels[at];
    }
  }
  /// Rows with a target in sequence s.
  [[nodiscard]] index_t targets_in(index_t s) const {
    const auto first = targets.begin() + offsets[static_cast<std::size_t>(s)],
               last = targets.begin() + offsets[static_cast<std::size_t>(s) + 1];
    return static_cast<index_t>(std::count_if(first, last, [](std::int32_t t) { return t >= 0; }));
  }
};

/// Which rows are read of a model's last states, at least one of every sequence. A model that is told so
/// computes no others beyond its last attention.
template <Backend B> struct RowsRead {
  Ragged<B> where;  // of these rows alone
  RowIds<B> which;  // of the batch, rising
  RowsRead(B& b, std::vector<index_t> offsets, std::vector<std::int32_t> rows)
      : where(b, std::move(offsets)), which(b, std::move(rows)) {
    expects(where.rows() == which.device.size(), "RowsRead: the offsets end at ", where.rows(),
            ", there are ", which.device.size(), " rows");
  }
};

/// Rows with a target, and what they are to say.
template <Backend B> struct Answers {
  RowsRead<B> rows;
  Targets<B> targets;  // by these rows
};

/// The same, where a backend can read it. It must outlive the tapes it is used on, and so it does not move.
/// With a past it is the next rows of that sequence, and runs once.
template <Backend B> struct Batch {
  Ragged<B> where;
  RowIds<B> ids;
  RowIds<B> places;  // of every row in its sequence
  RowIds<B> types;   // segment of every row
  Targets<B> targets;
  std::vector<Label> labels;          // by sequence, or none
  Past<B>* past;                      // of its one sequence, or null
  std::optional<Answers<B>> answers;  // where at least a quarter of the rows has no target

  Batch(B& b, const Sequences& s, Past<B>* continued = nullptr)
      : where(b, s.offsets, rows_before(s, continued)),
        ids(b, s.ids),
        places(b, places_of(s, where.before)),
        types(b, s.types.empty() ? std::vector<std::int32_t>(s.ids.size(), 0) : s.types),
        targets(b, s.targets),
        labels(s.labels),
        past(continued) {
    for (index_t i = 0; i < s.count(); ++i) targets_in_.push_back(s.targets_in(i));
    if (!s.labels.empty()) {
      first_ = one_of_each(b, s, [](index_t begin, index_t) { return begin; });
      last_ = one_of_each(b, s, [](index_t, index_t end) { return end - 1; });
    }
    if (past == nullptr && targets.count > 0 && 4 * targets.count <= 3 * s.rows()) answers = answers_of(b, s);
  }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;
  [[nodiscard]] index_t rows() const { return where.rows(); }
  /// Rows with a target in sequence s.
  [[nodiscard]] index_t targets_in(index_t s) const { return targets_in_[static_cast<std::size_t>(s)]; }
  /// The rows that pooling reads, of a batch with labels; null: all.
  [[nodiscard]] const RowsRead<B>* read_by(Pooling how) const {
    const auto& ends = how == Pooling::first ? first_ : last_;
    return how == Pooling::mean || !ends ? nullptr : &*ends;
  }

 private:
  std::vector<index_t> targets_in_;
  std::optional<RowsRead<B>> first_, last_;
  /// row(begin, end) of every sequence
  template <class F> static RowsRead<B> one_of_each(B& b, const Sequences& s, F row) {
    std::vector<index_t> offsets = {0};
    std::vector<std::int32_t> rows;
    for (std::size_t i = 0; i + 1 < s.offsets.size(); ++i) {
      rows.push_back(static_cast<std::int32_t>(row(s.offsets[i], s.offsets[i + 1])));
      offsets.push_back(static_cast<index_t>(rows.size()));
    }
    return {b, std::move(offsets), std::move(rows)};
  }
  /// A sequence without a target is read at its last row.
  static Answers<B> answers_of(B& b, const Sequences& s) {
    std::vector<index_t> offsets = {0};
    std::vector<std::int32_t> rows, wanted;
    const auto read = [&](index_t i) {
      rows.push_back(static_cast<std::int32_t>(i));
      wanted.push_back(s.targets[static_cast<std::size_t>(i)]);
    };
    for (std::size_t i = 0; i + 1 < s.offsets.size(); ++i) {
      for (index_t j = s.offsets[i]; j < s.offsets[i + 1]; ++j)
        if (s.targets[static_cast<std::size_t>(j)] >= 0) read(j);
      if (static_cast<index_t>(rows.size()) == offsets.back()) read(s.offsets[i + 1] - 1);
      offsets.push_back(static_cast<index_t>(rows.size()));
    }
    return {RowsRead<B>(b, std::move(offsets), std::move(rows)), Targets<B>(b, wanted)};
  }
  static index_t rows_before(const Sequences& s, const Past<B>* continued) {
    if (continued == nullptr) return 0;
    expects(s.count() == 1, "Batch: ", s.count(), " sequences continue one past, expected 1");
    return continued->rows();
  }
  static std::vector<std::int32_t> places_of(const Sequences& s, index_t before) {
    std::vector<std::int32_t> p;
    for (std::size_t i = 0; i + 1 < s.offsets.size(); ++i)
      for (index_t j = s.offsets[i]; j < s.offsets[i + 1]; ++j)
        p.push_back(static_cast<std::int32_t>(before + j - s.offsets[i]));
    return p;
  }
};

}  // namespace lorica::nn
