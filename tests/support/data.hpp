// SPDX-License-Identifier: MIT
/// @file tests/support/data.hpp
/// Tests on real data sets: they are not part of the project, and LORICA_DATA says where they lie.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>

namespace lorica::test {

/// The folder of data sets, or nothing. Without it a test returns; CTest sees the line and reports it as
/// Skipped:
///   const auto data = test::data_folder();
///   if (!data) return;
inline std::optional<std::filesystem::path> data_folder() {
  const char* folder = std::getenv("LORICA_DATA");
  if (folder != nullptr && *folder != '\0') return folder;
  std::cout << "skipped: LORICA_DATA is not set" << std::endl;
  return std::nullopt;
}

}  // namespace lorica::test
