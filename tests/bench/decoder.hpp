// SPDX-License-Identifier: MIT
/// @file tests/bench/decoder.hpp
/// The model, the text and the clock of the benchmarks of a step: a decoder of 12 layers, width 768, 4
/// sequences of 256 tokens.
#pragma once

#include <lorica/adapt/attach.hpp>
#include <lorica/nn/transformer.hpp>
#include <lorica/train/estimate.hpp>

#include "bench/clock.hpp"

namespace lorica::bench {

using Block = nn::Block<nn::LayerNorm, nn::SelfAttention<nn::Unrotated>, nn::Mlp<nn::ExactGelu>, nn::PreNorm>;
template <class B> using Model = nn::Transformer<B, Block>;

constexpr index_t layers = 12, width = 768, hidden = 3072, vocabulary = 8192, length = 256, sequences = 4,
                  rank = 8;

/// Random weights: norms near 1, the rest small and even. Not drawn by Box and Muller, which would take as
/// long as a step.
inline std::vector<float> weights(const std::string& name, Shape s) {
  const bool gain = name.find("norm") != std::string::npos && name.ends_with(".weight");
  std::vector<float> v(static_cast<std::size_t>(s.rows * s.cols));
  std::uint32_t state = static_cast<std::uint32_t>(v.size()) * 2654435761u + 1;
  for (float& x : v) {
    state = state * 1664525u + 1013904223u;
    x = (gain ? 1.f : 0.f) + 0.06f * (float(state >> 8) * 0x1p-24f - 0.5f);
  }
  return v;
}
inline train::Windows text() {
  const Stream s(1, "benchmark text", "");
  std::vector<std::int32_t> ids(static_cast<std::size_t>(8 * sequences * length + 1));
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int32_t>(s.below(vocabulary, i));
  return {std::move(ids), {.length = length}};
}

inline nn::TransformerConfig<Block> config() {
  nn::TransformerConfig<Block> config{.vocabulary = vocabulary,
                                      .width = width,
                                      .layers = layers,
                                      .positions = length,
                                      .learned_positions = true};
  config.block.attention = {.heads = 12, .kv_heads = 12, .bias = true};
  config.block.feed_forward.hidden = hidden;
  return config;
}

}  // namespace lorica::bench
