// SPDX-License-Identifier: MIT
/// @file lorica/nn/models/deberta.hpp
/// DeBERTa-v2 and v3 (He et al. 2021, 2023): disentangled attention, post-norm, no positions in the
/// embedding; in the larger ones of v2 a convolution beside the first block.
#pragma once

#include <lorica/nn/convolution.hpp>
#include <lorica/nn/disentangled_attention.hpp>
#include <lorica/nn/models/names.hpp>
#include <lorica/nn/transformer.hpp>

namespace lorica::nn {

template <Backend B, class Weight = Frozen<B>> using Deberta = Transformer<B, DebertaBlock, Weight>;

inline constexpr NamePair deberta_parts[] = {
    {"embedding", "embeddings.word_embeddings"},
    {"positions", "embeddings.position_embeddings"},
    {"types", "embeddings.token_type_embeddings"},
    {"embedding.norm", "embeddings.LayerNorm"},
    {"relative", "encoder.rel_embeddings"},
    {"relative.norm", "encoder.LayerNorm"},
    {"blocks.*.q", "encoder.layer.*.attention.self.query_proj"},
    {"blocks.*.k", "encoder.layer.*.attention.self.key_proj"},
    {"blocks.*.v", "encoder.layer.*.attention.self.value_proj"},
    {"blocks.*.o", "encoder.layer.*.attention.output.dense"},
    {"blocks.*.pos_k", "encoder.layer.*.attention.self.pos_key_proj"},
    {"blocks.*.pos_q", "encoder.layer.*.attention.self.pos_query_proj"},
    {"blocks.*.norm_1", "encoder.layer.*.attention.output.LayerNorm"},
    {"blocks.*.up", "encoder.layer.*.intermediate.dense"},
    {"blocks.*.down", "encoder.layer.*.output.dense"},
    {"blocks.*.norm_2", "encoder.layer.*.output.LayerNorm"},
    {"beside", "encoder.conv.conv"},
    {"beside.norm", "encoder.conv.LayerNorm"},
};
inline constexpr Names deberta_names = {.family = "deberta-v2", .prefix = "deberta.", .parts = deberta_parts};

}  // namespace lorica::nn
