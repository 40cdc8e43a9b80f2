// SPDX-License-Identifier: MIT
/// @file lorica/nn/models/names.hpp
/// What checkpoints of a family call our weights. A family is an alias of blocks and one of these tables.
#pragma once

#include <lorica/nn/site.hpp>

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace lorica::nn {

/// One part of a model: our path and theirs. A * stands for the number of a layer.
struct NamePair {
  std::string_view ours;
  std::string_view theirs;
};

/// The table of a family.
struct Names {
  std::string_view family;          // "gpt2": config.json's model_type
  std::string_view prefix;          // "transformer.", before every part of the model, but not of a head
  std::span<const NamePair> parts;  // in the order of the model
  std::string_view head = {};       // of a language model with an embedding of its own, without prefix
  bool transposed = false;          // matrices of sites are [in, out] (GPT-2's Conv1D)
  index_t first_position = 0;       // rows of the table of positions that no token reads (RoBERTa: 2)

  /// "blocks.3.q" -> "h.3.attn.c_attn", without prefix; nothing for what the family does not have.
  [[nodiscard]] std::optional<std::string> part(std::string_view path) const {
    const auto [shape, number] = starred(path);
    for (const NamePair& p : parts) {
      if (p.ours != shape) continue;
      std::string theirs(p.theirs);
      if (const auto star = theirs.find('*'); star != std::string::npos) theirs.replace(star, 1, number);
      return theirs;
    }
    return {};
  }
  /// "blocks.3.q" -> "transformer.h.3.attn.c_attn": what a library that wraps the model calls the module.
  [[nodiscard]] std::string module(std::string_view path) const {
    if (path == "head" && !head.empty()) return std::string(head);
    const auto found = part(path);
    expects(found.has_value(), "names of ", family, ": there is nothing called \"", path, '"');
    return std::string(prefix) + *found;
  }
  /// "blocks.3.q.weight" -> "transformer.h.3.attn.c_attn.weight"
  [[nodiscard]] std::string tensor(std::string_view name) const {
    const auto dot = name.rfind('.');
    return module(name.substr(0, dot)) + std::string(name.substr(dot));
  }

 private:
  /// "blocks.3.q" -> "blocks.*.q" and "3"
  static std::pair<std::string, std::string> starred(std::string_view path) {
    constexpr std::string_view blocks = "blocks.";
    if (!path.starts_with(blocks)) return {std::string(path), {}};
    const auto dot = path.find('.', blocks.size());
    return {std::string(blocks) + "*" + std::string(path.substr(dot)),
            std::string(path.substr(blocks.size(), dot - blocks.size()))};
  }
};

}  // namespace lorica::nn
