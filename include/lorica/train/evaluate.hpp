// SPDX-License-Identifier: MIT
/// @file lorica/train/evaluate.hpp
/// The mean loss over held-out samples: no dropout, no regulariser, no tape.
#pragma once

#include <lorica/nn/objective.hpp>
#include <lorica/train/data.hpp>

#include <numbers>
#include <optional>

namespace lorica::train {

/// Nats for a target (of its weight), over all samples of `data`.
template <Backend B, class Model, class P, Data D, class O = nn::NextToken>
double evaluate(B& b, const Model& model, P& policy, const D& data, index_t batch = 16,
                const O& objective = {}) {
  expects(batch > 0, "evaluate: a batch of ", batch, ", expected at least 1");
  if constexpr (requires { policy.phase(std::optional<std::uint64_t>()); }) policy.phase(std::nullopt);
  double sum = 0, weight = 0;
  for (index_t first = 0; first < data.size(); first += batch) {
    nn::Sequences s;
    for (index_t i = first; i < std::min(data.size(), first + batch); ++i) data.append(s, i);
    const nn::Batch<B> rows(b, s);
    Tape<B> tape(b, false);
    const auto loss = objective.loss(tape, model, policy, rows);
    sum += loss.sum.value().template host<double>(b)[0];
    weight += loss.weight;
  }
  expects(weight > 0, "evaluate: no targets in ", data.size(), " samples");
  return sum / weight;
}
/// Without adapters.
template <Backend B, class Model, Data D>
double evaluate(B& b, const Model& model, const D& data, index_t batch = 16) {
  Bare bare;
  return evaluate(b, model, bare, data, batch);
}

/// Nats a byte to bits a byte.
inline double bits(double nats) { return nats / std::numbers::ln2; }

}  // namespace lorica::train
