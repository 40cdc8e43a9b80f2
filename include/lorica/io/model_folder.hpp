// SPDX-License-Identifier: MIT
/// @file lorica/io/model_folder.hpp
/// A model as a folder: config.json and weights, Hugging Face's, of any family that is known, and the
/// byte-level decoders of this library; or a model of llama2.c.
#pragma once

#include <lorica/io/decoder_folder.hpp>
#include <lorica/io/families.hpp>
#include <lorica/io/llama2c.hpp>

namespace lorica::io {

namespace detail {
/// llama2.c's model at a path: the file itself, or the one .bin beside tok*.bin in a folder without
/// config.json. Nothing, where the folder has one.
inline std::optional<std::filesystem::path> llama2c_model(const std::filesystem::path& path) {
  namespace fs = std::filesystem;
  constexpr const char* looked_for =
      "a model's folder has config.json (Hugging Face's, or this library's decoders) or one .bin beside a "
      "tok*.bin (llama2.c's)";
  if (fs::is_regular_file(path)) {
    expects<FileError>(path.extension() == ".bin", "'", path.string(),
                       "' is a file, expected a folder: ", looked_for);
    return path;
  }
  expects<FileError>(fs::is_directory(path), "'", path.string(), "' is no folder: ", looked_for);
  if (fs::exists(path / "config.json")) return {};
  std::vector<fs::path> models;
  std::size_t tokenizers = 0;
  for (const auto& entry : fs::directory_iterator(path)) {
    if (!entry.is_regular_file() || entry.path().extension() != ".bin") continue;
    if (entry.path().filename().string().starts_with("tok"))
      ++tokenizers;
    else
      models.push_back(entry.path());
  }
  expects<FileError>(models.size() == 1 && tokenizers > 0, "'", path.string(),
                     "' holds no model: ", looked_for, "; it has no config.json, ", models.size(),
                     " .bin and ", tokenizers, " tok*.bin");
  return models.front();
}
}  // namespace detail

/// What a folder holds, before any weight is read. A model of llama2.c is transformers' Llama here: its
/// weights have those names.
struct ModelFolder {
  std::filesystem::path path;       // the folder, also where a file was given
  std::filesystem::path file = {};  // of a model of llama2.c; of others, nothing
  Described what = {};
  std::shared_ptr<const ModelWeights> weights;
  bool language_model = false;  // a causal model, its head in the file or tied

  /// A folder, or the .bin of llama2.c itself.
  explicit ModelFolder(std::filesystem::path folder_or_file) : path(std::move(folder_or_file)) {
    if (const auto found = detail::llama2c_model(path)) {
      file = *found;
      path = file.has_parent_path() ? file.parent_path() : ".";
      Llama2cFile model(file);
      what = {model.config, nn::llama_names("llama"), true};
      weights = std::move(model.weights);
    } else {
      what = read(path);
      weights = std::make_shared<const ModelWeights>(path);
    }
    language_model = what.decoder;
    const std::string head = std::string(what.names.head) + ".weight";
    const bool has_head = what.decoder && weights->contains(head);
    std::visit(
        [&](auto& c) {
          if (c.tied) {
            if (!has_head) return;
            // One of its own all the same, as transformers sees it: a merged adapter's, say.
            const std::string embedding = names_in(*weights, what.names).tensor("embedding.weight");
            if (weights->contains(embedding) && !weights->same(head, embedding)) c.tied = false;
          } else if (!has_head) {  // saved without: there are states, and no logits
            c.tied = true;
            language_model = false;
          }
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
