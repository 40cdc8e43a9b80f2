// SPDX-License-Identifier: MIT
/// @file lorica/io/model_folder.hpp
/// A model as a folder, config.json and weights: Hugging Face's, of any family that is known, and the
/// byte-level decoders of this library.
#pragma once

#include <lorica/io/decoder_folder.hpp>
#include <lorica/io/families.hpp>

namespace lorica::io {

/// What a folder holds, before any weight is read.
struct ModelFolder {
  std::filesystem::path path;
  Described what;
  std::shared_ptr<const ModelWeights> weights;
  bool language_model = false;  // a causal model, its head in the file or tied

  explicit ModelFolder(std::filesystem::path folder)
      : path(std::move(folder)),
        what(read(path)),
        weights(std::make_shared<const ModelWeights>(path)),
        language_model(what.decoder) {
    std::visit(
        [&](auto& c) {
          if (c.tied || (what.decoder && weights->contains(std::string(what.names.head) + ".weight"))) return;
          // Saved without its head: there are states, and no logits.
          c.tied = true;
          language_model = false;
        },
        what.config);
  }
  [[nodiscard]] nn::Source source() const { return io::source(weights, what.names); }

 private:
  static Described read(const std::filesystem::path& folder) {
    const ConfigFile c(folder / "config.json");
    if (c.has("format"))
      return {detail::read_decoder_config(c), nn::Names{.family = "lorica", .prefix = {}, .parts = {}}, true};
    return read_config(folder);
  }
};

/// A model of any family; Weight is Frozen<B> (default) or Parameter<B>.
template <class Weight, Backend B> nn::AnyModel<B, Weight> load_model_as(B& b, const ModelFolder& folder) {
  return nn::AnyModel<B, Weight>(b, folder.what.config, folder.source());
}
template <Backend B> nn::AnyModel<B> load_model(B& b, const ModelFolder& folder) {
  return load_model_as<Frozen<B>>(b, folder);
}
template <Backend B> nn::AnyModel<B> load_model(B& b, const std::filesystem::path& folder) {
  return load_model(b, ModelFolder(folder));
}

}  // namespace lorica::io
