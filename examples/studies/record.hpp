// SPDX-License-Identifier: MIT
// What was done, as JSON lines: one a finished run, keyed by an identity in which everything is that decides
// its result. A study that was stopped goes on after the last of them; what had failed for want of something,
// not by diverging, is done again.
#pragma once

#include "description.hpp"

#include <lorica/report/jsonl.hpp>

#include <map>
#include <set>

namespace lorica::studies {

/// A run that ended, well or not.
struct Done {
  std::string part, task, row;
  double rate = 0;
  Seed seed = 0;
  std::string failed = {};          // why it has no figures; empty: it has
  bool diverged = false;            // because a loss or a gradient was not finite
  double validation = 0;            // nats a target, on what the rate is chosen by
  cli::Figures figures = {};        // on what is held out
  index_t trainable = 0;            // parameters of adapters at the start
  index_t kept = 0;                 // in the end
  index_t head = 0;                 // parameters beside them
  double seconds = 0;               // of the steps
  double measuring = 0;             // of validation and figures
  index_t tokens = 0;               // of the steps
  std::size_t peak = 0;             // bytes
  std::vector<index_t> ranks = {};  // by the model's sites, in the end
  std::vector<double> losses = {};  // by step
  std::vector<index_t> cuts = {};   // steps after which a budget fell
};

/// PAGE of a model, once.
struct Heard {
  std::string model, task;
  index_t set = 0;
  std::string reading;
  std::vector<double> values = {};
  std::string failed = {};  // why there are none
};

class Record {
 public:
  explicit Record(std::filesystem::path file);

  [[nodiscard]] const Done* done(const std::string& identity) const;
  [[nodiscard]] const Heard* heard(const std::string& identity) const;
  /// Whether it was tried since the program began and failed, other than by diverging: the next start tries
  /// it again.
  [[nodiscard]] bool failed(const std::string& identity) const { return failed_.contains(identity); }
  [[nodiscard]] std::size_t failures() const { return failed_.size(); }
  void add(const std::string& identity, Done run);
  void add(const std::string& identity, Heard probe);

 private:
  std::map<std::string, Done> done_;
  std::map<std::string, Heard> heard_;
  std::set<std::string> failed_;
  report::JsonLines lines_;
};

}  // namespace lorica::studies
