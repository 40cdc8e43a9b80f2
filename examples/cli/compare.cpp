// SPDX-License-Identifier: MIT
// lorica compare: the main job. Several methods on one text, each with its learning rate from the same grid;
// what they cost and what they gain, where the gradient energy is, and what the model says before and after.
#include "commands.hpp"
#include "run.hpp"
#include "text.hpp"

#include <lorica/report/format.hpp>
#include <lorica/report/jsonl.hpp>
#include <lorica/report/site_map.hpp>
#include <lorica/report/table.hpp>
#include <lorica/report/terminal.hpp>

#include <chrono>
#include <cmath>
#include <iostream>
#include <optional>

namespace lorica::cli {

namespace {

struct Comparison {
  std::string model, out, corpus_heldout, prompt = "template <typename ";
  std::vector<std::string> text, names = {"lora", "svd", "domlora"};
  std::vector<double> rates = {2e-3, 8e-3, 3.2e-2};
  double at_most_bits = 0, require_gain = 0;
  index_t samples = 32, heldout = 192, validation = 96, bytes = 200;
  Compute compute;
  Choice choice;
  adapt::Page page;
  train::FitConfig fit{.steps = 60,
                       .batch = 8,
                       .optimizer = {.weight_decay = 0},
                       .schedule = {train::Schedule::cosine, 5, 0.0}};
};

/// The best of a method over the grid; without a run, where it diverges at every rate.
struct Best {
  std::string method;
  index_t parameters = 0;
  double lr = 0, validation = 0, bits = 0, seconds = 0;
  std::unique_ptr<Run> run = {};
};

/// Text that may hold anything, as lines a terminal can take.
std::string printable(const std::string& s) {
  std::string out;
  for (const char c : s) out += (c >= ' ' && c < 127) || c == '\n' ? c : '.';
  return out;
}

/// Trains at one rate; the bits per byte of the validation windows, or nothing where it diverged.
std::optional<double> validated(Run& run, const train::FitConfig& fit, const std::string& name,
                                const Text& data, const Text& validation, report::JsonLines& log) {
  const double lr = fit.optimizer.lr;
  report::Progress bar({.total = fit.steps, .label = message(name, " lr ", lr)});
  try {
    const auto result = run.fit(data.windows, fit,
                                [&](const train::StepInfo& s) {
                                  bar.update({.step = s.step + 1, .loss = s.loss, .tokens = s.tokens});
                                  log.write({{"method", name},
                                             {"rate", lr},
                                             {"step", s.step + 1},
                                             {"loss", s.loss},
                                             {"penalty", s.penalty},
                                             {"norm", s.gradient_norm},
                                             {"lr", s.lr},
                                             {"seconds", s.seconds}});
                                },
                                {});
    bar.finish();
    if (result.stopped) throw Interrupted{};
    const double bits = validation.bits(run.evaluate(validation.windows));
    if (std::isfinite(bits)) return bits;
  } catch (const NumericError& e) {
    bar.finish();
    std::cout << name << " diverges at a learning rate of " << lr << ": " << e.what() << '\n';
  }
  return {};
}

Best train_best(const Comparison& o, Model& model, const std::string& name, const adapt::SiteScores& scores,
                const Text& data, const Text& validation, report::JsonLines& log) {
  Best best;
  best.method = name;
  for (const double lr : o.rates) {
    Choice choice = o.choice;
    choice.method = name;
    auto run = model.attach(choice, scores);
    train::FitConfig fit = o.fit;
    fit.optimizer.lr = lr;
    const auto start = std::chrono::steady_clock::now();
    const auto bits = validated(*run, fit, name, data, validation, log);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    io::json::Object line{{"method", name}, {"rate", lr}, {"seconds", seconds}};
    line.push_back(bits ? io::json::Member{"validation_bits", *bits} : io::json::Member{"diverged", true});
    log.write(std::move(line));
    const double spent = best.seconds + seconds;
    if (bits && (!best.run || *bits < best.validation))
      best = {name, run->parameters(), lr, *bits, 0, 0, std::move(run)};
    best.seconds = spent;
  }
  return best;
}

void compare(Comparison& o) {
  std::filesystem::create_directories(o.out);
  const std::filesystem::path out(o.out);
  report::JsonLines log(out / "log.jsonl");
  const auto model = open_model(o.model, o.compute);
  std::cout << "backend: " << model->backend() << '\n';
  const index_t length = usual_length(*model);

  if (o.at_most_bits > 0) {
    const auto own = read_text(*model, {o.corpus_heldout}, length);
    const double corpus = own.bits(model->evaluate(own.windows));
    std::cout << "the model on held-out text of its own corpus: " << report::fixed(corpus, 3)
              << " bits per byte (xz -9: " << report::fixed(o.at_most_bits, 3) << ")\n";
    log.write({{"corpus_bits", corpus}, {"xz_bits", o.at_most_bits}});
    expects<NumericError>(corpus <= o.at_most_bits, "check failed: the model needs ", corpus,
                          " bits per byte of its own corpus, xz -9 needs ", o.at_most_bits);
  }

  const auto documents = read_documents(o.text);
  const Parts parts = split(documents);
  const auto data = text_of(*model, parts.train, length, o.text.front());
  auto validation = text_of(*model, parts.validation, length, o.text.front());
  auto heldout = text_of(*model, parts.heldout, length, o.text.front());
  validation.windows = validation.windows.at_most(o.validation);
  heldout.windows = heldout.windows.at_most(o.heldout);
  std::cout << documents.size() << " document(s): " << data.windows.size() << " windows of " << length
            << " tokens to learn from, " << validation.windows.size() << " to choose the learning rate, "
            << heldout.windows.size() << " held out\n\n";

  const auto scores = model->probe(data.windows.sample(o.samples), o.page, {}, o.fit.blocks());
  const auto map = report::site_map("PAGE by layer and role", scores);
  std::cout << report::to_terminal(map, {report::terminal_color(1), report::terminal_width(1)})
            << "dominant: " << scores.sites[scores.dominant()].path << ", "
            << report::fixed(100 * scores.concentration(), 1) << " % of the energy\n\n";
  io::write_atomically(out / "page.svg", report::to_svg(map));
  for (std::size_t i = 0; i < scores.sites.size(); ++i)
    log.write({{"site", scores.sites[i].path}, {"page", scores.values[i]}});

  const double before = heldout.bits(model->evaluate(heldout.windows));
  report::Table table({{"method"},
                       {"trainable", report::Align::right},
                       {"lr", report::Align::right},
                       {"bits before", report::Align::right},
                       {"bits after", report::Align::right},
                       {"gain", report::Align::right},
                       {"seconds", report::Align::right}});
  table.add({"none", "0", "", report::fixed(before, 3), report::fixed(before, 3), "", ""});
  for (const auto& name : o.names) {  // what cannot be attached is refused before anything is trained
    Choice choice = o.choice;
    choice.method = name;
    static_cast<void>(model->attach(choice, scores));
  }
  std::unique_ptr<Run> first;
  std::string diverged;
  double gain = 0;
  for (const auto& name : o.names) {
    auto best = train_best(o, *model, name, scores, data, validation, log);
    if (!best.run) {
      table.add({name, "", "diverges", report::fixed(before, 3), "", "", report::fixed(best.seconds, 1)});
      diverged += (diverged.empty() ? "" : ", ") + name;
      continue;
    }
    best.bits = heldout.bits(best.run->evaluate(heldout.windows));
    best.run->save(out / (name + ".safetensors"));
    const double lower = 100 * (1 - best.bits / before);
    table.add({name, report::human_count(double(best.parameters)), report::significant(best.lr),
               report::fixed(before, 3), report::fixed(best.bits, 3), report::fixed(lower, 1) + " %",
               report::fixed(best.seconds, 1)});
    log.write({{"method", name},
               {"parameters", best.parameters},
               {"rate", best.lr},
               {"bits_before", before},
               {"bits_after", best.bits},
               {"seconds", best.seconds}});
    if (name == o.names.front()) {
      first = std::move(best.run);
      gain = lower;
    }
  }
  std::cout << table.to_terminal() << "bits per byte of held-out text; seconds are of all " << o.rates.size()
            << " learning rates\n\n";
  io::write_atomically(out / "table.md", table.to_markdown());

  std::cout << "--- before ---\n"
            << o.prompt << printable(model->generate(o.prompt, {.tokens = o.bytes})) << '\n';
  if (first)
    std::cout << "--- after " << o.names.front() << " ---\n"
              << o.prompt << printable(first->generate(o.prompt, {.tokens = o.bytes})) << '\n';
  std::cout << "\nwrote " << o.out << ": adapters, log.jsonl, page.svg, table.md\n";
  expects<NumericError>(diverged.empty(), diverged,
                        " diverged at every learning rate of the grid; lower --rates");
  expects<NumericError>(gain >= o.require_gain, "check failed: ", o.names.front(),
                        " lowers the held-out bits per byte by ", report::fixed(gain, 1),
                        " %, expected at least ", o.require_gain, " %");
}

}  // namespace

void add_compare(CLI::App& app) {
  auto o = std::make_shared<Comparison>();
  auto* c = app.add_subcommand("compare", "Several methods on one text, side by side");
  c->add_option("--model", o->model, "model folder")->required();
  c->add_option("--text", o->text, "files or folders")->required();
  c->add_option("--out", o->out, "folder of adapters, log and pictures")->required();
  c->add_option("--methods", o->names, "see lorica methods; all is all of them")->capture_default_str();
  c->add_option("--rates", o->rates, "grid of learning rates, the same for every method")
      ->capture_default_str();
  c->add_option("--rank", o->choice.rank)->capture_default_str()->check(CLI::PositiveNumber);
  c->add_option("--alpha", o->choice.alpha)->capture_default_str()->check(CLI::PositiveNumber);
  add_fit_options(*c, o->fit);
  c->remove_option(c->get_option("--lr"));  // the grid's
  add_page_options(*c, o->page);
  add_compute_options(*c, o->compute);
  c->add_option("--samples", o->samples, "windows to probe")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  c->add_option("--heldout-windows", o->heldout, "at most, evenly spaced")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  c->add_option("--validation-windows", o->validation, "at most, evenly spaced")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  c->add_option("--prompt", o->prompt)->capture_default_str();
  c->add_option("--bytes", o->bytes, "to generate")->capture_default_str()->check(CLI::PositiveNumber);
  auto* corpus =
      c->add_option("--corpus-heldout", o->corpus_heldout, "held-out text of the model's own corpus");
  c->add_option("--at-most-bits", o->at_most_bits, "fail where the model needs more bits per byte of it")
      ->needs(corpus);
  c->add_option("--require-gain", o->require_gain,
                "per cent by which the first method must lower the held-out bits, or fail");
  c->callback([o] {
    if (o->names == std::vector<std::string>{"all"}) {
      o->names.clear();
      for (const auto& m : methods()) o->names.emplace_back(m.name);
    }
    for (const auto& name : o->names) static_cast<void>(method_named(name));
    o->choice.seed = o->page.seed = o->fit.seed;
    o->page.rank = o->choice.rank;
    o->page.scaling.alpha = o->choice.alpha;
    stop_after_a_step();
    compare(*o);
  });
}

}  // namespace lorica::cli
