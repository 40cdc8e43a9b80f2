// SPDX-License-Identifier: MIT
// lorica logits: what a model says of given token ids, to compare it with another implementation.
#include "commands.hpp"
#include "run.hpp"

#include <lorica/io/json.hpp>
#include <lorica/io/safetensors.hpp>

#include <iostream>
#include <utility>

namespace lorica::cli {

namespace {
std::vector<std::vector<std::int32_t>> read_ids(const std::filesystem::path& file) {
  std::vector<std::vector<std::int32_t>> all;
  try {
    const io::json::Value read = io::json::read(file);
    for (const auto& list : read.as_array()) {
      all.emplace_back();
      for (const auto& id : list.as_array()) {
        const auto x = id.as_integer();
        expects<FileError>(std::in_range<std::int32_t>(x), "'", file.string(), "': ", x, " in list ",
                           all.size() - 1, " is no token id");
        all.back().push_back(static_cast<std::int32_t>(x));
      }
      expects<FileError>(!all.back().empty(), "'", file.string(), "': list ", all.size() - 1, " is empty");
    }
  } catch (const io::json::JsonError& e) {
    throw FileError(message("'", file.string(), "': ", e.what(), "; expected a list of lists of token ids"));
  }
  expects<FileError>(!all.empty(), "'", file.string(), "' holds no list of token ids");
  return all;
}
}  // namespace

void add_logits(CLI::App& app) {
  struct Options {
    std::string model, adapter, ids, out;
    Compute compute;
  };
  auto o = std::make_shared<Options>();
  auto* c = app.add_subcommand("logits", "Logits (or, of an encoder, states) of given token ids, as a file");
  c->add_option("--model", o->model, "model folder")->required();
  c->add_option("--adapter", o->adapter, "file or folder written by finetune, or by PEFT");
  c->add_option("--ids", o->ids, "JSON: a list of lists of token ids")->required();
  c->add_option(
       "--out", o->out,
       "safetensors: logits.i [tokens, vocabulary], of a head [1 or tokens, outputs]; or hidden.i [tokens, width]")
      ->required();
  add_compute_options(*c, o->compute);
  c->callback([o] {
    const auto lists = read_ids(o->ids);
    expect_folder_of(o->out);
    const auto model = open_model(o->model, o->compute);
    const auto run = o->adapter.empty() ? nullptr : model->load(o->adapter);
    std::string name;
    io::SafeTensorsWriter file;
    for (std::size_t i = 0; i < lists.size(); ++i) {
      const States s = run ? run->states(lists[i]) : model->states(lists[i]);
      name = s.logits ? "logits." : "hidden.";
      file.add(name + std::to_string(i), {static_cast<index_t>(s.numbers.size()) / s.cols, s.cols},
               std::span<const float>(s.numbers));
    }
    file.write(o->out);
    std::cout << "backend: " << model->backend() << "\nwrote " << lists.size() << " tensor(s) " << name
              << "i to " << o->out << '\n';
  });
}

}  // namespace lorica::cli
