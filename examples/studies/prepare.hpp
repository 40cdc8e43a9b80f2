// SPDX-License-Identifier: MIT
// From a description to what can be run: names become files, every model is opened, every task read and every
// method tried for one step, so that whatever cannot work is known, all of it, before the first run.
#pragma once

#include "record.hpp"

#include <mutex>

namespace lorica::studies {

/// The one model that is open: several parts, and as many threads as are to compute with it at a time, share
/// its frozen, packed weights.
class OpenModel {
 public:
  OpenModel(const Places& places, cli::Compute compute, index_t threads)
      : places_(&places), compute_(std::move(compute)), threads_(threads) {}
  [[nodiscard]] index_t threads() const { return threads_; }
  /// As that thread has it. Another name closes the model for all of them.
  cli::Model& at(const std::string& name, index_t thread = 0);

 private:
  const Places* places_;
  cli::Compute compute_;
  index_t threads_;
  std::mutex mutex_;
  std::string name_ = {};
  std::vector<std::unique_ptr<cli::Model>> shares_;
};

/// A task's samples: nine of ten are learned from, every tenth chooses the learning rate.
struct Split {
  cli::AnyData train, validation;
};
Split split(const cli::AnyData& all);

/// A task of a part, as it was found.
struct ReadyEntry {
  index_t samples = 0;  // to learn from
  index_t steps = 0;    // of a run
  double learned = 0;   // tokens of a run's steps
  double measured = 0;  // tokens of one validation and one measurement
  index_t head = 0;     // parameters beside the adapters
  double seconds = 0;   // of a run, as estimated; 0 where nothing is left to do
};

struct ReadyPart {
  Part part = {};  // its rows and files resolved
  std::string model_identity = {}, backend = {};
  std::vector<SiteInfo> sites = {};
  std::vector<ReadyEntry> entries = {};

  /// What decides the result of a run, in words.
  [[nodiscard]] std::string identity(std::size_t entry, std::size_t row, double rate, Seed seed) const;
};

/// A model of a study's maps.
struct ReadyMap {
  Maps maps = {};
  std::string model = {}, model_identity = {}, backend = {};
  std::vector<SiteInfo> sites = {};

  [[nodiscard]] std::string identity(std::size_t entry, index_t set, const std::string& reading) const;
};

struct Ready {
  Study study = {};
  std::vector<ReadyPart> parts = {};
  std::vector<ReadyMap> maps = {};
};

/// Whether a row's sites follow from PAGE.
bool probes(const Row& row);
/// The row's choice for one run on a model with these sites; `scores` where the row probes.
cli::Choice choice_of(const Row& row, std::span<const SiteInfo> sites, Seed seed,
                      const adapt::SiteScores& scores);

/// `scratch` is where a file that is cut in two goes. What stands in the way is noted.
Ready prepare(Study study, const Places& places, const std::filesystem::path& scratch, OpenModel& models,
              const Record& record, Problems& problems);

}  // namespace lorica::studies
