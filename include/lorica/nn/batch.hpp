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

/// Labels where a backend can read them, in each of the ways that they may be asked for.
template <Backend B> struct Labelled {
  Targets<B> categories;   // by sequence
  MasterTensor<B> values;  // [sequences, 1]
  SpanTargets<B> ends;
};

/// All of a batch but its numbers: batches of one shape are computed alike.
struct BatchShape {
  std::vector<index_t> offsets;
  std::vector<index_t> targets;     // by sequence, rows with a target
  std::vector<bool> labelled = {};  // by sequence, whether it is of a category; empty: no labels
  bool operator==(const BatchShape&) const = default;

  explicit BatchShape(const Sequences& s) : offsets(s.offsets) {
    for (index_t i = 0; i < s.count(); ++i) targets.push_back(s.targets_in(i));
    for (const Label& l : s.labels) labelled.push_back(l.category >= 0);
  }
};

/// The same, where a backend can read it. It must outlive the tapes it is used on, and so it does not move.
/// With a past it is the next rows of that sequence, and runs once.
template <Backend B> struct Batch {
  Ragged<B> where;
  RowIds<B> ids;
  RowIds<B> places;  // of every row in its sequence
  RowIds<B> types;   // segment of every row
  Targets<B> targets;
  std::vector<Label> labels;  // by sequence, or none
  std::optional<Labelled<B>> labelled;
  Past<B>* past;                      // of its one sequence, or null
  std::optional<Answers<B>> answers;  // where at least a quarter of the rows has no target

  Batch(B& b, const Sequences& s, Past<B>* continued = nullptr)
      : where(b, s.offsets, rows_before(s, continued)),
        ids(b, s.ids),
        places(b, places_of(s, where.before)),
        types(b, types_of(s)),
        targets(b, s.targets),
        labels(s.labels),
        past(continued),
        most_(s) {
    for (index_t i = 0; i < s.count(); ++i) targets_in_.push_back(s.targets_in(i));
    if (!s.labels.empty()) {
      expects(static_cast<index_t>(s.labels.size()) == s.count(), "Batch: ", s.labels.size(), " labels for ",
              s.count(), " sequences, expected one each, or none");
      first_ = one_of_each(b, s, [](index_t begin, index_t) { return begin; });
      last_ = one_of_each(b, s, [](index_t, index_t end) { return end - 1; });
      labelled.emplace(Labelled<B>{Targets<B>(b, categories_of(s)),
                                   MasterTensor<B>(b, s.count(), 1, values_of(s)),
                                   SpanTargets<B>(b, s.offsets, ends_of(s))});
    }
    if (past == nullptr && targets.count > 0 && 4 * targets.count <= 3 * s.rows()) {
      auto read = Read(s);
      answers.emplace(Answers<B>{RowsRead<B>(b, std::move(read.offsets), std::move(read.rows)),
                                 Targets<B>(b, read.wanted)});
    }
  }
  /// Other sequences of the same BatchShape, in the memory that is there. False, and nothing is changed,
  /// where one of their ids or targets is larger than all were, or out of bounds: whoever looked at these
  /// must look again.
  [[nodiscard]] bool refill(B& b, const Sequences& s) {
    if (!Largest(s).within(most_)) return false;
    ids.assign(b, s.ids);
    types.assign(b, types_of(s));
    targets.assign(b, s.targets);
    labels = s.labels;
    if (labelled) {
      labelled->categories.assign(b, categories_of(s));
      labelled->values.assign(b, std::span<const float>(values_of(s)));
      labelled->ends.assign(b, ends_of(s));
    }
    if (answers) {
      auto read = Read(s);
      answers->rows.which.assign(b, std::move(read.rows));
      answers->targets.assign(b, read.wanted);
    }
    return true;
  }
  /// From now on refill() takes ids and targets as large as that one's were, too.
  void allow_as(const Batch& other) { most_.join(other.most_); }
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
  /// The largest of what is looked up in a table.
  struct Largest {
    std::int32_t id = 0, type = 0, target = -1, category = -1;
    bool fault = false;  // a negative id or type, an answer beyond its sequence
    explicit Largest(const Sequences& s) {
      for (const auto v : s.ids) id = std::max(id, v), fault = fault || v < 0;
      for (const auto v : s.types) type = std::max(type, v), fault = fault || v < 0;
      for (const auto v : s.targets) target = std::max(target, v);
      for (std::size_t i = 0; i < s.labels.size() && i + 1 < s.offsets.size(); ++i) {
        const Label& l = s.labels[i];
        category = std::max(category, l.category);
        fault = fault || std::max(l.first, l.last) >= s.offsets[i + 1] - s.offsets[i];
      }
    }
    void join(const Largest& o) {
      id = std::max(id, o.id);
      type = std::max(type, o.type);
      target = std::max(target, o.target);
      category = std::max(category, o.category);
    }
    [[nodiscard]] bool within(const Largest& o) const {
      return !fault && id <= o.id && type <= o.type && target <= o.target && category <= o.category;
    }
  };
  std::vector<index_t> targets_in_;
  std::optional<RowsRead<B>> first_, last_;
  Largest most_;
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
  /// The rows that are read where a loss reads those with a target: of a sequence without one, its last.
  struct Read {
    std::vector<index_t> offsets = {0};
    std::vector<std::int32_t> rows, wanted;
    explicit Read(const Sequences& s) {
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
    }
  };
  static std::vector<std::int32_t> types_of(const Sequences& s) {
    return s.types.empty() ? std::vector<std::int32_t>(s.ids.size(), 0) : s.types;
  }
  static std::vector<std::int32_t> categories_of(const Sequences& s) {
    std::vector<std::int32_t> of;
    for (const Label& l : s.labels) of.push_back(l.category);
    return of;
  }
  static std::vector<float> values_of(const Sequences& s) {
    std::vector<float> of;
    for (const Label& l : s.labels) of.push_back(l.value);
    return of;
  }
  static std::vector<std::int32_t> ends_of(const Sequences& s) {
    std::vector<std::int32_t> of;
    for (const Label& l : s.labels) of.insert(of.end(), {l.first, l.last});
    return of;
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
