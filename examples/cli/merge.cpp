// SPDX-License-Identifier: MIT
// lorica merge and lorica export: adapters made part of a model's weights, or written in another form.
#include "commands.hpp"
#include "run.hpp"

#include <iostream>

namespace lorica::cli {

void add_merge(CLI::App& app) {
  struct Options {
    std::string model, adapter, out;
  };
  auto o = std::make_shared<Options>();
  auto* c = app.add_subcommand("merge", "Write a model folder with an adapter in its weights");
  c->add_option("--model", o->model, "model folder")->required();
  c->add_option(
      "--adapter", o->adapter,
      "file or folder written by finetune, or by PEFT; without, the model as it is (of llama2.c: as "
      "transformers has it)");
  c->add_option("--out", o->out, "model folder to write")->required();
  c->callback([o] {
    const auto model = open_model(o->model);
    if (o->adapter.empty())
      model->merge(o->out);
    else
      model->load(o->adapter)->merge(o->out);
    std::cout << "wrote " << o->out << '\n';
  });
}

void add_export(CLI::App& app) {
  struct Options {
    std::string model, adapter, out;
    bool lora = false;
  };
  auto o = std::make_shared<Options>();
  auto* c = app.add_subcommand("export", "Write an adapter in another form: PEFT's folder, or one file");
  c->add_option("--model", o->model, "model folder it is of")->required();
  c->add_option("--adapter", o->adapter, "file or folder written by finetune, or by PEFT")->required();
  c->add_option("--out", o->out, "a folder as PEFT has it, or a file of this library, x.safetensors")
      ->required();
  c->add_flag("--lora", o->lora, "as LORA, whatever it is: P diag(lambda) Q becomes B A");
  c->callback([o] {
    expect_folder_of(o->out);
    const auto model = open_model(o->model);
    model->load(o->adapter)->save(o->out, o->lora);
    std::cout << "wrote " << o->out << '\n';
  });
}

}  // namespace lorica::cli
