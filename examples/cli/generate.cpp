// SPDX-License-Identifier: MIT
// lorica generate: what follows a prompt.
#include "commands.hpp"
#include "run.hpp"

#include <iostream>

namespace lorica::cli {

void add_generate(CLI::App& app) {
  struct Options {
    std::string model, adapter, prompt;
    Compute compute;
    Continuation how;
    bool uncached = false;
  };
  auto o = std::make_shared<Options>();
  auto* c = app.add_subcommand("generate", "Continue a prompt, greedily or by drawing");
  c->option_defaults()->group("Files");
  c->add_option("--model", o->model, "model folder")->required();
  c->add_option("--adapter", o->adapter, "file or folder written by finetune, or by PEFT");
  c->option_defaults()->group("Generation");
  c->add_option("--prompt", o->prompt)->required();
  c->add_option("--tokens,--bytes", o->how.tokens, "at most")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  auto& s = o->how.sampling;
  c->add_option("--temperature", s.temperature, "the logits are divided by it; 0 is greedy")
      ->capture_default_str();
  c->add_option("--top-k", s.top_k, "draw among so many of the likeliest; 0 is all")->capture_default_str();
  c->add_option("--top-p", s.top_p, "draw among the likeliest that have this probability together")
      ->capture_default_str();
  c->add_option("--seed", s.seed, "of the draws")->capture_default_str();
  c->add_option("--stop", o->how.stop, "texts that end it, and are not part of it");
  c->add_flag("--past-end", o->how.past_end, "go on after the token that ends a text");
  c->add_flag("--no-cache", o->uncached, "compute every token from the whole text again");
  add_compute_options(*c, o->compute);
  c->callback([o] {
    const auto model = open_model(o->model, o->compute);
    o->how.cached = !o->uncached;
    const auto run = o->adapter.empty() ? nullptr : model->load(o->adapter);
    std::cerr << "backend: " << model->backend() << '\n';  // the text alone goes to stdout
    std::cout << o->prompt << std::flush;
    o->how.on_text = [](std::string_view more) { std::cout << more << std::flush; };
    (run ? static_cast<Subject&>(*run) : static_cast<Subject&>(*model)).generate(o->prompt, o->how);
    std::cout << '\n';
  });
}

}  // namespace lorica::cli
