// SPDX-License-Identifier: MIT
// What of a run is kept, and how its samples count.
#pragma once

#include "run.hpp"

#include <CLI/CLI.hpp>

namespace lorica::cli {

struct SelectionOptions {
  bool keep_best = false;
  index_t patience = 0;
  std::string validation;     // samples, or a share of them as 10%
  std::string class_weights;  // balanced, or a number for each

  /// Takes the validation samples, evenly spaced, out of the data. Empty where none are asked for.
  AnyData split(AnyData& data) const;
  /// Whether it can be done with measurements every so many steps.
  void validate(index_t every, bool measurable) const;
  /// Of the categories: what --class-weights says, balanced by the data's labels; none where it says nothing.
  [[nodiscard]] std::vector<double> weights(const Goal& goal, const AnyData& data) const;
  /// What a checkpoint must agree on.
  [[nodiscard]] std::string identity() const;
};
void add_selection_options(CLI::App& c, SelectionOptions& o);

}  // namespace lorica::cli
