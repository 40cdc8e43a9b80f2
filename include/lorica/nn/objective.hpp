// SPDX-License-Identifier: MIT
/// @file lorica/nn/objective.hpp
/// What is minimised. An objective answers with a sum over targets and their count, never a mean: batches
/// then add up exactly, however they are cut.
#pragma once

#include <lorica/nn/batch.hpp>
#include <lorica/nn/site.hpp>

namespace lorica::nn {

/// The sum of the loss over the targets of a batch, how many there were, and what they weigh together: a mean
/// is the sum by the weight.
template <Backend B> struct Loss {
  MasterVar<B> sum;
  index_t count = 0;
  double weight = static_cast<double>(count);
};

/// The states of the rows that are read (null: of all), [rows, width]. A model whose forward does not take
/// them computes every row.
template <Backend B, class Model, class P>
Var<B> states(Tape<B>& tape, const Model& model, P& policy, const Batch<B>& batch, const RowsRead<B>* read) {
  if constexpr (requires { model.forward(tape, batch, policy, read); })
    return model.forward(tape, batch, policy, read);
  else {
    auto all = model.forward(tape, batch, policy);
    return read == nullptr ? all : rows(all, read->which);
  }
}

/// loss(tape, model, policy, batch) -> Loss. targets_of(batch, s): how many targets sequence s has. Optional:
/// repeats() -> bool, whether what it queues follows from the batch's shape alone, every target weighing 1.
template <class O, class Model, class B>
concept Objective = Backend<B> &&
    requires(const O& o, Tape<B>& tape, const Model& model, Bare& policy, const Batch<B>& batch) {
  { o.loss(tape, model, policy, batch) } -> std::same_as<Loss<B>>;
  { o.targets_of(batch, index_t{}) } -> std::convertible_to<index_t>;
};

/// Cross-entropy of each row's target under the language model's head; the targets are the batch's own.
struct NextToken {
  index_t chunk = 256;  // rows of logits at a time

  template <Backend B, class Model, class P>
  Loss<B> loss(Tape<B>& tape, const Model& model, P& policy, const Batch<B>& batch) const {
    const auto& answers = batch.answers;
    const auto h = states(tape, model, policy, batch, answers ? &answers->rows : nullptr);
    return {cross_entropy(h, model.head(), answers ? answers->targets : batch.targets, chunk),
            batch.targets.count};
  }
  static constexpr bool repeats() { return true; }
  template <Backend B> index_t targets_of(const Batch<B>& batch, index_t s) const {
    return batch.targets_in(s);
  }
};

}  // namespace lorica::nn
