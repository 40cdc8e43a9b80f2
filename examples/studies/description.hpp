// SPDX-License-Identifier: MIT
// A study as its file describes it: parts, each methods x tasks on one model; maps; and what a paper has
// beside them. docs/studies.md is the file's reference.
#pragma once

#include "reader.hpp"
#include "run.hpp"
#include "task.hpp"

#include <filesystem>

namespace lorica::studies {

/// Where names of models and of data lead.
struct Places {
  std::filesystem::path repository = {}, data = {};
  std::vector<std::pair<std::string, std::filesystem::path>> models = {};  // as given

  /// "{repository}/..." is in the source tree, what is not absolute in the data folder.
  [[nodiscard]] std::filesystem::path data_at(const std::string& name) const;
  /// Given, or where it usually is; empty: nobody knows.
  [[nodiscard]] std::filesystem::path model_at(const std::string& name) const;
};

/// How a run walks downhill, whatever its method.
struct Training {
  double epochs = 3;
  index_t steps = 0;  // in place of epochs, if not 0
  index_t batch = 16, accumulate = 1;
  double warmup = 0.1;  // of the steps
  std::string schedule = "linear";
  double weight_decay = 0, clip = 1;
  double head_lr = 0;  // of the head, whatever the grid; 0: the grid's
  bool checkpoint_blocks = false;

  [[nodiscard]] train::FitConfig config(index_t samples, double rate, Seed seed) const;
};

/// Which sites a row's adapters stand at, beyond what its method says.
enum class At { given, random, spread, each_down };

/// A row of a table: a method with its numbers.
struct Row {
  std::string name = {};
  cli::Choice choice = {};
  At at = At::given;
  index_t budget = 0;  // directions of LoRA at every site whose parameters are the target; 0: as choice says
  std::string family = {};    // rows of one are a curve over budgets
  std::string identity = {};  // what of the description decides a run
};

/// A data set in a part.
struct Entry {
  std::string name = {};
  cli::TaskOptions options = {};  // its names as the description has them until they are resolved
  double cut = 0;         // the share of one file that is learned from, the rest being held out; 0: two files
  bool optional = false;  // absent data leave "n/a" behind and are no error
  bool absent = false;
  Training training = {};
  std::string identity = {};
};

/// A column of a table: one figure of a task, or the mean of several.
struct Column {
  std::string title = {}, task = {};
  std::vector<std::string> figures = {};  // none: the first
  double scale = 1;
  bool higher = true;  // is better
};

/// Methods x tasks on one model.
struct Part {
  std::string name = {}, title = {}, model = {}, against = {}, paper = {};
  std::vector<double> rates = {};
  std::vector<Row> rows = {};
  std::vector<Entry> entries = {};
  std::vector<Column> columns = {};
  bool average = false;  // a last column with the mean of the others

  [[nodiscard]] const Entry* entry(const std::string& name) const;
};

/// PAGE of models x tasks.
struct Maps {
  std::string name = {};
  std::vector<std::string> models = {};
  std::vector<Entry> entries = {};
  index_t samples = 32, sets = 3;
  adapt::Page page = {};
};

/// A paper's table.
struct PaperTable {
  std::string name = {}, source = {}, average = {};  // title of the column of means, if it has one
  std::vector<std::string> columns = {};
  struct Line {
    std::string name;
    std::vector<double> values;
  };
  std::vector<Line> lines = {};
  std::vector<std::vector<std::string>> pairs = {};  // columns that one rule of averaging counts as one
};

/// A finding of the paper, as a comparison that can fail here.
struct Finding {
  std::string claim = {}, part = {}, row = {}, against = {};
};

struct Study {
  std::string name = {}, title = {}, asks = {}, preset = {};
  std::vector<Seed> seeds = {};
  std::vector<Part> parts = {};
  std::vector<Maps> maps = {};
  std::vector<PaperTable> papers = {};
  std::vector<Finding> findings = {};
};

/// The study in a file under one of its presets; what is wrong with the description is noted.
Study read_study(const std::filesystem::path& file, const std::string& preset, Problems& problems);

}  // namespace lorica::studies
