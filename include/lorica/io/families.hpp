// SPDX-License-Identifier: MIT
/// @file lorica/io/families.hpp
/// What config.json of a Hugging Face model folder says, as a configuration of ours. An architecture that is
/// not known and an option that would change the numbers is an error naming it.
#pragma once

#include <lorica/io/config_file.hpp>
#include <lorica/nn/models/any.hpp>

namespace lorica::io {

/// A model that a folder describes.
struct Described {
  nn::AnyConfig config;
  nn::Names names;
  bool decoder = true;  // causal: it can be a language model
};

namespace detail {

/// Llama 3.1's settings, linear ones, or none. transformers 5 keeps them beside the base, in rope_parameters.
inline nn::Rotary read_rotary(const ConfigFile& c) {
  nn::Rotary r;
  const auto parameters = c.object("rope_parameters"), scaling = c.object("rope_scaling");
  r.base = parameters && parameters->has("rope_theta") ? parameters->positive("rope_theta")
                                                       : c.positive("rope_theta", 10000.0);
  const auto& s = parameters ? parameters : scaling;
  if (!s) return r;
  const char* key = s->has("type") && !s->has("rope_type") ? "type" : "rope_type";
  const std::string kind = s->one_of(key, {"default", "linear", "llama3"}, "default");
  if (s->has("partial_rotary_factor") && s->positive("partial_rotary_factor") != 1)
    s->refuse(s->quoted("partial_rotary_factor"), " is ", s->positive("partial_rotary_factor"),
              ", which is not supported; expected 1");
  if (kind == "linear") r.scaling = nn::LinearScaling{s->positive("factor")};
  if (kind == "llama3")
    r.scaling =
        nn::Llama3Scaling{s->positive("factor"), s->positive("low_freq_factor"),
                          s->positive("high_freq_factor"), s->positive("original_max_position_embeddings")};
  return r;
}

/// Which layers have a window: those from one on, as max_window_layers or layer_types say.
inline void read_window(const ConfigFile& c, std::string_view family, nn::SelfAttention<nn::Rotary>& a,
                        index_t layers) {
  const bool used = family == "mistral" || (family != "llama" && c.flag("use_sliding_window", false));
  const json::Value* given = c.json().find("sliding_window");
  if (!used || (given != nullptr && given->is_null())) return;
  a.window = c.whole("sliding_window", 4096);  // transformers' default
  if (family != "mistral") {
    const json::Value* from = c.find("max_window_layers");
    a.window_from = from != nullptr && from->is_integer() ? from->as_integer() : 28;  // the same
  }
  const json::Value* types = c.find("layer_types");
  if (types == nullptr) return;
  const auto& list = types->as_array();
  if (static_cast<index_t>(list.size()) != layers)
    c.refuse("\"layer_types\" has ", list.size(), " entries for ", layers, " layers");
  a.window_from = layers;
  for (index_t l = 0; l < layers; ++l) {
    const std::string& type = list[static_cast<std::size_t>(l)].as_string();
    const bool windowed = type == "sliding_attention";
    if (windowed && a.window_from == layers) a.window_from = l;
    if ((!windowed && type != "full_attention") || (!windowed && a.window_from < layers))
      c.refuse("\"layer_types\" says ", json::quote(type), " for layer ", l,
               "; supported are layers of full_attention and after them layers of sliding_attention");
  }
}

inline Described read_llama(const ConfigFile& c, std::string_view family) {
  nn::TransformerConfig<nn::LlamaBlock> m{.vocabulary = c.whole("vocab_size"),
                                          .width = c.whole("hidden_size"),
                                          .layers = c.whole("num_hidden_layers"),
                                          .positions = c.whole("max_position_embeddings"),
                                          .tied = c.flag("tie_word_embeddings", false)};
  c.one_of("hidden_act", {"silu"}, "silu");
  auto& a = m.block.attention;
  a.heads = c.whole("num_attention_heads");
  a.kv_heads = c.whole("num_key_value_heads", a.heads);
  a.head_dim = c.whole("head_dim", family == "qwen3" ? 128 : m.width / a.heads);
  a.bias = family == "qwen2" || c.flag("attention_bias", false);
  a.output_bias = family != "qwen2" && c.flag("attention_bias", false);
  a.positions = read_rotary(c);
  m.block.norm.eps = c.positive("rms_norm_eps", 1e-6);
  if (family == "qwen3") a.head_norm = nn::RmsNorm{m.block.norm.eps};
  if (family == "llama" && c.has("pretraining_tp") && c.whole("pretraining_tp") != 1)
    c.refuse("\"pretraining_tp\" is ", c.whole("pretraining_tp"), ", which is not supported; expected 1");
  read_window(c, family, a, m.layers);
  m.block.feed_forward = {.hidden = c.whole("intermediate_size"), .bias = c.flag("mlp_bias", false)};
  return {m, nn::llama_names(family), true};
}

inline Described read_gpt2(const ConfigFile& c, std::string_view) {
  nn::TransformerConfig<nn::Gpt2Block> m{.vocabulary = c.whole("vocab_size"),
                                         .width = c.whole("n_embd"),
                                         .layers = c.whole("n_layer"),
                                         .positions = c.whole("n_positions"),
                                         .learned_positions = true,
                                         .tied = c.flag("tie_word_embeddings", true)};
  c.one_of("activation_function", {"gelu_new", "gelu_pytorch_tanh"}, "gelu_new");
  c.only("scale_attn_weights", true);
  c.only("scale_attn_by_inverse_layer_idx", false);
  c.only("add_cross_attention", false);
  m.block.norm.eps = c.positive("layer_norm_epsilon", 1e-5);
  const index_t heads = c.whole("n_head");
  m.block.attention = {.heads = heads, .kv_heads = heads, .bias = true, .output_bias = true};
  m.block.feed_forward = {.hidden = c.whole("n_inner", 4 * m.width)};
  return {m, nn::gpt2_names, true};
}

inline Described read_bert(const ConfigFile& c, std::string_view family) {
  nn::Names names = family == "bert" ? nn::bert_names : nn::roberta_names;
  const index_t table = c.whole("max_position_embeddings");
  // RoBERTa counts positions from the one after its padding token's.
  if (family == "roberta") {
    const json::Value* given = c.find("pad_token_id");
    const index_t padding = given != nullptr && given->is_integer() ? given->as_integer() : 1;
    if (padding < -1 || padding > table - 2)
      c.refuse("\"pad_token_id\" is ", padding, " and \"max_position_embeddings\" ", table,
               ", expected at least -1, and positions beyond the padding token's");
    names.first_position = padding + 1;
  }
  nn::TransformerConfig<nn::BertBlock> m{.vocabulary = c.whole("vocab_size"),
                                         .width = c.whole("hidden_size"),
                                         .layers = c.whole("num_hidden_layers"),
                                         .positions = table - names.first_position,
                                         .learned_positions = true,
                                         .types = c.whole("type_vocab_size", 2),
                                         .embedding_norm = true};
  c.one_of("hidden_act", {"gelu"}, "gelu");
  c.one_of("position_embedding_type", {"absolute"}, "absolute");
  c.only("is_decoder", false);
  c.only("add_cross_attention", false);
  if (c.has("embedding_size") && c.whole("embedding_size") != m.width)
    c.refuse("\"embedding_size\" is ", c.whole("embedding_size"), ", which is not supported; expected ",
             "\"hidden_size\", ", m.width);
  m.block.norm.eps = c.positive("layer_norm_eps", 1e-12);
  const index_t heads = c.whole("num_attention_heads");
  m.block.attention = {.heads = heads, .kv_heads = heads, .causal = false, .bias = true, .output_bias = true};
  m.block.feed_forward = {.hidden = c.whole("intermediate_size")};
  return {m, names, false};
}

/// "p2c|c2p", or a list of them
inline bool has_position_term(const ConfigFile& c, std::string_view term) {
  const json::Value* v = c.find("pos_att_type");
  if (v == nullptr) return false;
  std::string all;
  if (v->is_string())
    all = v->as_string();
  else
    for (const json::Value& one : v->as_array()) all += one.as_string() + "|";
  return ("|" + all + "|").find("|" + std::string(term) + "|") != std::string::npos;
}
/// An integer above 0, or `otherwise` where the key says -1 or is missing.
inline index_t whole_or(const ConfigFile& c, std::string_view key, index_t otherwise) {
  const json::Value* v = c.find(key);
  return v == nullptr || (v->is_integer() && v->as_integer() == -1) ? otherwise : c.whole(key);
}

inline Described read_deberta(const ConfigFile& c, std::string_view) {
  nn::TransformerConfig<nn::DebertaBlock> m{.vocabulary = c.whole("vocab_size"),
                                            .width = c.whole("hidden_size"),
                                            .layers = c.whole("num_hidden_layers"),
                                            .positions = c.whole("max_position_embeddings"),
                                            .learned_positions = c.flag("position_biased_input", true),
                                            .embedding_norm = true};
  const json::Value* types = c.find("type_vocab_size");
  m.types = types != nullptr && types->is_integer() ? types->as_integer() : 0;
  c.one_of("hidden_act", {"gelu"}, "gelu");
  if (!c.flag("relative_attention", false))
    c.refuse("\"relative_attention\" is false, which is not supported; expected true");
  if (c.has("embedding_size") && c.whole("embedding_size") != m.width)
    c.refuse("\"embedding_size\" is ", c.whole("embedding_size"), ", which is not supported; expected ",
             "\"hidden_size\", ", m.width);
  m.block.norm.eps = c.positive("layer_norm_eps", 1e-7);
  auto& a = m.block.attention;
  a.heads = c.whole("num_attention_heads");
  a.positions = {.buckets = whole_or(c, "position_buckets", 0),
                 .longest = whole_or(c, "max_relative_positions", m.positions)};
  a.content_to_position = has_position_term(c, "c2p");
  a.position_to_content = has_position_term(c, "p2c");
  a.share_projections = c.flag("share_att_key", false);
  a.table_norm = c.one_of("norm_rel_ebd", {"none", "layer_norm"}, "none") == "layer_norm";
  a.eps = m.block.norm.eps;
  m.block.feed_forward = {.hidden = c.whole("intermediate_size")};
  if (const json::Value* kernel = c.find("conv_kernel_size"); kernel != nullptr && kernel->as_number() > 0) {
    c.one_of("conv_act", {"gelu"}, "tanh");
    const index_t wide = c.whole("conv_kernel_size"), most = 1023;
    if (wide > most) c.refuse("\"conv_kernel_size\" is ", wide, ", expected at most ", most);
    m.block.beside = nn::Convolution<nn::ExactGelu>{
        .kernel = wide, .groups = c.whole("conv_groups", 1), .eps = m.block.norm.eps};
  }
  return {m, nn::deberta_names, false};
}

struct FamilyReader {
  std::string_view type;  // config.json's model_type
  Described (*read)(const ConfigFile&, std::string_view type);
};
inline constexpr FamilyReader family_readers[] = {
    {"gpt2", read_gpt2},     {"bert", read_bert},   {"roberta", read_bert}, {"llama", read_llama},
    {"mistral", read_llama}, {"qwen2", read_llama}, {"qwen3", read_llama},  {"deberta-v2", read_deberta},
};
}  // namespace detail

/// Reads config.json of a folder.
inline Described read_config(const std::filesystem::path& folder) {
  const ConfigFile c(folder / "config.json");
  const std::string type = c.text("model_type");
  std::string known;
  for (const auto& reader : detail::family_readers) {
    if (reader.type == type) return reader.read(c, reader.type);
    known += (known.empty() ? "" : ", ") + std::string(reader.type);
  }
  c.refuse("\"model_type\" is ", json::quote(type), ", which is not known; known are ", known);
}

}  // namespace lorica::io
