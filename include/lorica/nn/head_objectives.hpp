// SPDX-License-Identifier: MIT
/// @file lorica/nn/head_objectives.hpp
/// What a head is trained for: the category of a sequence, a number, or where an answer begins and ends.
#pragma once

#include <lorica/core/state.hpp>
#include <lorica/nn/head.hpp>
#include <lorica/nn/objective.hpp>

namespace lorica::nn {

/// What a head answers to a batch, [sequences, outputs], or [n, outputs] without pooling. Of a batch with
/// labels the last block computes the rows that the head pools, and no others.
template <Backend B, class Model, class P>
MasterVar<B> answers(Tape<B>& tape, const Model& model, const Head<B>& head, P& policy,
                     const Batch<B>& batch) {
  const auto pooling = head.config().pooling;
  const RowsRead<B>* read = pooling ? batch.read_by(*pooling) : nullptr;
  return head(states(tape, model, policy, batch, read), read == nullptr ? batch.where : read->where);
}

namespace detail {
/// Objectives over a head that somebody else owns: its parameters train with the adapters.
template <Backend B> struct OverHead {
  Head<B>* head;
  template <class F> void for_each_parameter(F f) const { head->for_each_parameter(f); }
  void visit_state(StateVisitor<B>& v) const {
    head->for_each_parameter([&](Parameter<B>& p) { v.tensor(p.name, p.value); });
  }
  static const Labelled<B>& labelled(const Batch<B>& batch) {
    expects(batch.labelled.has_value(), "objective: the ", batch.where.sequences(),
            " sequences of the batch have no labels, expected one each");
    return *batch.labelled;
  }
  static const Label& label(const Batch<B>& batch, index_t s) {
    return batch.labels.at(static_cast<std::size_t>(s));
  }
};
}  // namespace detail

/// Cross-entropy of each sequence's category; where categories have weights, each sequence counts as much as
/// its category weighs (the mean is torch.nn.CrossEntropyLoss's with `weight`).
template <Backend B> struct Classification : detail::OverHead<B> {
  std::vector<double> weights = {};  // by category; none: each is 1
  template <class Model, class P>
  Loss<B> loss(Tape<B>& tape, const Model& model, P& policy, const Batch<B>& batch) const {
    const Targets<B>& targets = this->labelled(batch).categories;
    const auto z = answers(tape, model, *this->head, policy, batch);
    if (weights.empty()) return {category_loss(z, targets), targets.count};
    double weight = 0;
    for (const Label& l : batch.labels)
      if (l.category >= 0) weight += weights.at(static_cast<std::size_t>(l.category));
    return {category_loss(z, targets, weights), targets.count, weight};
  }
  [[nodiscard]] bool repeats() const { return weights.empty(); }
  index_t targets_of(const Batch<B>& batch, index_t s) const { return this->label(batch, s).category >= 0; }
};

/// Squared error of each sequence's value.
template <Backend B> struct Regression : detail::OverHead<B> {
  template <class Model, class P>
  Loss<B> loss(Tape<B>& tape, const Model& model, P& policy, const Batch<B>& batch) const {
    const MasterTensor<B>& values = this->labelled(batch).values;
    return {squared_error(answers(tape, model, *this->head, policy, batch), values), values.rows()};
  }
  static constexpr bool repeats() { return true; }
  index_t targets_of(const Batch<B>&, index_t) const { return 1; }
};

/// Cross-entropy of the first and of the last row of each sequence's answer: two targets, so that the mean is
/// transformers' mean of both.
template <Backend B> struct Span : detail::OverHead<B> {
  template <class Model, class P>
  Loss<B> loss(Tape<B>& tape, const Model& model, P& policy, const Batch<B>& batch) const {
    const SpanTargets<B>& ends = this->labelled(batch).ends;
    return {span_loss(answers(tape, model, *this->head, policy, batch), batch.where, ends), ends.count};
  }
  static constexpr bool repeats() { return true; }
  index_t targets_of(const Batch<B>& batch, index_t s) const {
    const Label& l = this->label(batch, s);
    return (l.first >= 0) + (l.last >= 0);
  }
};

}  // namespace lorica::nn
