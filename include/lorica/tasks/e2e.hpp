// SPDX-License-Identifier: MIT
/// @file lorica/tasks/e2e.hpp
/// A table of what is meant and how people put it (E2E: CSV with `mr` and `ref`), the several references of
/// one meaning together.
#pragma once

#include <lorica/tasks/conversation.hpp>
#include <lorica/tasks/csv.hpp>

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace lorica::tasks {

struct Meaning {
  std::string meaning;
  std::vector<std::string> references;
};

/// All of a file, by meaning, in the order in which each is met first.
[[nodiscard]] inline std::vector<Meaning> read_meanings(const std::filesystem::path& path,
                                                        const std::string& meaning = "mr",
                                                        const std::string& reference = "ref") {
  Csv table(path);
  const std::size_t m = table.column(meaning), r = table.column(reference);
  std::vector<Meaning> all;
  std::map<std::string, std::size_t> where;
  while (table.next()) {
    const auto [at, met] = where.try_emplace(table.fields()[m], all.size());
    if (met) all.push_back({at->first, {}});
    all[at->second].references.push_back(table.fields()[r]);
  }
  return all;
}

/// A prompt and a response for every reference, to train on. `prompt` is a pattern over {meaning}.
[[nodiscard]] inline std::vector<Conversation> conversations(const std::vector<Meaning>& meanings,
                                                             const std::string& prompt = "{meaning}\n") {
  const Pattern pattern(prompt);
  std::vector<Conversation> all;
  for (const Meaning& m : meanings) {
    const std::string asked = pattern.fill([&](std::string_view name) {
      expects(name == "meaning", "prompt ", io::json::quote(prompt), ": no field ", io::json::quote(name),
              ", expected {meaning}");
      return m.meaning;
    });
    for (const std::string& r : m.references) all.push_back(prompt_and_response(asked, r));
  }
  return all;
}

}  // namespace lorica::tasks
