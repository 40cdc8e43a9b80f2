// SPDX-License-Identifier: MIT
// What the commands of the program share.
#pragma once

#include <lorica/adapt/score/page.hpp>
#include <lorica/report/progress.hpp>
#include <lorica/train/fit.hpp>

#include <CLI/CLI.hpp>

#include <atomic>
#include <csignal>
#include <filesystem>

namespace lorica::cli {

void add_pretrain(CLI::App& app);
void add_probe(CLI::App& app);
void add_finetune(CLI::App& app);
void add_evaluate(CLI::App& app);
void add_generate(CLI::App& app);
void add_merge(CLI::App& app);
void add_export(CLI::App& app);
void add_compare(CLI::App& app);
void add_methods(CLI::App& app);
void add_inspect(CLI::App& app);
void add_logits(CLI::App& app);

struct Choice;
struct Compute;
/// Options that several commands have: of arithmetic, of a method, of a probe, of a training run.
void add_compute_options(CLI::App& c, Compute& compute);
void add_method_options(CLI::App& c, Choice& m);
void add_page_options(CLI::App& c, adapt::Page& page);
void add_fit_options(CLI::App& c, train::FitConfig& f);
void add_checkpoint_blocks(CLI::App& c, bool& on);

/// Thrown when the user asked to stop and the state was saved.
struct Interrupted {};
/// Whether SIGINT or SIGTERM came; the run then ends after its step.
inline std::atomic<int> stop_asked = 0;
static_assert(std::atomic<int>::is_always_lock_free);  // a signal sets it, threads read it
inline bool interrupted() { return stop_asked != 0; }
/// From now on the first of these signals asks a run to stop, which it does after its step; a second one ends
/// the program.
inline void stop_after_a_step() {
  const auto ask = [](int signal) {
    stop_asked = 1;
    std::signal(signal, SIG_DFL);
  };
  std::signal(SIGINT, ask);
  std::signal(SIGTERM, ask);
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
    progress_->update({.step = s.step + 1, .loss = s.loss, .tokens = s.tokens});
  }
  template <class R> void end(const R&) { progress_->finish(); }

 private:
  std::shared_ptr<report::Progress> progress_;
};

}  // namespace lorica::cli
