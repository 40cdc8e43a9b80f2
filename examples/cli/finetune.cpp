// SPDX-License-Identifier: MIT
// lorica finetune: one method on one text.
#include "commands.hpp"
#include "run.hpp"
#include "text.hpp"

#include <lorica/report/format.hpp>
#include <lorica/report/jsonl.hpp>
#include <lorica/report/run_report.hpp>

#include <iostream>

namespace lorica::cli {

namespace {
/// 200, or 10%.
adapt::Duration duration_of(const std::string& name, const std::string& text) {
  std::size_t used = 0;
  double x = -1;
  try {
    x = std::stod(text, &used);
  } catch (const std::exception&) {
  }
  const std::string unit = text.substr(used);
  expects(x >= 0 && (unit == "%" || (unit.empty() && x == std::floor(x))), name, " is '", text,
          "', expected a number of steps such as 200, or a share of the run such as 10%");
  return unit == "%" ? adapt::Duration{.share = x / 100} : adapt::Duration{static_cast<index_t>(x)};
}
void add_duration(CLI::App& c, const std::string& name, adapt::Duration& d, const std::string& what) {
  c.add_option_function<std::string>(
      name, [&d, name](const std::string& s) { d = duration_of(name, s); }, what);
}
}  // namespace

void add_method_options(CLI::App& c, Choice& m) {
  c.add_option("--rank", m.rank)->capture_default_str()->check(CLI::PositiveNumber);
  c.add_option("--alpha", m.alpha)->capture_default_str();
  c.add_option("--dropout", m.dropout, "of x on the adapter's path")->capture_default_str();
  c.add_option("--orthogonality", m.orthogonality, "weight of the regulariser of svd and adalora")
      ->capture_default_str();
  c.add_option("--ratio", m.ratio, "learning rate of B over that of A, of lora-plus")->capture_default_str();
  c.add_option("--top", m.top, "sites of domlora")->capture_default_str();
  c.add_option("--total", m.total, "directions that proportional shares out; 0 is rank times sites")
      ->capture_default_str();
  auto* each = c.add_option("--target", m.target.per_matrix,
                            "directions a matrix, on average, that a budget leaves [two thirds of rank]");
  auto* total =
      c.add_option("--target-total", m.target.total, "directions that it leaves in all")->excludes(each);
  c.add_option("--target-parameters", m.target.parameters, "parameters that it leaves")
      ->excludes(each)
      ->excludes(total);
  add_duration(c, "--tinit", m.tinit, "before a budget cuts: steps, or per cent of the run [10%]");
  add_duration(c, "--tfinal", m.tfinal, "after a budget has cut: steps, or per cent of the run [40%]");
  c.add_option("--interval", m.interval, "steps between cuts")->capture_default_str();
  c.add_flag("--compact", m.compact, "remove what is cut when the final phase begins");
  c.add_option("--sites", m.sites.paths, "patterns of paths, such as blocks.*.down");
  c.add_option("--layers", m.sites.layers);
  static const std::map<std::string, Role> roles = {
      {"q", Role::query},   {"k", Role::key}, {"v", Role::value},  {"o", Role::output},
      {"gate", Role::gate}, {"up", Role::up}, {"down", Role::down}};
  c.add_option("--roles", m.sites.roles, "q k v o gate up down")->transform(CLI::CheckedTransformer(roles));
}

void add_finetune(CLI::App& app) {
  struct Options {
    std::string model, out, checkpoint, log, report;
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
  c->add_option("--out", o->out, "the adapter: a file, x.safetensors, or a folder as PEFT has it")
      ->required();
  c->add_option("--method", o->choice.method, "see lorica methods")->capture_default_str();
  add_method_options(*c, o->choice);
  add_fit_options(*c, o->fit);
  add_page_options(*c, o->page);
  c->add_option("--samples", o->samples, "windows to probe, where the method asks")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  c->add_option("--length", o->length,
                "tokens of a window; 0 is 256, or all the model's positions where it has fewer")
      ->capture_default_str();
  c->add_option("--evaluate-every", o->every,
                "steps between measurements on --heldout; 0 is at the ends alone")
      ->capture_default_str();
  c->add_option("--checkpoint", o->checkpoint, "file of the run's state; an interrupted run goes on from it");
  c->add_option("--log", o->log, "JSON lines, one a step");
  c->add_option("--report", o->report, "HTML file with the run's curves and maps");
  c->callback([o] {
    const auto& method = method_named(o->choice.method);
    expect_folder_of(o->out);
    if (!o->checkpoint.empty()) expect_folder_of(o->checkpoint);
    if (!o->report.empty()) expect_folder_of(o->report);
    const auto model = open_cpu(o->model);
    const index_t length = o->length == 0 ? usual_length(*model) : o->length;
    const auto data = read_text(*model, o->text, length);
    std::optional<Text> heldout;
    if (!o->heldout.empty()) heldout = read_text(*model, o->heldout, length);
    expects(o->every == 0 || heldout, "--evaluate-every needs --heldout");
    o->choice.seed = o->page.seed = o->fit.seed;
    adapt::SiteScores scores;
    if (method.by_site_score()) {
      o->page.rank = o->choice.rank;
      o->page.scaling.alpha = o->choice.alpha;
      scores = model->probe(data.windows.sample(o->samples), o->page);
      std::cout << "PAGE: the dominant site is " << scores.sites[scores.dominant()].path << ", "
                << report::fixed(100 * scores.concentration(), 1) << " % of the energy\n";
    }
    const auto run = model->attach(o->choice, scores);
    const auto sites = model->sites();
    const auto start = run->ranks();
    std::cout << o->choice.method << ": " << std::ranges::count_if(start, [](index_t r) { return r > 0; })
              << " site(s), " << report::human_count(double(run->parameters())) << " parameters train\n";
    print(std::cout, run->estimate(data.windows, o->fit));
    o->fit.identity = message(o->model, " ", o->choice.method, " rank ", o->choice.rank, " alpha ",
                              o->choice.alpha, " dropout ", o->choice.dropout, " orthogonality ",
                              o->choice.orthogonality, " length ", length);
    const auto& choice = o->choice;
    if (method.score != Score::none)
      o->fit.identity += message(
          " target ", choice.target.per_matrix, '/', choice.target.total, '/', choice.target.parameters,
          " tinit ", choice.tinit.steps, '/', choice.tinit.share, " tfinal ", choice.tfinal.steps, '/',
          choice.tfinal.share, " interval ", choice.interval, choice.compact ? " compact" : "");
    if (method.adapter == Adapter::plus) o->fit.identity += message(" ratio ", choice.ratio);
    for (const auto& s : sites)
      if (const index_t r = start[static_cast<std::size_t>(s.ordinal)]; r > 0)
        o->fit.identity += message("; ", s.path, " rank ", r);
    const auto measure = [&] { return heldout->bits(run->evaluate(heldout->windows)); };
    double before = 0, after = 0;
    if (heldout) before = measure();
    if (heldout) std::cout << "held out, before: " << report::fixed(before, 4) << " bits per byte\n";
    std::optional<report::JsonLines> log;
    if (!o->log.empty())
      log.emplace(o->log, std::filesystem::exists(o->checkpoint) ? report::JsonLines::Open::append
                                                                 : report::JsonLines::Open::truncate);
    std::vector<double> losses;
    report::Progress bar({.total = o->fit.steps, .label = o->choice.method});
    const auto result = run->fit(
        data.windows, o->fit,
        [&](const train::StepInfo& s) {
          bar.update({.step = s.step + 1, .loss = s.loss, .tokens = s.targets});
          losses.push_back(data.bits(s.loss));
          const bool now = o->every > 0 && (s.step + 1) % o->every == 0;
          io::json::Value::Object line{{"step", s.step + 1},      {"loss", s.loss}, {"penalty", s.penalty},
                                       {"norm", s.gradient_norm}, {"lr", s.lr},     {"seconds", s.seconds}};
          if (!run->cuts().empty() && run->cuts().back().step == s.step) {
            line.push_back({"kept", run->cuts().back().kept});
            line.push_back({"threshold", run->cuts().back().threshold});
          }
          if (now) line.push_back({"heldout_bits", measure()});
          if (log) log->write(std::move(line));
        },
        o->checkpoint);
    bar.finish();
    if (result.stopped) throw Interrupted{};
    run->save(o->out);
    std::cout << "last loss " << report::fixed(data.bits(result.loss), 4) << " bits per byte, "
              << report::human_duration(result.seconds) << ", "
              << report::human_count(double(result.targets) / std::max(result.seconds, 1e-9))
              << " tokens/s\n";
    if (!run->cuts().empty())
      std::cout << report::to_terminal(
          report::rank_map("what the budget left, by layer and role", sites, run->ranks()),
          {report::terminal_color(1), report::terminal_width(1)});
    if (heldout) after = measure();
    if (heldout) std::cout << "held out, after: " << report::fixed(after, 4) << " bits per byte\n";
    if (!o->report.empty()) {
      report::RunReport page{.title = message("lorica: ", o->choice.method),
                             .loss = losses,
                             .sites = sites,
                             .ranks = run->ranks(),
                             .cuts = run->cuts()};
      page.facts = {{"method", message(o->choice.method, ": ", method.summary)},
                    {"model", o->model},
                    {"parameters that train", report::human_count(double(run->parameters()))},
                    {"rank at the start", std::to_string(choice.rank)},
                    {"steps", message(o->fit.steps, " of ", o->fit.batch, " windows of ", length, " tokens")},
                    {"learning rate", report::significant(o->fit.optimizer.lr)},
                    {"last loss", report::fixed(losses.empty() ? 0 : losses.back(), 4) + " bits per byte"},
                    {"seconds", report::fixed(result.seconds, 1)}};
      if (heldout) {
        page.facts.push_back({"held out, before", report::fixed(before, 4) + " bits per byte"});
        page.facts.push_back({"held out, after", report::fixed(after, 4) + " bits per byte"});
      }
      if (!scores.values.empty()) page.scores = scores;
      report::write_html(o->report, report::run_report(page));
      std::cout << "wrote " << o->report << "\n";
    }
    std::cout << "wrote " << o->out << "\n";
  });
}

}  // namespace lorica::cli
