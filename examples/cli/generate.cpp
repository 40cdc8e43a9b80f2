// SPDX-License-Identifier: MIT
// lorica generate: the likeliest bytes after a prompt.
#include "commands.hpp"
#include "run.hpp"

#include <iostream>

namespace lorica::cli {

void add_generate(CLI::App& app) {
  struct Options {
    std::string model, adapter, prompt;
    index_t bytes = 200;
  };
  auto o = std::make_shared<Options>();
  auto* c = app.add_subcommand("generate", "Continue a prompt, greedily");
  c->add_option("--model", o->model, "model folder")->required();
  c->add_option("--adapter", o->adapter, "file or folder written by finetune, or by PEFT");
  c->add_option("--prompt", o->prompt)->required();
  c->add_option("--tokens,--bytes", o->bytes, "at most")->capture_default_str()->check(CLI::PositiveNumber);
  c->callback([o] {
    const auto model = open_cpu(o->model);
    const std::string more = o->adapter.empty() ? model->generate(o->prompt, o->bytes)
                                                : model->load(o->adapter)->generate(o->prompt, o->bytes);
    std::cout << o->prompt << more << '\n';
  });
}

}  // namespace lorica::cli
