// SPDX-License-Identifier: MIT
/// @file lorica/io/peft/folder_writer.hpp
/// A PEFT folder written: both files beside, then renamed.
#pragma once

#include <lorica/io/file.hpp>
#include <lorica/io/peft/config_writer.hpp>
#include <lorica/io/peft/module_update.hpp>
#include <lorica/io/safetensors_writer.hpp>

namespace lorica::io::peft {

namespace detail {

/// Numbers rounded once, to what the file holds. Nothing that is not finite is written.
inline void add(SafeTensorsWriter& to, const std::string& name, std::vector<index_t> shape,
                const std::vector<double>& values, Dtype dtype) {
  const std::vector<float> rounded(values.begin(), values.end());
  const bool wide = dtype == Dtype::F64;
  for (std::size_t i = 0; i < values.size(); ++i)
    expects<NumericError>(std::isfinite(wide ? values[i] : double(rounded[i])), "peft: element ", i, " of ",
                          name, " is ", values[i], ", which is not written");
  if (wide)
    to.add(name, std::move(shape), std::span<const double>(values));
  else if (dtype == Dtype::BF16)
    to.add_bf16(name, std::move(shape), rounded);
  else
    to.add(name, std::move(shape), std::span<const float>(rounded));
}

inline void add(SafeTensorsWriter& to, const ModuleUpdate& u, bool adalora, Dtype dtype) {
  const std::string at = std::string(base_prefix) + u.module.path + ".lora_";
  const char* end = adalora ? "" : ".weight";
  add(to, at + "A" + end, {u.a.rows, u.a.cols}, u.a.values, dtype);
  add(to, at + "B" + end, {u.b.rows, u.b.cols}, u.b.values, dtype);
  if (adalora) add(to, at + "E", {u.rank(), 1}, u.e, dtype);
  if (!u.magnitude.empty()) add(to, at + "magnitude_vector", {u.b.rows}, u.magnitude, dtype);
  if (!u.bias.empty()) add(to, at + "B.bias", {u.b.rows}, u.bias, dtype);
}

}  // namespace detail

/// Writes adapter_config.json and adapter_model.safetensors into `folder`, which is made if it is not there.
/// Both are whole before either is renamed: a failure leaves what was there before. F32, F64 and BF16 are
/// offered; PEFT itself writes F32 and reads all of them.
inline void write_folder(const std::filesystem::path& folder, const Config& config,
                         std::span<const ModuleUpdate> updates, std::span<const SavedTensor> saved = {},
                         Dtype dtype = Dtype::F32) {
  expects(dtype == Dtype::F32 || dtype == Dtype::F64 || dtype == Dtype::BF16, "peft: ", dtype_name(dtype),
          " is not offered, expected F32, F64 or BF16");
  const std::string text = config_text(config);
  SafeTensorsWriter file;
  for (const ModuleUpdate& u : updates) detail::add(file, u, config.adalora, dtype);
  for (const SavedTensor& t : saved)
    detail::add(file, std::string(base_prefix) + t.name, t.shape,
                std::vector<double>(t.values.begin(), t.values.end()), Dtype::F32);
  std::error_code why;
  const bool made = std::filesystem::create_directories(folder, why);
  expects<FileError>(std::filesystem::is_directory(folder), "cannot write '", folder.string(),
                     "': it is no folder and cannot be made one", why ? " (" + why.message() + ")" : "");
  const auto give_up = [&] {
    if (made) std::filesystem::remove(folder, why);
  };
  constexpr const char* names[] = {"adapter_model.safetensors", "adapter_config.json"};
  try {
    for (const char* name : names)
      expects<FileError>(!std::filesystem::is_directory(folder / name), "cannot write '",
                         (folder / name).string(), "': it is a directory, expected the name of a file");
    const io::detail::Beside beside(folder);
    file.write(beside.path() / names[0], {{"format", "pt"}});
    write_atomically(beside.path() / names[1], text);
    for (const char* name : names) {
      std::filesystem::rename(beside.path() / name, folder / name, why);
      expects<FileError>(!why, "cannot write '", (folder / name).string(), "': ", why.message());
    }
  } catch (...) {
    give_up();
    throw;
  }
}

}  // namespace lorica::io::peft
