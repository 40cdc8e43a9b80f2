// SPDX-License-Identifier: MIT
// What the commands of the program share.
#pragma once

#include <lorica/adapt/score/page.hpp>
#include <lorica/report/progress.hpp>
#include <lorica/train/fit.hpp>

#include <CLI/CLI.hpp>

#include <csignal>
#include <filesystem>

namespace lorica::cli {

void add_pretrain(CLI::App& app);
void add_probe(CLI::App& app);
void add_finetune(CLI::App& app);
void add_generate(CLI::App& app);
void add_compare(CLI::App& app);
void add_methods(CLI::App& app);
void add_inspect(CLI::App& app);
void add_logits(CLI::App& app);

/// Options of a probe, shared by the commands that probe.
void add_page_options(CLI::App& c, adapt::Page& page);

/// Thrown when the user asked to stop and the state was saved.
struct Interrupted {};
/// Whether SIGINT or SIGTERM came; the run then ends after its step.
inline volatile std::sig_atomic_t stop_asked = 0;
inline bool interrupted() { return stop_asked != 0; }

/// Options of a run that every training command has.
inline void add_fit_options(CLI::App& c, train::FitConfig& f) {
  c.add_option("--steps", f.steps)->capture_default_str();
  c.add_option("--batch", f.batch, "windows at a time")->capture_default_str();
  c.add_option("--accumulate", f.accumulate, "batches an optimiser step")->capture_default_str();
  c.add_option("--lr", f.optimizer.lr, "learning rate at its peak")->capture_default_str();
  c.add_option("--weight-decay", f.optimizer.weight_decay)->capture_default_str();
  c.add_option("--warmup", f.schedule.warmup, "steps")->capture_default_str();
  c.add_option("--clip", f.clip, "global gradient norm; 0 is off")->capture_default_str();
  c.add_option("--seed", f.seed)->capture_default_str();
  static const std::map<std::string, train::Schedule::Shape> shapes = {
      {"constant", train::Schedule::constant},
      {"linear", train::Schedule::linear},
      {"cosine", train::Schedule::cosine}};
  c.add_option("--schedule", f.schedule.shape, "constant, linear or cosine")
      ->transform(CLI::CheckedTransformer(shapes, CLI::ignore_case));
}

/// The folder of a file that a command will write when its work is done must be there before the work begins.
inline void expect_folder_of(const std::filesystem::path& file) {
  const auto folder = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
  expects<FileError>(std::filesystem::is_directory(folder), "cannot write '", file.string(),
                     "': there is no folder '", folder.string(), "'");
}

/// The progress bar as an observer of a run.
class Bar {
 public:
  explicit Bar(index_t steps, std::string label = {})
      : progress_(std::make_shared<report::Progress>(
            report::ProgressConfig{.total = steps, .label = std::move(label)})) {}
  template <class R> void step(const R&, const train::StepInfo& s) {
    progress_->update({.step = s.step + 1, .loss = s.loss, .tokens = s.targets});
  }
  template <class R> void end(const R&) { progress_->finish(); }

 private:
  std::shared_ptr<report::Progress> progress_;
};

}  // namespace lorica::cli
