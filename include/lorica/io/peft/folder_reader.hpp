// SPDX-License-Identifier: MIT
/// @file lorica/io/peft/folder_reader.hpp
/// A PEFT folder opened: its configuration, and its tensors by module. Models come later, see load.hpp.
#pragma once

#include <lorica/io/peft/config_reader.hpp>
#include <lorica/io/peft/module.hpp>
#include <lorica/io/safetensors_reader.hpp>

#include <algorithm>
#include <cmath>
#include <map>

namespace lorica::io::peft {

/// The names of one module's tensors; empty where there is none.
struct AdaptedModule {
  std::string path;
  std::string a = {}, b = {}, e = {}, magnitude = {}, bias = {};
};

/// What a folder holds.
struct Folder {
  Config config;
  std::vector<std::string> warnings;
  SafeTensors file;
  std::vector<AdaptedModule> modules = {};  // by path
  std::vector<SavedTensor> saved = {};
};

namespace detail {

/// A tensor as numbers; an element that is not finite is an error naming it.
template <class T> std::vector<T> finite(const SafeTensors& file, const std::string& name) {
  auto values = file.read<T>(name);
  const auto at = std::ranges::find_if(values, [](T x) { return !std::isfinite(x); });
  if (at != values.end())  // the message is made for the one that has it
    expects<FileError>(false, "'", file.path().string(), "': tensor ", json::quote(name), ": element ",
                       at - values.begin(), " is ", *at, ", expected a finite number");
  return values;
}

/// Which of a module's tensors a name means; null where it is none that is supported.
inline std::string* part_of(AdaptedModule& m, const std::string& part, bool adalora) {
  const std::string weight = adalora ? "" : ".weight";
  if (part == "lora_A" + weight) return &m.a;
  if (part == "lora_B" + weight) return &m.b;
  if (part == "lora_E" && adalora) return &m.e;
  if (part == "lora_magnitude_vector" || part == "lora_magnitude_vector.weight") return &m.magnitude;
  if (part == "lora_B.bias" && !adalora) return &m.bias;
  return nullptr;
}

/// Whether a tensor belongs to a module that is saved whole, by the configuration or by the task's custom.
inline bool is_saved(const Config& c, const std::string& name) {
  Targets whole{.modules = Names{.pattern = "all-linear"}, .saved = c.targets.saved};
  if (c.task_type && c.task_type->ends_with("_CLS"))
    whole.saved.insert(whole.saved.end(), {"classifier", "score"});
  if (c.task_type == "QUESTION_ANS") whole.saved.emplace_back("qa_outputs");
  return !selects(whole, name);
}

inline std::string in_file(const SafeTensors& file, const std::string& tensor) {
  return message("'", file.path().string(), "': tensor ", json::quote(tensor));
}

inline void sort_tensors(Folder& f) {
  std::map<std::string, AdaptedModule> modules;
  for (const TensorInfo& t : f.file.tensors()) {
    const std::string where = in_file(f.file, t.name);
    if (const auto key = key_of(t.name)) {
      AdaptedModule& m = modules.try_emplace(key->module, AdaptedModule{key->module}).first->second;
      std::string* const part = part_of(m, key->part, f.config.adalora);
      expects<FileError>(part != nullptr, where, ": ", json::quote(key->part), " of ",
                         name_of(kind_of(f.config)), " is not supported: the answers would be wrong");
      expects<FileError>(part->empty(), where, " is there twice, also as ", json::quote(*part));
      *part = t.name;
      continue;
    }
    std::string name = t.name;
    if (name.starts_with(base_prefix)) name.erase(0, base_prefix.size());
    constexpr std::string_view infix = "modules_to_save.";  // in folders of the first releases
    if (const auto at = name.find(infix); at != std::string::npos) name.erase(at, infix.size());
    const bool base = name.find("base_layer.") != std::string::npos;
    expects<FileError>(
        !base && is_saved(f.config, name), where,
        " is neither an adapter's nor of a module of modules_to_save: it belongs to the base model, "
        "whose weights stay as they are here");
    f.saved.push_back({name, t.shape, finite<float>(f.file, t.name)});
  }
  const Kind kind = kind_of(f.config);
  for (auto& entry : modules) {
    AdaptedModule& m = entry.second;
    const auto wants = [&](const char* what, const std::string& tensor, bool wanted) {
      expects<FileError>(tensor.empty() != wanted, "'", f.file.path().string(), "': the module ",
                         json::quote(m.path), wanted ? " lacks " : " has a ", what, ", expected ",
                         wanted ? "one" : "none", " in ", name_of(kind));
    };
    wants("lora_A", m.a, true);
    wants("lora_B", m.b, true);
    wants("lora_E", m.e, kind == Kind::adalora);
    wants("lora_magnitude_vector", m.magnitude, kind == Kind::dora);
    wants("lora_B.bias", m.bias, kind == Kind::lora_bias);
    f.modules.push_back(std::move(m));
  }
  expects<FileError>(!f.modules.empty(), "'", f.file.path().string(), "' holds no adapter");
}

}  // namespace detail

/// Reads both files. A configuration or a tensor without which the answers would be wrong is an error naming
/// it.
inline Folder read_folder(const std::filesystem::path& folder) {
  auto config = read_config(folder);
  const auto file = folder / "adapter_model.safetensors";
  expects<FileError>(std::filesystem::exists(file) || !std::filesystem::exists(folder / "adapter_model.bin"),
                     "'", folder.string(),
                     "' holds adapter_model.bin, a pickle, which is not read; expected "
                     "adapter_model.safetensors (load it in PEFT and save it again)");
  Folder f{std::move(config.config), std::move(config.warnings), SafeTensors(file)};
  detail::sort_tensors(f);
  return f;
}

}  // namespace lorica::io::peft
