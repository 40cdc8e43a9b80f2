// SPDX-License-Identifier: MIT
// A run as one JSON file: {"command": "finetune", "model": "DIR", "rank": 8, ...}, a member an option without
// its dashes; true is a flag that is set, a list an option with several values.
#pragma once

#include <CLI/CLI.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace lorica::cli {

/// The arguments that the file stands for, of a command of `app`; those `given` beside it come last and
/// replace its own, and what cannot stand beside them.
std::vector<std::string> arguments_of(const CLI::App& app, const std::filesystem::path& file,
                                      const std::vector<std::string>& given);
/// What was asked of a command, defaults included, as such a file.
std::string run_file(const CLI::App& command);
/// run.json in the folder that a run writes, or beside its file.
std::filesystem::path run_file_beside(const std::filesystem::path& out);

}  // namespace lorica::cli
