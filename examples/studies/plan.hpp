// SPDX-License-Identifier: MIT
// What is to be done, what of it is done, and how long the rest will take.
#pragma once

#include "prepare.hpp"

#include <lorica/report/table.hpp>

namespace lorica::studies {

/// The runs of one row on one task: all rates under the first seed, then the other seeds at the best of them.
struct Cell {
  std::vector<const Done*> by_rate = {};  // under the first seed; null: not yet
  /// The rate with the least loss on validation, an index; nothing while a rate is missing, or if none went
  /// well.
  std::optional<std::size_t> chosen;
  std::vector<const Done*> by_seed = {};  // at that rate; empty without one

  [[nodiscard]] bool all_rates() const;
  [[nodiscard]] bool complete() const;
  /// Of all its runs.
  [[nodiscard]] index_t made() const;
  [[nodiscard]] index_t diverged() const;
  [[nodiscard]] index_t failed() const;
  [[nodiscard]] index_t left(const Study& study) const;
};
Cell cell(const Ready& ready, const Record& record, std::size_t part, std::size_t entry, std::size_t row);

/// How PAGE is read: of every set the first way, of the first set the others too.
struct Reading {
  const char* name;
  adapt::Reading reading;
  adapt::Form form;
};
std::span<const Reading> readings();
/// f(set, reading) for every probe of a task.
template <class F> void for_each_probe(const Maps& maps, F f) {
  for (index_t set = 0; set < maps.sets; ++set)
    for (const Reading& r : readings().first(set == 0 ? readings().size() : 1)) f(set, r);
}

struct Plan {
  report::Table table;
  index_t runs = 0, done = 0;
  double seconds = 0;  // left
};
Plan plan(const Ready& ready, const Record& record);
/// Seconds of a run of that entry: as measured where some are done, else as estimated.
double seconds_a_run(const Ready& ready, const Record& record, std::size_t part, std::size_t entry);

}  // namespace lorica::studies
