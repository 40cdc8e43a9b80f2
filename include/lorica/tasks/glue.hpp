// SPDX-License-Identifier: MIT
/// @file lorica/tasks/glue.hpp
/// Tasks whose examples are rows of a table: GLUE's nine, and whatever else fits its description. A task is a
/// value; a new one needs no class.
#pragma once

#include <lorica/tasks/metrics/classification.hpp>
#include <lorica/tasks/metrics/correlation.hpp>
#include <lorica/tasks/tsv.hpp>

#include <charconv>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace lorica::tasks {

/// One text or two, and what is to be said about them.
struct Example {
  std::string first;
  std::string second;          // empty where the task has one text
  std::int32_t category = -1;  // of a classification; -1: not given
  double value = 0;            // of a regression
};

enum class Metric { accuracy, f1, macro_f1, matthews, pearson, spearman };

/// A table of examples: which columns hold what, and how predictions are judged.
struct TableTask {
  std::string name = {};
  std::string first = {}, second = {};    // columns of the texts; no second: one text
  std::string label = "label";            // its column
  std::vector<std::string> classes = {};  // as spelled there, in the order of their numbers; none: regression
  double lowest = 0, highest = 0;         // of a regression
  std::vector<Metric> metrics = {};       // the first is the one a run is judged by
  std::vector<std::string> columns = {};  // of a labelled file that has no row of names
  std::string train = "train.tsv";        // file names, as published
  std::vector<std::string> held_out = {"dev.tsv"};

  [[nodiscard]] bool regression() const { return classes.empty(); }
  [[nodiscard]] bool pairs() const { return !second.empty(); }
};

/// GLUE (Wang et al. 2018) as its TSV files have it, with the classes numbered as in common use.
[[nodiscard]] inline const std::vector<TableTask>& glue() {
  using enum Metric;
  // clang-format off
  static const std::vector<TableTask> tasks = {
      {.name = "CoLA", .first = "sentence", .classes = {"0", "1"}, .metrics = {matthews, accuracy},
       .columns = {"source", "label", "mark", "sentence"}},
      {.name = "SST-2", .first = "sentence", .classes = {"0", "1"}, .metrics = {accuracy}},
      {.name = "MRPC", .first = "#1 String", .second = "#2 String", .label = "Quality", .classes = {"0", "1"},
       .metrics = {f1, accuracy}},
      {.name = "STS-B", .first = "sentence1", .second = "sentence2", .label = "score", .highest = 5,
       .metrics = {pearson, spearman}},
      {.name = "QQP", .first = "question1", .second = "question2", .label = "is_duplicate",
       .classes = {"0", "1"}, .metrics = {f1, accuracy}},
      {.name = "MNLI", .first = "sentence1", .second = "sentence2", .label = "gold_label",
       .classes = {"entailment", "neutral", "contradiction"}, .metrics = {accuracy},
       .held_out = {"dev_matched.tsv", "dev_mismatched.tsv"}},
      {.name = "QNLI", .first = "question", .second = "sentence", .classes = {"entailment", "not_entailment"},
       .metrics = {accuracy}},
      {.name = "RTE", .first = "sentence1", .second = "sentence2",
       .classes = {"entailment", "not_entailment"}, .metrics = {accuracy}},
      {.name = "WNLI", .first = "sentence1", .second = "sentence2", .classes = {"0", "1"},
       .metrics = {accuracy}},
  };
  // clang-format on
  return tasks;
}

/// The one of that name. Throws ConfigError naming the nearest.
[[nodiscard]] inline const TableTask& glue(std::string_view name) {
  std::vector<std::string_view> names;
  for (const TableTask& task : glue()) {
    if (task.name == name) return task;
    names.emplace_back(task.name);
  }
  throw ConfigError(message("no task ", io::json::quote(name), "; the nearest is ",
                            io::json::quote(io::nearest(name, names))));
}

struct TableOptions {
  /// Without: a test file, which has a row of names whatever the task, and no column of labels.
  bool labelled = true;
  /// GLUE's own QQP has a few torn rows.
  WrongColumns wrong = WrongColumns::refuse;
};

namespace detail {

[[nodiscard]] inline std::int32_t category_of(const TableTask& task, std::string_view label,
                                              const Place& place) {
  std::string expected;
  for (std::size_t i = 0; i < task.classes.size(); ++i) {
    if (task.classes[i] == label) return static_cast<std::int32_t>(i);
    (expected += i == 0 ? "" : i + 1 == task.classes.size() ? " or " : ", ") += task.classes[i];
  }
  throw FileError(message(place, ": the label is ", io::json::quote(label), ", expected ", expected));
}

[[nodiscard]] inline double value_of(const TableTask& task, std::string_view label, const Place& place) {
  double value = 0;
  const char* const end = label.data() + label.size();
  const auto read = std::from_chars(label.data(), end, value);
  expects<FileError>(
      read.ec == std::errc() && read.ptr == end && value >= task.lowest && value <= task.highest, place,
      ": the label is ", io::json::quote(label), ", expected a number from ", task.lowest, " to ",
      task.highest);
  return value;
}

}  // namespace detail

/// Calls `each(Example&&)` for every row of a file; returns how many rows were skipped (TableOptions::wrong).
/// Throws FileError with file and line on a wrong number of columns or a label that is none of the task's.
template <class Each>
std::size_t for_each_example(const TableTask& task, const std::filesystem::path& path, Each&& each,
                             const TableOptions& options = {}) {
  Tsv table(path,
            options.labelled ? std::span<const std::string>(task.columns) : std::span<const std::string>(),
            options.wrong);
  const std::size_t first = table.column(task.first), second = task.pairs() ? table.column(task.second) : 0,
                    label = options.labelled ? table.column(task.label) : 0;
  for (auto row = table.next(); !row.empty(); row = table.next()) {
    Example e;
    e.first = row[first];
    if (task.pairs()) e.second = row[second];
    if (options.labelled && task.regression()) e.value = detail::value_of(task, row[label], table.place());
    if (options.labelled && !task.regression())
      e.category = detail::category_of(task, row[label], table.place());
    each(std::move(e));
  }
  return table.skipped();
}

/// All of a file.
[[nodiscard]] inline std::vector<Example> read_examples(const TableTask& task,
                                                        const std::filesystem::path& path,
                                                        const TableOptions& options = {}) {
  std::vector<Example> all;
  for_each_example(
      task, path, [&](Example&& e) { all.push_back(std::move(e)); }, options);
  return all;
}

/// A metric's name and its value.
struct Measured {
  std::string_view name;
  double value;
};

/// The metrics of a classification, in the task's order.
[[nodiscard]] inline std::vector<Measured> measure(const TableTask& task, Classes predicted,
                                                   Classes expected) {
  std::vector<Measured> out;
  for (const Metric m : task.metrics) switch (m) {
      case Metric::accuracy:
        out.push_back({"accuracy", accuracy(predicted, expected)});
        break;
      case Metric::f1:
        out.push_back({"F1", f1(predicted, expected)});
        break;
      case Metric::macro_f1:
        out.push_back({"macro F1", macro_f1(predicted, expected)});
        break;
      case Metric::matthews:
        out.push_back({"Matthews", matthews(predicted, expected)});
        break;
      case Metric::pearson:
      case Metric::spearman:
        throw ConfigError(message(task.name, ": a correlation of classes, expected a regression"));
    }
  return out;
}
/// The metrics of a regression.
[[nodiscard]] inline std::vector<Measured> measure(const TableTask& task, std::span<const double> predicted,
                                                   std::span<const double> expected) {
  std::vector<Measured> out;
  for (const Metric m : task.metrics) {
    expects(m == Metric::pearson || m == Metric::spearman, task.name,
            ": a metric of classes for numbers, expected a correlation");
    out.push_back(m == Metric::pearson ? Measured{"Pearson", pearson(predicted, expected)}
                                       : Measured{"Spearman", spearman(predicted, expected)});
  }
  return out;
}

}  // namespace lorica::tasks
