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
  static const Label& label(const Batch<B>& batch, index_t s) {
    expects(s < static_cast<index_t>(batch.labels.size()), "objective: sequence ", s,
            " has no label; the batch has ", batch.labels.size());
    return batch.labels[static_cast<std::size_t>(s)];
  }
};
}  // namespace detail

/// Cross-entropy of each sequence's category; where categories have weights, each sequence counts as much as
/// its category weighs (the mean is torch.nn.CrossEntropyLoss's with `weight`).
template <Backend B> struct Classification : detail::OverHead<B> {
  std::vector<double> weights = {};  // by category; none: each is 1
  template <class Model, class P>
  Loss<B> loss(Tape<B>& tape, const Model& model, P& policy, const Batch<B>& batch) const {
    std::vector<std::int32_t> wanted;
    for (index_t s = 0; s < batch.where.sequences(); ++s) wanted.push_back(this->label(batch, s).category);
    Targets<B> targets(tape.backend(), wanted);
    const index_t count = targets.count;
    const auto z = answers(tape, model, *this->head, policy, batch);
    if (weights.empty()) return {category_loss(z, std::move(targets)), count};
    double weight = 0;
    for (const auto category : wanted)
      if (category >= 0) weight += weights.at(static_cast<std::size_t>(category));
    return {category_loss(z, std::move(targets), weights), count, weight};
  }
  index_t targets_of(const Batch<B>& batch, index_t s) const { return this->label(batch, s).category >= 0; }
};

/// Squared error of each sequence's value.
template <Backend B> struct Regression : detail::OverHead<B> {
  template <class Model, class P>
  Loss<B> loss(Tape<B>& tape, const Model& model, P& policy, const Batch<B>& batch) const {
    std::vector<double> wanted;
    for (index_t s = 0; s < batch.where.sequences(); ++s)
      wanted.push_back(double(this->label(batch, s).value));
    const auto count = static_cast<index_t>(wanted.size());
    const MasterTensor<B> values(tape.backend(), count, 1, wanted);
    return {squared_error(answers(tape, model, *this->head, policy, batch), values), count};
  }
  index_t targets_of(const Batch<B>&, index_t) const { return 1; }
};

/// Cross-entropy of the first and of the last row of each sequence's answer: two targets, so that the mean is
/// transformers' mean of both.
template <Backend B> struct Span : detail::OverHead<B> {
  template <class Model, class P>
  Loss<B> loss(Tape<B>& tape, const Model& model, P& policy, const Batch<B>& batch) const {
    std::vector<std::int32_t> ends;
    index_t count = 0;
    for (index_t s = 0; s < batch.where.sequences(); ++s) {
      const Label& l = this->label(batch, s);
      ends.push_back(l.first);
      ends.push_back(l.last);
      count += (l.first >= 0) + (l.last >= 0);
    }
    return {span_loss(answers(tape, model, *this->head, policy, batch), std::span(batch.where.offsets),
                      std::span(ends)),
            count};
  }
  index_t targets_of(const Batch<B>& batch, index_t s) const {
    const Label& l = this->label(batch, s);
    return (l.first >= 0) + (l.last >= 0);
  }
};

}  // namespace lorica::nn
