// SPDX-License-Identifier: MIT
/// @file lorica/nn/models/bert.hpp
/// BERT (Devlin et al. 2019; MiniLM is one) and RoBERTa (Liu et al. 2019): learned positions, segments,
/// post-norm, every row sees every row. They differ in names and in where positions begin.
#pragma once

#include <lorica/nn/models/names.hpp>
#include <lorica/nn/transformer.hpp>

namespace lorica::nn {

template <Backend B, class Weight = Frozen<B>> using Bert = Transformer<B, BertBlock, Weight>;

inline constexpr NamePair bert_parts[] = {
    {"embedding", "embeddings.word_embeddings"},
    {"positions", "embeddings.position_embeddings"},
    {"types", "embeddings.token_type_embeddings"},
    {"embedding.norm", "embeddings.LayerNorm"},
    {"blocks.*.q", "encoder.layer.*.attention.self.query"},
    {"blocks.*.k", "encoder.layer.*.attention.self.key"},
    {"blocks.*.v", "encoder.layer.*.attention.self.value"},
    {"blocks.*.o", "encoder.layer.*.attention.output.dense"},
    {"blocks.*.norm_1", "encoder.layer.*.attention.output.LayerNorm"},
    {"blocks.*.up", "encoder.layer.*.intermediate.dense"},
    {"blocks.*.down", "encoder.layer.*.output.dense"},
    {"blocks.*.norm_2", "encoder.layer.*.output.LayerNorm"},
};
inline constexpr Names bert_names = {.family = "bert", .prefix = "bert.", .parts = bert_parts};
inline constexpr Names roberta_names = {
    .family = "roberta", .prefix = "roberta.", .parts = bert_parts, .first_position = 2};

}  // namespace lorica::nn
