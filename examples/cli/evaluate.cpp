// SPDX-License-Identifier: MIT
// lorica evaluate: what a model, with an adapter or without, is worth on a task.
#include "commands.hpp"
#include "task.hpp"

#include <lorica/report/format.hpp>
#include <lorica/report/table.hpp>

#include <iostream>

namespace lorica::cli {

void add_evaluate(CLI::App& app) {
  struct Options {
    std::string model, adapter, predictions, out;
    Compute compute;
    TaskOptions task;
  };
  auto o = std::make_shared<Options>();
  auto* c = app.add_subcommand("evaluate", "Measure a model on a task's held-out data");
  c->option_defaults()->group("Files");
  c->add_option("--model", o->model, "model folder")->required();
  c->add_option("--adapter", o->adapter, "file or folder written by finetune, or by PEFT");
  c->add_option("--predictions", o->predictions,
                "file of the answers: GLUE's table, SQuAD's JSON by id, E2E's lines");
  c->add_option("--out", o->out, "file of the figures, as JSON");
  add_task_options(*c, o->task);
  c->remove_option(c->get_option("--data"));
  c->remove_option(c->get_option("--train-samples"));
  c->get_option("--heldout")->required();
  add_compute_options(*c, o->compute);
  c->callback([o] {
    for (const auto& file : {o->predictions, o->out})
      if (!file.empty()) expect_folder_of(file);
    const auto model = open_model(o->model, o->compute);
    const auto run = o->adapter.empty() ? nullptr : model->load(o->adapter);
    const auto task = make_task(o->task, *model);
    const Figures figures =
        task->measure(run ? static_cast<Subject&>(*run) : static_cast<Subject&>(*model), o->predictions);
    report::Table table({{"measure"}, {"value", report::Align::right}});
    io::json::Object all;
    for (const Figure& f : figures) {
      table.add({f.name, report::fixed(f.value, 4)});
      all.push_back({f.name, f.value});
    }
    std::cout << "backend: " << model->backend() << '\n' << table.to_terminal();
    if (!o->out.empty()) io::write_atomically(o->out, io::json::dump(std::move(all)) + "\n");
  });
}

}  // namespace lorica::cli
