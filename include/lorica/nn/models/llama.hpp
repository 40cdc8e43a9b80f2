// SPDX-License-Identifier: MIT
/// @file lorica/nn/models/llama.hpp
/// Llama 2 and 3 (Touvron et al. 2023), and with other settings of the same blocks Mistral (a window), Qwen2
/// (biases of q, k and v) and Qwen3 (normalised heads): one type, one table of names.
#pragma once

#include <lorica/nn/models/names.hpp>
#include <lorica/nn/transformer.hpp>

namespace lorica::nn {

template <Backend B, class Weight = Frozen<B>> using Llama = Decoder<B, Weight>;

inline constexpr NamePair llama_parts[] = {
    {"embedding", "embed_tokens"},
    {"blocks.*.norm_1", "layers.*.input_layernorm"},
    {"blocks.*.q", "layers.*.self_attn.q_proj"},
    {"blocks.*.k", "layers.*.self_attn.k_proj"},
    {"blocks.*.v", "layers.*.self_attn.v_proj"},
    {"blocks.*.q_norm", "layers.*.self_attn.q_norm"},
    {"blocks.*.k_norm", "layers.*.self_attn.k_norm"},
    {"blocks.*.o", "layers.*.self_attn.o_proj"},
    {"blocks.*.norm_2", "layers.*.post_attention_layernorm"},
    {"blocks.*.gate", "layers.*.mlp.gate_proj"},
    {"blocks.*.up", "layers.*.mlp.up_proj"},
    {"blocks.*.down", "layers.*.mlp.down_proj"},
    {"final_norm", "norm"},
};
/// The table is the same for llama, mistral, qwen2 and qwen3.
constexpr Names llama_names(std::string_view family) {
  return {.family = family, .prefix = "model.", .parts = llama_parts, .head = "lm_head"};
}

}  // namespace lorica::nn
