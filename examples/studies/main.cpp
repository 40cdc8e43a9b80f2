// SPDX-License-Identifier: MIT
// lorica-study: a study from its description to its report, in one command and as many starts as it takes.
#include "commands.hpp"
#include "execute.hpp"
#include "results.hpp"

#include <lorica/cpu/idle.hpp>
#include <lorica/cpu/parallel.hpp>
#include <lorica/report/format.hpp>

#include <cstdlib>
#include <iostream>

namespace {

using namespace lorica;
namespace fs = std::filesystem;

struct Options {
  std::string file, preset = "mini", out, data;
  std::vector<std::string> models;
  index_t at_most = 0, jobs = 0;
  bool plan = false;
  cli::Compute compute;
};

/// The variable's value, or nothing.
std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

studies::Places places_of(const Options& o, studies::Problems& problems) {
  studies::Places places{.repository = LORICA_REPOSITORY,
                         .data = o.data.empty() ? environment("LORICA_DATA") : o.data};
  for (const std::string& given : o.models) {
    const std::size_t at = given.find('=');
    if (at == std::string::npos || at == 0 || at + 1 == given.size())
      problems.add("--model ", given, ", expected NAME=FOLDER");
    else
      places.models.emplace_back(given.substr(0, at), given.substr(at + 1));
  }
  places.models.emplace_back("tiny", places.repository / "examples/data/tiny");
  places.models.emplace_back("minilm", environment("LORICA_MINILM"));
  if (!places.data.empty()) places.models.emplace_back("stories260K", places.data / "weights/stories260K");
  return places;
}

/// A model that was named and that the study does not know of is one more to map, beside those of its kind.
void add_given_models(studies::Study& study, const Options& o, const studies::Places& places,
                      studies::Problems& problems) {
  for (const std::string& given : o.models) {
    const std::string name = given.substr(0, given.find('='));
    const auto is = [&](const auto& maps) {
      return std::ranges::find(maps.models, name) != maps.models.end();
    };
    if (std::ranges::any_of(study.parts, [&](const auto& p) { return p.model == name; }) ||
        std::ranges::any_of(study.maps, is) || name == "tiny" || name == "minilm" || name == "stories260K")
      continue;
    const auto group = [&](const char* kind) {
      return std::ranges::find(study.maps, kind, &studies::Maps::name);
    };
    try {
      const auto found =
          group(io::ModelFolder(places.model_at(name)).language_model ? "decoders" : "encoders");
      if (found == study.maps.end())
        problems.add("--model ", name, ": the study has no such model, and no maps to add it to");
      else
        found->models.push_back(name);
    } catch (const Error& e) {
      problems.add("--model ", name, ": ", e.what());
    }
  }
}

/// Runs at a time.
index_t jobs_of(const Options& o) {
  constexpr index_t usual = 4;
  if (o.jobs > 0) return o.jobs;
  return o.compute.device == "cpu" ? std::min<index_t>(usual, cpu::threads()) : 1;
}

int study(const Options& o) {
  const index_t jobs = jobs_of(o);
  const int threads = std::max(1, cpu::threads() / static_cast<int>(jobs));
  cpu::use_threads(threads);
  studies::Problems problems;
  const studies::Places places = places_of(o, problems);
  auto description = studies::read_study(o.file, o.preset, problems);
  add_given_models(description, o, places, problems);
  const fs::path out(o.out);
  fs::create_directories(out);
  studies::Record record(out / "runs.jsonl");
  studies::OpenModel models(places, o.compute, jobs);
  const auto ready = studies::prepare(std::move(description), places, out / "data", models, record, problems);
  if (cli::interrupted()) throw cli::Interrupted{};
  problems.raise(message("'", o.file, "' under the preset '", o.preset, "' cannot be run"));

  const auto before = studies::plan(ready, record);
  std::cout << ready.study.title << "\n"
            << ready.study.asks << "\n\n"
            << before.table.to_terminal() << before.runs << " runs, " << before.done << " done; about "
            << report::human_duration(before.seconds / double(jobs)) << " left, " << jobs
            << (jobs == 1 ? " run" : " runs") << " at a time on " << threads
            << (threads == 1 ? " thread each\n" : " threads each\n");
  for (const auto& p : ready.parts)
    std::cout << p.part.title << ": " << p.model_identity << ", " << p.backend << '\n';
  if (o.plan) return 0;
  std::cout << std::flush;
  studies::execute(ready, models, record, o.at_most);

  const auto after = studies::plan(ready, record);
  auto sections = studies::tables(ready, record);
  io::write_atomically(out / "table.md", studies::markdown(ready.study, sections, false));
  io::write_atomically(out / "table.csv", studies::csv(ready, record));
  fs::create_directories(out / "pictures");
  for (auto& picture : studies::pictures(ready, record)) {
    io::write_atomically(out / picture.picture(), picture.html.svg);
    sections.push_back(std::move(picture));
  }
  io::write_atomically(out / "report.md", studies::markdown(ready.study, sections, true));
  report::write_html(out / "report.html", studies::page(ready, sections, after));
  std::cout << '\n';
  for (const auto& s : sections)
    if (s.html.table && !s.varies) std::cout << s.html.heading << '\n' << s.html.table->to_terminal() << '\n';
  std::cout << after.done << " of " << after.runs << " runs are done; wrote " << o.out
            << ": runs.jsonl, table.md, table.csv, report.md, report.html, pictures\n";
  if (cli::interrupted() && after.done < after.runs) throw cli::Interrupted{};
  if (record.failures() == 0) return 0;
  std::cerr << "lorica-study: " << record.failures()
            << " run(s) failed, for the reasons in runs.jsonl; the same command tries them again\n";
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (cpu::others_at_work()) cpu::let_idle_threads_sleep(argv);
  cli::stop_after_a_step();
  CLI::App app(
      "lorica-study: methods x tasks x seeds x learning rates on one frozen model, from a description");
  Options o;
  app.add_option("STUDY", o.file, "description, such as examples/studies/scores.json")->required();
  app.add_option("--preset", o.preset, "of the description: toy, mini or paper")->capture_default_str();
  app.add_option("--out", o.out,
                 "folder of the record, the tables and the report; a study goes on where it stands there")
      ->required();
  app.add_option("--data", o.data, "folder of data sets [LORICA_DATA]");
  app.add_option("--model", o.models, "NAME=FOLDER; tiny is known, minilm is LORICA_MINILM")
      ->allow_extra_args(false);
  app.add_flag("--plan", o.plan, "print the plan and what it will take, and stop");
  app.add_option("--at-most-runs", o.at_most, "stop after so many; 0 is all")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  app.add_option("--jobs", o.jobs,
                 "runs at a time, which share the frozen weights and the threads; 0 is as many as there are "
                 "threads, at most 4, or on a GPU one")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  cli::add_compute_options(app, o.compute);
  try {
    app.parse(argc, argv);
#if defined(LORICA_ONEDNN)
    if (o.compute.gemm == "auto" && o.compute.precision == "fp32" && o.compute.device == "cpu")
      o.compute.gemm = "onednn";
#endif
    return study(o);
  } catch (const CLI::ParseError& e) {
    return app.exit(e);
  } catch (const cli::Interrupted&) {
    std::cerr << "\nlorica-study: interrupted; the same command goes on after the last finished run\n";
    return 130;
  } catch (const std::exception& e) {
    std::cerr << "lorica-study: " << e.what() << "\n";
    return 1;
  }
}
