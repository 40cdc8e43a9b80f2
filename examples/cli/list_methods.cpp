// SPDX-License-Identifier: MIT
// lorica methods: what --method may say.
#include "commands.hpp"
#include "run.hpp"

#include <lorica/report/table.hpp>

#include <iostream>

namespace lorica::cli {

void add_methods(CLI::App& app) {
  app.add_subcommand("methods", "What --method may say")->callback([] {
    report::Table table({{"method"}, {"what it is"}});
    for (const auto& m : methods()) table.add({m.name, m.summary});
    std::cout << table.to_terminal();
  });
}

}  // namespace lorica::cli
