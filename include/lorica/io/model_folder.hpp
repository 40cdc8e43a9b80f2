// SPDX-License-Identifier: MIT
/// @file lorica/io/model_folder.hpp
/// A decoder as a folder: config.json and model.safetensors.
#pragma once

#include <lorica/io/json.hpp>
#include <lorica/io/safetensors.hpp>
#include <lorica/nn/transformer.hpp>

namespace lorica::io {

namespace detail {
inline constexpr std::string_view decoder_format = "lorica-decoder/1";

/// A member of config.json that must be a number above 0.
template <class T> T positive(const json::Value& config, const std::filesystem::path& file, const char* key) {
  const json::Value& v = config.at(key);
  try {
    const double x = v.as_number();
    expects<FileError>(x > 0, "'", file.string(), "': \"", key, "\" is ", x, ", expected above 0");
    if constexpr (std::integral<T>)
      return static_cast<T>(v.as_integer());
    else
      return static_cast<T>(x);
  } catch (const json::JsonError& e) {
    throw FileError(message("'", file.string(), "': \"", key, "\": ", e.what()));
  }
}
}  // namespace detail

/// The configuration that a model folder states.
inline nn::DecoderConfig read_decoder_config(const std::filesystem::path& folder) {
  const auto file = folder / "config.json";
  const json::Value config = json::read(file);
  try {
    const std::string& format = config.at("format").as_string();
    expects<FileError>(format == detail::decoder_format, "'", file.string(), "': \"format\" is \"", format,
                       "\", expected \"", detail::decoder_format, "\"");
    const auto whole = [&](const char* key) { return detail::positive<index_t>(config, file, key); };
    nn::DecoderConfig c{.vocabulary = whole("vocabulary"),
                        .width = whole("width"),
                        .layers = whole("layers"),
                        .positions = whole("positions")};
    c.block.norm.eps = detail::positive<double>(config, file, "norm_eps");
    c.block.attention.heads = whole("heads");
    c.block.attention.kv_heads = whole("kv_heads");
    c.block.attention.positions.base = detail::positive<double>(config, file, "rotary_base");
    c.block.feed_forward.hidden = whole("hidden");
    return c;
  } catch (const json::JsonError& e) {
    throw FileError(message("'", file.string(), "': ", e.what()));
  }
}

/// The weights of a folder, for the constructor of a model: every tensor named and shaped as the
/// configuration says. A vector [1, n] of ours is [n] in a file.
inline nn::Source source(std::shared_ptr<const SafeTensors> file) {
  return [file](const std::string& name, Shape s) {
    return s.rows == 1 && file->info(name).shape.size() == 1 ? file->read<float>(name, {s.cols})
                                                             : file->read<float>(name, {s.rows, s.cols});
  };
}

/// A decoder from its folder; Weight is Frozen<B> (default) or Parameter<B>.
template <class Weight, Backend B>
nn::Decoder<B, Weight> load_decoder_as(B& b, const std::filesystem::path& folder) {
  const auto config = read_decoder_config(folder);
  return nn::Decoder<B, Weight>(b, config,
                                source(std::make_shared<const SafeTensors>(folder / "model.safetensors")));
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
