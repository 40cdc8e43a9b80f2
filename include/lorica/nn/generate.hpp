// SPDX-License-Identifier: MIT
/// @file lorica/nn/generate.hpp
/// The most likely continuation, one token at a time.
#pragma once

#include <lorica/nn/transformer.hpp>

namespace lorica::nn {

/// log-odds of every token after the sequence, [vocabulary], on the host; only the last row meets the head.
template <Backend B, class Model, class P>
std::vector<float> next_logits(B& b, const Model& model, P& policy, std::span<const std::int32_t> tokens) {
  using M = typename B::master;
  if constexpr (requires { policy.phase(std::optional<std::uint64_t>()); }) policy.phase(std::nullopt);
  Sequences s;
  s.add(tokens, {});
  const Batch<B> batch(b, s);
  Tape<B> tape(b, false);
  const auto h = model.forward(tape, batch, policy);
  MasterTensor<B> z(b, 1, model.config().vocabulary);
  lorica::detail::logits_of(b, h.value().cref().slice(h.rows() - 1, 1), model.head(), MatrixRef<M>(z.ref()));
  return z.template host<float>(b);
}

/// `n` tokens after the prompt, each the likeliest (the first among equals). What lies further back than the
/// model has positions is forgotten.
template <Backend B, class Model, class P>
std::vector<std::int32_t> generate(B& b, const Model& model, P& policy, std::vector<std::int32_t> tokens,
                                   index_t n) {
  expects(!tokens.empty(), "generate: the prompt is empty, expected at least one token");
  const std::size_t prompt = tokens.size();
  for (index_t i = 0; i < n; ++i) {
    const std::size_t seen = std::min(tokens.size(), static_cast<std::size_t>(model.config().positions));
    const auto z = next_logits(b, model, policy, std::span<const std::int32_t>(tokens).last(seen));
    tokens.push_back(static_cast<std::int32_t>(std::ranges::max_element(z) - z.begin()));
  }
  return {tokens.begin() + static_cast<std::ptrdiff_t>(prompt), tokens.end()};
}

}  // namespace lorica::nn
