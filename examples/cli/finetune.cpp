// SPDX-License-Identifier: MIT
// lorica finetune: one method on one task.
#include "commands.hpp"
#include "run_file.hpp"
#include "selection.hpp"
#include "task.hpp"

#include <lorica/report/format.hpp>
#include <lorica/report/jsonl.hpp>
#include <lorica/report/run_report.hpp>

#include <iostream>
#include <limits>
#include <sstream>

namespace lorica::cli {

namespace {

struct Finetune {
  std::string model, out, checkpoint, log, report, predictions;
  index_t samples = 32, every = 0;
  double epochs = 0;
  SelectionOptions selection;
  Compute compute;
  TaskOptions task;
  Choice choice;
  adapt::Page page;
  train::FitConfig fit{.steps = 200,
                       .batch = 8,
                       .optimizer = {.lr = 3e-3, .weight_decay = 0},
                       .schedule = {train::Schedule::cosine, 10, 0.0}};
  std::string description;    // of the whole run, as a file
  bool usual_warmup = false;  // none was asked for
};

/// What a checkpoint belongs to.
std::string identity(const Finetune& o, const Model& model, const MethodInfo& method,
                     const std::vector<index_t>& start) {
  const Choice& c = o.choice;
  std::string all =
      message(o.model, " ", o.task.name, " ", c.method, " rank ", c.rank, " alpha ", c.alpha, " dropout ",
              c.dropout, " orthogonality ", c.orthogonality, " length ", o.task.length);
  if (method.score != Score::none)
    all += message(" target ", c.target.per_matrix, '/', c.target.total, '/', c.target.parameters, " tinit ",
                   c.tinit.steps, '/', c.tinit.share, " tfinal ", c.tfinal.steps, '/', c.tfinal.share,
                   " interval ", c.interval, c.compact ? " compact" : "");
  if (method.adapter == Adapter::plus) all += message(" ratio ", c.ratio);
  if (model.backend() != usual_backend) all += message(" in ", model.backend());
  all += o.selection.identity();
  for (const auto& s : model.sites())
    if (const index_t r = start[static_cast<std::size_t>(s.ordinal)]; r > 0)
      all += message("; ", s.path, " rank ", r);
  return all;
}

/// The log of a run that goes on after `steps` steps: what it had written beyond them it will write again.
report::JsonLines log_after(const std::filesystem::path& file, index_t steps) {
  if (steps == 0 || !std::filesystem::exists(file)) return report::JsonLines(file);
  std::string kept;
  std::istringstream lines(io::read_text(file));
  for (std::string line; std::getline(lines, line);) {
    try {
      if (io::json::parse(line).at("step").as_integer() > steps) continue;
    } catch (const Error&) {  // torn when the run was killed
      continue;
    }
    kept += line + '\n';
  }
  io::write_atomically(file, kept);
  return report::JsonLines(file, report::JsonLines::Open::append);
}

void finetune(Finetune& o) {
  const auto& method = method_named(o.choice.method);
  expect_folder_of(o.out);
  for (const auto& file : {o.checkpoint, o.report, o.log, o.predictions})
    if (!file.empty()) expect_folder_of(file);
  const auto model = open_model(o.model, o.compute);
  const auto task = make_task(o.task, *model);
  AnyData data = task->train();
  const AnyData validation = o.selection.split(data);
  o.selection.validate(o.every, task->measurable());
  expects(o.every == 0 || task->measurable() || validation.size() > 0,
          "--evaluate-every needs --heldout or --validation");
  Goal goal = task->goal();
  expects(!o.fit.head_lr || goal.kind != Goal::Kind::tokens, "--head-lr: task ", o.task.name,
          " trains no head");
  goal.weights = o.selection.weights(goal, data);
  expects(task->goal().kind == Goal::Kind::tokens || !o.out.ends_with(".safetensors"), "--out '", o.out,
          "': a head is saved beside the adapters, in a folder; expected a name without .safetensors");
  if (o.epochs > 0)
    o.fit.steps = static_cast<index_t>(
        std::ceil(o.epochs * double(data.size()) / double(o.fit.batch * o.fit.accumulate)));
  if (o.usual_warmup) o.fit.schedule.warmup = std::min(o.fit.schedule.warmup, o.fit.steps / 10);
  o.choice.seed = o.page.seed = o.fit.seed;

  adapt::SiteScores scores;
  if (method.by_site_score()) {
    o.page.rank = o.choice.rank;
    o.page.scaling.alpha = o.choice.alpha;
    scores = model->probe(data.sample(o.samples), o.page, goal, o.fit.blocks());
    std::cout << "PAGE: the dominant site is " << scores.sites[scores.dominant()].path << ", "
              << report::fixed(100 * scores.concentration(), 1) << " % of the energy\n";
  }
  const auto run = model->attach(o.choice, scores, goal);
  const auto sites = model->sites();
  const auto start = run->ranks();
  std::cout << "backend: " << model->backend() << '\n'
            << o.choice.method << ": " << std::ranges::count_if(start, [](index_t r) { return r > 0; })
            << " site(s), " << report::human_count(double(run->parameters())) << " parameters train; "
            << data.size() << " samples, " << o.fit.steps << " steps\n";
  const auto memory = run->estimate(data, o.fit);
  print(std::cout, memory);
  o.fit.identity = identity(o, *model, method, start);

  // A head that has not learned yet says nothing worth a pass over what is held out.
  std::string before, after;
  const bool tokens = task->goal().kind == Goal::Kind::tokens && o.task.name != "E2E";
  if (task->measurable() && tokens) {
    before = to_text(task->measure(*run));
    std::cout << "held out, before: " << before << '\n';
  }
  std::optional<report::JsonLines> log;
  std::vector<double> losses;
  // What is held out, or the loss of the validation samples: measured once a step, for who keeps the best and
  // for the log.
  Figures measured;
  const auto measure = [&] {
    measured = validation.size() > 0 ? Figures{{"loss of the validation samples", run->evaluate(validation)}}
                                     : task->measure(*run);
    return measured.front().value;
  };
  std::optional<Selection> selection;
  if (o.selection.keep_best)
    selection = Selection{.measure = measure,
                          .larger_is_better = validation.size() == 0 && task->larger_is_better(),
                          .every = o.every,
                          .patience = o.selection.patience};
  report::Progress bar({.total = o.fit.steps, .label = o.choice.method});
  const auto result = run->fit(
      data, o.fit,
      [&](const train::StepInfo& s) {
        bar.update({.step = s.step + 1, .loss = s.loss, .tokens = s.tokens});
        if (losses.empty()) {
          losses.assign(static_cast<std::size_t>(s.step), std::numeric_limits<double>::quiet_NaN());
          if (!o.log.empty()) log = log_after(o.log, s.step);
        }
        losses.push_back(task->loss(s.loss).value);
        io::json::Value::Object line{{"step", s.step + 1},      {"loss", s.loss}, {"penalty", s.penalty},
                                     {"norm", s.gradient_norm}, {"lr", s.lr},     {"seconds", s.seconds}};
        if (!run->cuts().empty() && run->cuts().back().step == s.step) {
          line.push_back({"kept", run->cuts().back().kept});
          line.push_back({"threshold", run->cuts().back().threshold});
        }
        if (o.every > 0 && (s.step + 1) % o.every == 0) {
          if (measured.empty()) measure();
          for (const Figure& f : measured) line.push_back({"heldout " + f.name, f.value});
        }
        measured.clear();
        if (log) log->write(std::move(line));
      },
      o.checkpoint, selection ? &*selection : nullptr);
  bar.finish();
  const bool gave_up = selection && selection->gave_up;
  if (result.stopped && !gave_up) throw Interrupted{};
  if (gave_up)
    std::cout << "stopped after step " << result.steps << ": " << o.selection.patience
              << " measurement(s) no better\n";
  if (selection && selection->step > 0)
    std::cout << "kept step " << selection->step << ": " << report::fixed(selection->value, 4) << '\n';
  run->save(o.out);
  io::write_atomically(run_file_beside(o.out), o.description);
  std::string last;  // nothing, where a checkpoint had it all
  if (!losses.empty()) {
    const Figure loss = task->loss(result.loss);
    last = message(report::fixed(loss.value, 4), ' ', loss.name);
    std::cout << "last loss " << last << ", " << report::human_duration(result.seconds) << ", "
              << report::human_count(double(result.tokens) / std::max(result.seconds, 1e-9)) << " tokens/s\n";
    print_peak(std::cout, memory, result);
  }
  if (run->ranks() != start)
    std::cout << report::to_terminal(
        report::rank_map("what the budget left, by layer and role", sites, run->ranks()),
        {report::terminal_color(1), report::terminal_width(1)});
  if (task->measurable()) {
    after = to_text(task->measure(*run, o.predictions));
    std::cout << "held out, after: " << after << '\n';
  }
  if (!o.report.empty()) {
    report::RunReport page{.title = message("lorica: ", o.choice.method),
                           .loss = losses,
                           .sites = sites,
                           .ranks = run->ranks(),
                           .cuts = run->cuts()};
    page.facts = {
        {"method", message(o.choice.method, ": ", method.summary)},
        {"model", o.model},
        {"task", o.task.name},
        {"parameters that train", report::human_count(double(run->parameters()))},
        {"rank at the start", std::to_string(o.choice.rank)},
        {"steps", message(o.fit.steps, " of ", o.fit.batch * o.fit.accumulate, " samples of ", data.size())},
        {"learning rate",
         message(report::significant(o.fit.optimizer.lr),
                 o.fit.head_lr ? ", of the head " + report::significant(*o.fit.head_lr) : "")},
        {"seconds", report::fixed(result.seconds, 1)}};
    if (!last.empty()) page.facts.push_back({"last loss", last});
    if (!before.empty()) page.facts.push_back({"held out, before", before});
    if (!after.empty()) page.facts.push_back({"held out, after", after});
    if (!scores.values.empty()) page.scores = scores;
    report::write_html(o.report, report::run_report(page));
    std::cout << "wrote " << o.report << '\n';
  }
  std::cout << "wrote " << o.out << '\n';
}

}  // namespace

void add_finetune(CLI::App& app) {
  auto o = std::make_shared<Finetune>();
  auto* c = app.add_subcommand("finetune", "Adapt a frozen model to a task");
  c->option_defaults()->group("Files");
  c->add_option("--model", o->model, "model folder")->required();
  c->add_option("--out", o->out, "the adapter: a folder as PEFT has it, or a file, x.safetensors")
      ->required();
  c->add_option("--checkpoint", o->checkpoint, "file of the run's state; an interrupted run goes on from it");
  c->add_option("--log", o->log, "JSON lines, one a step");
  c->add_option("--report", o->report, "HTML file with the run's curves and maps");
  c->add_option("--predictions", o->predictions, "file of the answers to what is held out");
  add_task_options(*c, o->task);
  c->get_option("--data")->required();
  add_compute_options(*c, o->compute);
  add_method_options(*c, o->choice);
  add_fit_options(*c, o->fit);
  c->add_option("--head-lr", o->fit.head_lr, "learning rate of the head at its peak [that of --lr]")
      ->group("Training");
  c->option_defaults()->group("Training");
  c->add_option("--epochs", o->epochs, "passes over the data, in place of --steps")
      ->check(CLI::PositiveNumber)
      ->excludes(c->get_option("--steps"));
  c->add_option("--evaluate-every", o->every,
                "steps between measurements on what is held out, or on --validation; 0 is at the end alone")
      ->capture_default_str();
  add_selection_options(*c, o->selection);
  add_page_options(*c, o->page);
  c->option_defaults()->group("Probe");
  c->add_option("--samples", o->samples, "to probe, where the method asks")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  c->callback([o, c] {
    o->description = run_file(*c);
    o->usual_warmup = c->get_option("--warmup")->count() == 0;
    stop_after_a_step();
    finetune(*o);
  });
}

}  // namespace lorica::cli
