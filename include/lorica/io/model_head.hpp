// SPDX-License-Identifier: MIT
/// @file lorica/io/model_head.hpp
/// The head of a task, as checkpoints and adapters name its tensors.
#pragma once

#include <lorica/io/model_folder.hpp>
#include <lorica/io/peft/folder_reader.hpp>
#include <lorica/nn/head.hpp>

#include <map>

namespace lorica::io {

/// What transformers puts on a model of that family for classes or, with one output, for a number.
[[nodiscard]] inline nn::HeadConfig sequence_head(const nn::Names& names, index_t outputs) {
  if (names.family == "bert") return nn::bert_head(outputs);
  if (names.family == "roberta") return nn::roberta_head(outputs);
  if (names.family == "deberta-v2") return nn::deberta_head(outputs);
  return nn::decoder_head(outputs);
}

/// The head that these tensors are of, if they are one's: `rows_of(name)` is a tensor's first extent, or 0.
template <std::invocable<std::string> RowsOf>
[[nodiscard]] std::optional<nn::HeadConfig> head_of(const nn::Names& names, RowsOf rows_of) {
  const nn::HeadConfig span = nn::span_head();
  if (rows_of(span.output_name + ".weight") > 0) return span;
  const index_t outputs = rows_of(sequence_head(names, 1).output_name + ".weight");
  if (outputs > 0) return sequence_head(names, outputs);
  return {};
}

namespace detail {
/// The shapes of a folder's tensors, by name.
[[nodiscard]] inline std::map<std::string, std::vector<index_t>> shapes_of(const ModelFolder& folder) {
  std::map<std::string, std::vector<index_t>> all;
  folder.weights->for_each([&](const SafeTensors&, const TensorInfo& t) { all[t.name] = t.shape; });
  return all;
}
/// The members of config.json; none of a model of llama2.c.
[[nodiscard]] inline json::Value config_of(const ModelFolder& folder) {
  return folder.file.empty() ? json::read(folder.path / "config.json") : json::Value(json::Object{});
}
}  // namespace detail

/// What config.json calls the categories that a folder's head tells apart (id2label), in their order; empty
/// where it does not.
[[nodiscard]] inline std::vector<std::string> labels_of(const ModelFolder& folder) {
  const auto config = detail::config_of(folder);
  const json::Value* names = config.find("id2label");
  std::vector<std::string> all;
  if (names == nullptr || !names->is_object()) return all;
  for (std::size_t i = 0; i < names->as_object().size(); ++i) {
    const json::Value* name = names->find(std::to_string(i));
    if (name == nullptr || !name->is_string()) return {};
    all.push_back(name->as_string());
  }
  return all;
}

/// The head in a model's folder: of a model that was saved with one. One that answers every token is none.
[[nodiscard]] inline std::optional<nn::HeadConfig> head_of(const ModelFolder& folder) {
  const auto config = detail::config_of(folder);
  const json::Value* classes = config.find("architectures");
  if (classes != nullptr && classes->is_array())
    for (const json::Value& name : classes->as_array())
      if (name.is_string() && name.as_string().ends_with("ForTokenClassification")) return {};
  const auto shapes = detail::shapes_of(folder);
  return head_of(folder.what.names, [&](const std::string& name) -> index_t {
    const auto at = shapes.find(name);
    return at == shapes.end() || at->second.empty() ? 0 : at->second.front();
  });
}
/// The head among the tensors that an adapter brings.
[[nodiscard]] inline std::optional<nn::HeadConfig> head_of(const nn::Names& names,
                                                           std::span<const peft::SavedTensor> saved) {
  return head_of(names, [&](const std::string& name) -> index_t {
    const auto at = std::ranges::find(saved, name, &peft::SavedTensor::name);
    return at == saved.end() || at->shape.empty() ? 0 : at->shape.front();
  });
}

/// Where the parts of a head come from: an adapter's tensors, else those of the model's folder that have the
/// shape (BERT's pooler is in most; a classifier of other classes begins anew), else `otherwise`. It refers
/// to `saved`, and keeps the folder's files.
[[nodiscard]] inline nn::Source head_source(const ModelFolder& folder,
                                            std::span<const peft::SavedTensor> saved, nn::Source otherwise) {
  return [weights = folder.weights, shapes = detail::shapes_of(folder),
          prefix = std::string(folder.what.names.prefix), saved,
          otherwise = std::move(otherwise)](const std::string& name, Shape shape) -> nn::Numbers {
    std::vector<index_t> wanted = {shape.rows, shape.cols};
    if (name.ends_with(".bias")) wanted.erase(wanted.begin());
    if (const auto at = std::ranges::find(saved, name, &peft::SavedTensor::name); at != saved.end()) {
      expects<FileError>(at->shape == wanted, "the adapter's tensor ", json::quote(name), " is ",
                         shape_text(at->shape), ", the head needs ", shape_text(wanted));
      return at->values;
    }
    const std::string bare = name.starts_with(prefix) ? name.substr(prefix.size()) : name;
    for (const std::string& stored : {name, bare})
      if (const auto at = shapes.find(stored); at != shapes.end() && at->second == wanted)
        return weights->numbers(stored, shape);
    return otherwise(name, shape);
  };
}

/// For a head that must be there whole.
[[nodiscard]] inline nn::Source no_other_source(const ModelFolder& folder) {
  return [path = folder.path.string()](const std::string& name, Shape) -> nn::Numbers {
    throw FileError(message("neither the adapter nor '", path, "' has the tensor ", json::quote(name),
                            ", which the head needs"));
  };
}

}  // namespace lorica::io
