// SPDX-License-Identifier: MIT
/// @file lorica/io/llama2c.hpp
/// The model files of llama2.c (version 0), such as stories260K.bin: a small Llama in one file.
#pragma once

#include <lorica/io/model_weights.hpp>
#include <lorica/nn/models/llama.hpp>

#include <array>
#include <cstring>

namespace lorica::io {

namespace detail {
/// Seven int32: width, hidden, layers, heads, kv heads, vocabulary (negative where the head is its own),
/// positions.
using Llama2cHeader = std::array<std::int32_t, 7>;

inline nn::DecoderConfig read_llama2c_config(const std::filesystem::path& path) {
  Llama2cHeader h{};
  const MappedFile file(path);
  expects<FileError>(file.bytes().size() >= sizeof h, "'", path.string(), "' has ", file.bytes().size(),
                     " bytes, expected a model of llama2.c, which begins with ", sizeof h);
  std::memcpy(h.data(), file.bytes().data(), sizeof h);
  const bool sane = h[0] > 0 && h[1] > 0 && h[2] > 0 && h[3] > 0 && h[4] > 0 && h[5] != 0 && h[6] > 0 &&
                    h[0] % h[3] == 0 && h[0] / h[3] % 2 == 0 && h[3] % h[4] == 0;
  expects<FileError>(sane, "'", path.string(), "' is no model of llama2.c: it says width ", h[0], ", hidden ",
                     h[1], ", layers ", h[2], ", heads ", h[3], ", kv heads ", h[4], ", vocabulary ", h[5],
                     ", positions ", h[6]);
  nn::DecoderConfig c{.vocabulary = std::abs(index_t(h[5])),
                      .width = h[0],
                      .layers = h[2],
                      .positions = h[6],
                      .tied = h[5] > 0};
  c.block.norm.eps = 1e-5;
  c.block.attention.heads = h[3];
  c.block.attention.kv_heads = h[4];
  c.block.feed_forward.hidden = h[1];
  // In double, which no header overflows: what the layout below adds up to.
  const double d = h[0], dim = d / h[3], kv = dim * h[4], words = double(c.vocabulary);
  const double numbers = words * d * (c.tied ? 1 : 2) +
                         h[2] * (2 * d + 2 * d * d + 2 * kv * d + 3.0 * h[1] * d) + d + h[6] * dim;
  const double needed = double(sizeof h) + 4 * numbers;
  expects<FileError>(double(file.bytes().size()) == needed, "'", path.string(), "' has ", file.bytes().size(),
                     " bytes, expected ", needed, " for the sizes it begins with");
  return c;
}

/// Floats, end to end: the embedding, of all layers the gains before attention, q, k, v, o, the gains before
/// the feed-forward, gate, down, up, the last gain, two tables of angles that are not read, the head.
inline std::vector<TensorInfo> llama2c_layout(const nn::DecoderConfig& c) {
  const nn::Names names = nn::llama_names("llama");
  const index_t d = c.width, dim = d / c.block.attention.heads, kv = c.block.attention.kv_heads * dim,
                hidden = c.block.feed_forward.hidden;
  std::vector<TensorInfo> out;
  std::size_t at = 0;
  const auto put = [&](std::string name, std::vector<index_t> shape) {
    const std::size_t begin = at;
    at += byte_count(Dtype::F32, shape).value_or(0);
    out.push_back({std::move(name), Dtype::F32, std::move(shape), begin, at});
  };
  const auto put_layers = [&](const char* part, const std::vector<index_t>& shape) {
    for (index_t l = 0; l < c.layers; ++l)
      put(names.tensor(message("blocks.", l, '.', part, ".weight")), shape);
  };
  put(names.tensor("embedding.weight"), {c.vocabulary, d});
  put_layers("norm_1", {d});
  put_layers("q", {d, d});
  put_layers("k", {kv, d});
  put_layers("v", {kv, d});
  put_layers("o", {d, d});
  put_layers("norm_2", {d});
  put_layers("gate", {hidden, d});
  put_layers("down", {d, hidden});
  put_layers("up", {hidden, d});
  put(names.tensor("final_norm.weight"), {d});
  for (const char* table : {"freq_cis_real", "freq_cis_imag"}) put(table, {c.positions, dim / 2});
  if (!c.tied) put(names.tensor("head.weight"), {c.vocabulary, d});
  return out;
}
}  // namespace detail

/// A model of llama2.c as transformers' Llama: its configuration, and its weights under those names. Pairs of
/// a head are turned together as (2j, 2j + 1) there and as (j, j + dim / 2) here: rows of q and k change
/// places.
struct Llama2cFile {
  nn::DecoderConfig config;
  std::shared_ptr<const ModelWeights> weights;

  explicit Llama2cFile(const std::filesystem::path& path) : config(detail::read_llama2c_config(path)) {
    auto layout = detail::llama2c_layout(config);
    std::map<std::string, index_t> names;
    for (const TensorInfo& t : layout) {
      const bool turned = t.name.ends_with("q_proj.weight") || t.name.ends_with("k_proj.weight");
      if (!t.name.starts_with("freq_cis_"))
        names[t.name] = turned ? config.width / config.block.attention.heads : 0;
    }
    weights = std::make_shared<const ModelWeights>(
        std::make_shared<const SafeTensors>(path, sizeof(detail::Llama2cHeader), std::move(layout)), names);
  }
};

/// The members of the config.json with which transformers makes the same model.
inline json::Object llama_config(const nn::DecoderConfig& c) {
  const auto& a = c.block.attention;
  return {{"architectures", json::Array{"LlamaForCausalLM"}},
          {"attention_bias", false},
          {"bos_token_id", 1},
          {"dtype", "float32"},
          {"eos_token_id", 2},
          {"head_dim", c.width / a.heads},
          {"hidden_act", "silu"},
          {"hidden_size", c.width},
          {"intermediate_size", c.block.feed_forward.hidden},
          {"max_position_embeddings", c.positions},
          {"mlp_bias", false},
          {"model_type", "llama"},
          {"num_attention_heads", a.heads},
          {"num_hidden_layers", c.layers},
          {"num_key_value_heads", a.kv_heads},
          {"rms_norm_eps", c.block.norm.eps},
          {"rope_theta", a.positions.base},
          {"tie_word_embeddings", c.tied},
          {"torch_dtype", "float32"},
          {"vocab_size", c.vocabulary}};
}

/// A model of llama2.c; its tokenizer is text::Llama2c.
template <Backend B> nn::Decoder<B> load_llama2c(B& b, const std::filesystem::path& file) {
  const Llama2cFile read(file);
  return nn::Decoder<B>(b, read.config, source(read.weights, nn::llama_names("llama")));
}

}  // namespace lorica::io
