// SPDX-License-Identifier: MIT
// lorica finetune: one method on one text.
#include "commands.hpp"
#include "run.hpp"
#include "text.hpp"

#include <lorica/report/format.hpp>
#include <lorica/report/jsonl.hpp>

#include <iostream>

namespace lorica::cli {

void add_method_options(CLI::App& c, Choice& m) {
  c.add_option("--rank", m.rank)->capture_default_str()->check(CLI::PositiveNumber);
  c.add_option("--alpha", m.alpha)->capture_default_str();
  c.add_option("--dropout", m.dropout, "of x on the adapter's path")->capture_default_str();
  c.add_option("--orthogonality", m.orthogonality, "weight of the regulariser of svd")->capture_default_str();
  c.add_option("--top", m.top, "sites of domlora")->capture_default_str();
  c.add_option("--sites", m.sites.paths, "patterns of paths, such as blocks.*.down");
  c.add_option("--layers", m.sites.layers);
  static const std::map<std::string, Role> roles = {
      {"q", Role::query},   {"k", Role::key}, {"v", Role::value},  {"o", Role::output},
      {"gate", Role::gate}, {"up", Role::up}, {"down", Role::down}};
  c.add_option("--roles", m.sites.roles, "q k v o gate up down")->transform(CLI::CheckedTransformer(roles));
}

void add_finetune(CLI::App& app) {
  struct Options {
    std::string model, out, checkpoint, log;
    std::vector<std::string> text, heldout;
    index_t length = 0, samples = 32, every = 0;
    Choice choice;
    adapt::Page page;
    train::FitConfig fit{.steps = 200,
                         .batch = 8,
                         .optimizer = {.lr = 3e-3, .weight_decay = 0},
                         .schedule = {train::Schedule::cosine, 10, 0.0}};
  };
  auto o = std::make_shared<Options>();
  auto* c = app.add_subcommand("finetune", "Adapt a frozen model to text");
  c->add_option("--model", o->model, "model folder")->required();
  c->add_option("--text", o->text, "files or folders to learn from")->required();
  c->add_option("--heldout", o->heldout, "files or folders to measure on");
  c->add_option("--out", o->out, "file of the adapter")->required();
  c->add_option("--method", o->choice.method, "lora, rslora, svd, domlora, domlora-svd")
      ->capture_default_str();
  add_method_options(*c, o->choice);
  add_fit_options(*c, o->fit);
  add_page_options(*c, o->page);
  c->add_option("--samples", o->samples, "windows to probe, where the method asks")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  c->add_option("--length", o->length, "bytes of a window; 0 is all the model's positions")
      ->capture_default_str();
  c->add_option("--evaluate-every", o->every,
                "steps between measurements on --heldout; 0 is at the ends alone")
      ->capture_default_str();
  c->add_option("--checkpoint", o->checkpoint, "file of the run's state; an interrupted run goes on from it");
  c->add_option("--log", o->log, "JSON lines, one a step");
  c->callback([o] {
    const auto& method = method_named(o->choice.method);
    expect_folder_of(o->out);
    if (!o->checkpoint.empty()) expect_folder_of(o->checkpoint);
    const auto model = open_cpu(o->model);
    const index_t length = o->length == 0 ? model->positions() : o->length;
    const auto data = read_windows(o->text, length);
    std::optional<train::Windows> heldout;
    if (!o->heldout.empty()) heldout = read_windows(o->heldout, length);
    expects(o->every == 0 || heldout, "--evaluate-every needs --heldout");
    o->choice.seed = o->page.seed = o->fit.seed;
    adapt::SiteScores scores;
    if (method.by_site_score) {
      o->page.rank = o->choice.rank;
      o->page.scaling.alpha = o->choice.alpha;
      scores = model->probe(data.sample(o->samples), o->page);
      std::cout << "PAGE: the dominant site is " << scores.sites[scores.dominant()].path << ", "
                << report::fixed(100 * scores.concentration(), 1) << " % of the energy\n";
    }
    const auto run = model->attach(o->choice, scores);
    std::cout << o->choice.method << ": " << run->sites().size() << " site(s), "
              << report::human_count(double(run->parameters())) << " parameters train\n";
    print(std::cout, run->estimate(data, o->fit));
    o->fit.identity = message(o->model, " ", o->choice.method, " rank ", o->choice.rank, " alpha ",
                              o->choice.alpha, " dropout ", o->choice.dropout, " orthogonality ",
                              o->choice.orthogonality, " length ", length);
    for (const auto& s : run->sites()) o->fit.identity += "; " + s;
    const auto measure = [&] { return train::bits(run->evaluate(*heldout)); };
    if (heldout) std::cout << "held out, before: " << report::fixed(measure(), 4) << " bits per byte\n";
    std::optional<report::JsonLines> log;
    if (!o->log.empty())
      log.emplace(o->log, std::filesystem::exists(o->checkpoint) ? report::JsonLines::Open::append
                                                                 : report::JsonLines::Open::truncate);
    report::Progress bar({.total = o->fit.steps, .label = o->choice.method});
    const auto result = run->fit(
        data, o->fit,
        [&](const train::StepInfo& s) {
          bar.update({.step = s.step + 1, .loss = s.loss, .tokens = s.targets});
          const bool now = o->every > 0 && (s.step + 1) % o->every == 0;
          io::json::Value::Object line{{"step", s.step + 1},      {"loss", s.loss}, {"penalty", s.penalty},
                                       {"norm", s.gradient_norm}, {"lr", s.lr},     {"seconds", s.seconds}};
          if (now) line.push_back({"heldout_bits", measure()});
          if (log) log->write(std::move(line));
        },
        o->checkpoint);
    bar.finish();
    if (result.stopped) throw Interrupted{};
    run->save(o->out);
    std::cout << "last loss " << report::fixed(train::bits(result.loss), 4) << " bits per byte, "
              << report::human_duration(result.seconds) << ", "
              << report::human_count(double(result.targets) / std::max(result.seconds, 1e-9))
              << " tokens/s\n";
    if (heldout) std::cout << "held out, after: " << report::fixed(measure(), 4) << " bits per byte\n";
    std::cout << "wrote " << o->out << "\n";
  });
}

}  // namespace lorica::cli
