// SPDX-License-Identifier: MIT
/// @file lorica/io/peft/names.hpp
/// What PEFT calls a tensor: in a model, where the name of the adapter is part of it, and in a file.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace lorica::io::peft {

/// What every name in a file begins with; the path of the module in the base model follows.
inline constexpr std::string_view base_prefix = "base_model.model.";

/// The name in a file: without the name of the adapter where it stands last or last but one.
[[nodiscard]] inline std::string on_disk(std::string_view in_model, std::string_view adapter = "default") {
  std::string name(in_model);
  const std::string tag = "." + std::string(adapter);
  if (name.ends_with(tag)) return name.substr(0, name.size() - tag.size());
  const std::size_t dot = name.rfind('.');
  if (dot == std::string::npos) return name;
  const std::string_view head = std::string_view(name).substr(0, dot);
  if (head.ends_with(tag)) name.erase(dot - tag.size(), tag.size());
  return name;
}

/// The name in a model: the adapter's follows the last segment or the last but one, whichever begins with
/// lora_. Names without such a segment stay as they are.
[[nodiscard]] inline std::string in_model(std::string_view on_disk, std::string_view adapter = "default") {
  std::string name(on_disk);
  const auto segment = [&](std::size_t end) {
    const std::size_t dot = std::string_view(name).substr(0, end).rfind('.');
    return std::string_view(name).substr(dot == std::string::npos ? 0 : dot + 1);
  };
  const std::size_t last = name.rfind('.');
  if (segment(name.size()).starts_with("lora_"))
    name += "." + std::string(adapter);
  else if (last != std::string::npos && segment(last).starts_with("lora_"))
    name.insert(last, "." + std::string(adapter));
  return name;
}

/// A name in a file, taken apart: a module of the base model and what of its adapter.
struct Key {
  std::string module;
  std::string part;  // "lora_A.weight", "lora_E", ...
};

/// Takes a name apart, with or without the prefix; none where it is no adapter's.
[[nodiscard]] inline std::optional<Key> key_of(std::string_view name) {
  if (name.starts_with(base_prefix)) name.remove_prefix(base_prefix.size());
  for (const std::string_view mark : {".lora_", ".token_adapter."}) {
    const std::size_t at = name.rfind(mark);
    if (at != std::string_view::npos)
      return Key{std::string(name.substr(0, at)), std::string(name.substr(at + 1))};
  }
  return std::nullopt;
}

}  // namespace lorica::io::peft
