// SPDX-License-Identifier: MIT
/// @file lorica/io/decoder_folder.hpp
/// The byte-level decoders that this library pretrains, as a folder: config.json and model.safetensors.
#pragma once

#include <lorica/io/model_weights.hpp>
#include <lorica/nn/transformer.hpp>

namespace lorica::io {

namespace detail {
inline constexpr std::string_view decoder_format = "lorica-decoder/1";

inline nn::DecoderConfig read_decoder_config(const ConfigFile& c) {
  c.one_of("format", {decoder_format});
  nn::DecoderConfig m{.vocabulary = c.whole("vocabulary"),
                      .width = c.whole("width"),
                      .layers = c.whole("layers"),
                      .positions = c.whole("positions")};
  m.block.norm.eps = c.positive("norm_eps");
  m.block.attention.heads = c.whole("heads");
  m.block.attention.kv_heads = c.whole("kv_heads");
  m.block.attention.positions.base = c.positive("rotary_base");
  m.block.feed_forward.hidden = c.whole("hidden");
  return m;
}
}  // namespace detail

/// The configuration of a decoder of this library.
inline nn::DecoderConfig read_decoder_config(const std::filesystem::path& folder) {
  return detail::read_decoder_config(ConfigFile(folder / "config.json"));
}

/// A decoder from its folder; Weight is Frozen<B> (default) or Parameter<B>.
template <class Weight, Backend B>
nn::Decoder<B, Weight> load_decoder_as(B& b, const std::filesystem::path& folder) {
  const auto config = read_decoder_config(folder);  // before the weights: its faults come first
  const nn::Names ours{.family = "lorica", .prefix = {}, .parts = {}};
  return nn::Decoder<B, Weight>(b, config, source(std::make_shared<const ModelWeights>(folder), ours));
}
template <Backend B> nn::Decoder<B> load_decoder(B& b, const std::filesystem::path& folder) {
  return load_decoder_as<Frozen<B>>(b, folder);
}

/// Writes the folder; the numbers are stored as F32, or rounded to BF16, which halves the file.
template <Backend B, class Weight>
void save_decoder(B& b, const nn::Decoder<B, Weight>& model, const std::filesystem::path& folder,
                  Dtype dtype = Dtype::F32) {
  expects(dtype == Dtype::F32 || dtype == Dtype::BF16, "save_decoder: ", dtype_name(dtype),
          " is not offered, expected F32 or BF16");
  std::filesystem::create_directories(folder);
  SafeTensorsWriter file;
  model.for_each_weight([&](const std::string& name, const auto& w) {
    const auto host = nn::numbers(b, w);
    std::vector<index_t> shape = {w.rows(), w.cols()};
    if (w.rows() == 1) shape.erase(shape.begin());
    if (dtype == Dtype::BF16)
      file.add_bf16(name, shape, host);
    else
      file.add(name, shape, std::span<const float>(host));
  });
  file.write(folder / "model.safetensors");
  const auto& c = model.config();
  write_atomically(folder / "config.json",
                   json::dump(json::Value::Object{{"format", std::string(detail::decoder_format)},
                                                  {"vocabulary", c.vocabulary},
                                                  {"width", c.width},
                                                  {"layers", c.layers},
                                                  {"positions", c.positions},
                                                  {"heads", c.block.attention.heads},
                                                  {"kv_heads", c.block.attention.kv_heads},
                                                  {"hidden", c.block.feed_forward.hidden},
                                                  {"rotary_base", c.block.attention.positions.base},
                                                  {"norm_eps", c.block.norm.eps}}) +
                       "\n");
}

}  // namespace lorica::io
