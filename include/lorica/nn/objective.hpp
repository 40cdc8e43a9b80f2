// SPDX-License-Identifier: MIT
/// @file lorica/nn/objective.hpp
/// What is minimised. An objective answers with a sum over targets and their count, never a mean: batches
/// then add up exactly, however they are cut.
#pragma once

#include <lorica/nn/batch.hpp>
#include <lorica/nn/site.hpp>

namespace lorica::nn {

/// The sum of the loss over the targets of a batch, and how many there were.
template <Backend B> struct Loss {
  MasterVar<B> sum;
  index_t count = 0;
};

/// loss(tape, model, policy, batch) -> Loss. targets_of(batch, s): how many targets sequence s has.
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
    return {cross_entropy(model.forward(tape, batch, policy), model.head(), batch.targets, chunk),
            batch.targets.count};
  }
  template <Backend B> index_t targets_of(const Batch<B>& batch, index_t s) const {
    return batch.targets_in(s);
  }
};

}  // namespace lorica::nn
