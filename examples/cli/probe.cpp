// SPDX-License-Identifier: MIT
// lorica probe: where the gradient energy of an adapter would be.
#include "commands.hpp"
#include "task.hpp"
#include "text.hpp"

#include <lorica/report/format.hpp>
#include <lorica/report/jsonl.hpp>
#include <lorica/report/site_map.hpp>
#include <lorica/report/stability.hpp>
#include <lorica/report/table.hpp>
#include <lorica/report/terminal.hpp>

#include <iostream>

namespace lorica::cli {

namespace {
/// Sample sets that share no window, each with draws of its own; then the other tasks.
void print_stability(Model& model, const Task& task, const std::vector<std::string>& others, index_t samples,
                     index_t repeat, adapt::Page page, Blocks blocks) {
  std::vector<adapt::SiteScores> runs;
  std::vector<std::string> names;
  const auto all = task.train().sample(samples * repeat);
  expects(all.count() >= repeat, "--repeat ", repeat, ": the data has ", all.count(),
          " samples, expected one each at least");
  for (index_t j = 0; j < repeat; ++j) {
    nn::Sequences set;
    for (index_t i = j; i < all.count(); i += repeat) set.add_from(all, i);
    runs.push_back(model.probe(set, page, task.goal(), blocks));
    names.push_back(message("set ", j + 1, ", draw ", j + 1));
    ++page.seed;
  }
  for (const auto& other : others) {
    runs.push_back(model.probe(read_text(model, {other}, usual_length(model)).windows.sample(samples), page,
                               {}, blocks));
    names.push_back(std::filesystem::path(other).filename().string());
  }
  const auto s = adapt::stability(runs);
  std::cout << '\n' << report::stability_table(s, names).to_terminal() << report::stability_line(s) << '\n';
}
}  // namespace

void add_probe(CLI::App& app) {
  struct Options {
    std::string model, svg, log;
    Compute compute;
    TaskOptions task;
    std::vector<std::string> against;
    index_t samples = 32, repeat = 1;
    adapt::Page page;
    bool checkpoint_blocks = false;
  };
  auto o = std::make_shared<Options>();
  auto* c = app.add_subcommand("probe", "Listen to a frozen model: PAGE at every site");
  c->add_option("--model", o->model, "model folder")->required();
  add_task_options(*c, o->task);
  for (const char* name : {"--heldout", "--heldout-samples"}) c->remove_option(c->get_option(name));
  c->get_option("--data")->required();
  c->add_option("--samples", o->samples, "to probe, evenly spaced")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  c->add_option("--rank", o->page.rank)->capture_default_str()->check(CLI::PositiveNumber);
  c->add_option("--alpha", o->page.scaling.alpha)->capture_default_str();
  c->add_option("--seed", o->page.seed)->capture_default_str();
  add_page_options(*c, o->page);
  c->add_option("--repeat", o->repeat,
                "probe so many times, with other windows and other draws: does it say the same?")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  c->add_option("--against", o->against, "files or folders of text, each another task to compare with");
  c->add_option("--svg", o->svg, "file of the heat map");
  c->add_option("--log", o->log, "JSON lines, one a site");
  add_checkpoint_blocks(*c, o->checkpoint_blocks);
  add_compute_options(*c, o->compute);
  c->callback([o] {
    const auto model = open_model(o->model, o->compute);
    std::cout << "backend: " << model->backend() << '\n';
    const auto task = make_task(o->task, *model);
    const auto samples = task->train().sample(o->samples);
    const Blocks blocks = o->checkpoint_blocks ? Blocks::recomputed : Blocks::kept;
    const auto scores = model->probe(samples, o->page, task->goal(), blocks);
    const auto map = report::site_map("PAGE by layer and role", scores);
    std::cout << report::to_terminal(map, {report::terminal_color(1), report::terminal_width(1)}) << '\n';
    std::vector<std::size_t> order(scores.sites.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::ranges::stable_sort(
        order, [&](std::size_t a, std::size_t b) { return scores.values[a] > scores.values[b]; });
    report::Table table({{"site"},
                         {"PAGE", report::Align::right},
                         {"share", report::Align::right},
                         {"|G|^2", report::Align::right}});
    double total = 0;
    for (const double v : scores.values) total += v;
    for (std::size_t i = 0; i < std::min<std::size_t>(order.size(), 8); ++i) {
      const auto& s = scores.sites[order[i]];
      const double v = scores.values[order[i]];
      table.add({s.path, report::significant(v), report::fixed(100 * v / total, 1) + " %",
                 report::significant(v / o->page.per_gradient_energy(s))});
    }
    std::cout << table.to_terminal() << samples.count() << " samples, reading "
              << (o->page.reading == adapt::Reading::per_sample ? "per sample" : "mean gradient")
              << (o->page.form == adapt::Form::closed
                      ? ", closed form\n"
                      : message(", ", o->page.draws, " draw(s); |G|^2 is the estimate from them\n"));
    if (o->repeat > 1 || !o->against.empty())
      print_stability(*model, *task, o->against, o->samples, o->repeat, o->page, blocks);
    if (!o->svg.empty()) io::write_atomically(o->svg, report::to_svg(map));
    if (!o->log.empty()) {
      report::JsonLines log(o->log);
      for (std::size_t i = 0; i < scores.sites.size(); ++i)
        log.write({{"site", scores.sites[i].path},
                   {"layer", scores.sites[i].layer},
                   {"role", name_of(scores.sites[i].role)},
                   {"page", scores.values[i]}});
    }
  });
}

}  // namespace lorica::cli
