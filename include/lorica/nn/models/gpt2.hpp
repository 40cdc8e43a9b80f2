// SPDX-License-Identifier: MIT
/// @file lorica/nn/models/gpt2.hpp
/// GPT-2 (Radford et al. 2019): learned positions, pre-norm, q, k and v by one linear.
#pragma once

#include <lorica/nn/models/names.hpp>
#include <lorica/nn/transformer.hpp>

namespace lorica::nn {

template <Backend B, class Weight = Frozen<B>> using Gpt2 = Transformer<B, Gpt2Block, Weight>;

inline constexpr NamePair gpt2_parts[] = {
    {"embedding", "wte"},
    {"positions", "wpe"},
    {"blocks.*.norm_1", "h.*.ln_1"},
    {"blocks.*.qkv", "h.*.attn.c_attn"},
    {"blocks.*.o", "h.*.attn.c_proj"},
    {"blocks.*.norm_2", "h.*.ln_2"},
    {"blocks.*.up", "h.*.mlp.c_fc"},
    {"blocks.*.down", "h.*.mlp.c_proj"},
    {"final_norm", "ln_f"},
};
inline constexpr Names gpt2_names = {
    .family = "gpt2", .prefix = "transformer.", .parts = gpt2_parts, .head = "lm_head", .transposed = true};

}  // namespace lorica::nn
