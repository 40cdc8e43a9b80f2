// SPDX-License-Identifier: MIT
// lorica inspect: what a model folder holds.
#include "commands.hpp"
#include "run.hpp"

#include <lorica/report/format.hpp>
#include <lorica/report/table.hpp>

#include <iostream>

namespace lorica::cli {

void add_inspect(CLI::App& app) {
  auto folder = std::make_shared<std::string>();
  auto* c = app.add_subcommand("inspect", "What a model folder holds: sizes, tensors, sites");
  c->add_option("--model", *folder, "model folder")->required();
  c->callback([folder] {
    const auto model = open_model(*folder);
    const io::ModelFolder& files = model->folder();
    index_t tensors = 0, numbers = 0;
    std::map<std::string, index_t> dtypes;
    files.weights->for_each([&](const io::SafeTensors&, const io::TensorInfo& t) {
      index_t n = 1;
      for (const index_t extent : t.shape) n *= extent;
      ++tensors;
      numbers += n;
      ++dtypes[std::string(io::dtype_name(t.dtype))];
    });
    std::cout << "family " << files.what.names.family << ", "
              << (files.language_model ? "a causal language model"
                  : files.what.decoder ? "a causal model without its head"
                                       : "an encoder")
              << '\n'
              << tensors << " tensors, " << report::human_count(double(numbers)) << " numbers (";
    const char* between = "";
    for (const auto& [dtype, n] : dtypes) {
      std::cout << between << n << ' ' << dtype;
      between = ", ";
    }
    std::cout << ")\n";
    report::Table table({{"site"}, {"module"}, {"in", report::Align::right}, {"out", report::Align::right}});
    for (const auto& s : model->sites())
      table.add({s.path, files.what.names.parts.empty() ? s.path : files.what.names.module(s.path),
                 std::to_string(s.in), std::to_string(s.out)});
    std::cout << table.to_terminal();
  });
}

}  // namespace lorica::cli
