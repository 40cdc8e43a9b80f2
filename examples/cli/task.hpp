// SPDX-License-Identifier: MIT
// What a run learns from and is judged by: a data set as samples, and what its answers are worth.
#pragma once

#include "run.hpp"

#include <lorica/tasks/chat_template.hpp>

#include <CLI/CLI.hpp>

namespace lorica::cli {

struct TaskOptions {
  std::string name = "text";
  std::vector<std::string> data, heldout;
  index_t length = 0;                                        // tokens of a sample, at most; 0: the task's own
  index_t stride = 128;                                      // of SQuAD
  index_t samples = 0, heldout_samples = 0;                  // at most; 0: all
  std::string chat;                                          // a template, as JSON or as a file of it
  std::string prompt = "{prompt}", response = "{response}";  // of records
  bool bar = true;                                           // where measuring takes long
};

/// One measured number; the first of several is the one a run is judged by.
struct Figure {
  std::string name;
  double value;
};
using Figures = std::vector<Figure>;
/// "accuracy 0.9123, F1 0.8710"
std::string to_text(const Figures& figures);

class Task {
 public:
  virtual ~Task() = default;
  [[nodiscard]] virtual Goal goal() const { return {}; }
  /// Empty where no data was named.
  [[nodiscard]] virtual AnyData train() const = 0;
  [[nodiscard]] virtual bool measurable() const = 0;
  /// A mean loss in nats a target, as the task says it.
  [[nodiscard]] virtual Figure loss(double nats) const { return {"nats", nats}; }
  /// Whether the first figure that measure gives is.
  [[nodiscard]] virtual bool larger_is_better() const { return true; }
  /// On what is held out; `predictions`, if not empty, is a file to write the answers to.
  virtual Figures measure(Subject& s, const std::filesystem::path& predictions = {}) const = 0;
};

/// The task of that name for this model, its files read. Throws what they have wrong.
std::unique_ptr<Task> make_task(const TaskOptions& o, const Model& model);

/// --task, --data, --heldout and what shapes the samples.
void add_task_options(CLI::App& c, TaskOptions& o);

// By family, each in its file.
std::unique_ptr<Task> make_text_task(const TaskOptions& o, const Model& model);
std::unique_ptr<Task> make_chat_task(const TaskOptions& o, const Model& model);
std::unique_ptr<Task> make_e2e_task(const TaskOptions& o, const Model& model);
std::unique_ptr<Task> make_table_task(const TaskOptions& o, const Model& model);
std::unique_ptr<Task> make_squad_task(const TaskOptions& o, const Model& model);

/// Refuses a head that answers something else than the task asks; whoever has none is not asked here.
void expect_head(const Goal& has, const Goal& asked, std::string_view task);
/// --chat, or the usual: each turn a line.
tasks::ChatTemplate chat_of(const TaskOptions& o);
/// The file of a folder that is called one of these, or `path` itself where that is a file.
std::filesystem::path one_file(const std::filesystem::path& path, std::initializer_list<const char*> names);

}  // namespace lorica::cli
