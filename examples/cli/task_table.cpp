// SPDX-License-Identifier: MIT
// GLUE: one text or two a row, and their category or number.
#include "task.hpp"
#include "text.hpp"

#include <lorica/tasks/example_rows.hpp>

#include <algorithm>

namespace lorica::cli {

namespace {

namespace fs = std::filesystem;

class TableTask final : public Task {
 public:
  TableTask(const TaskOptions& o, const Model& model) : task_(tasks::glue(o.name)) {
    const index_t length = o.length == 0 ? usual_length(model) : o.length;
    const auto read = [&](const fs::path& file) {
      std::vector<tasks::Example> examples;
      const std::size_t torn = tasks::for_each_example(
          task_, file, [&](tasks::Example&& e) { examples.push_back(std::move(e)); },
          {.wrong = task_.name == "QQP" ? tasks::WrongColumns::skip : tasks::WrongColumns::refuse});
      if (torn > 0)
        std::cerr << "lorica: '" << file.string() << "': " << torn
                  << " row(s) of another number of columns are left out\n";
      expects<FileError>(!examples.empty(), "'", file.string(), "': no row, expected at least one");
      auto rows = tasks::example_rows(model.words(), task_, examples, {.max_length = length});
      return Set{file.filename().string(), std::move(examples), AnyData(std::move(rows))};
    };
    if (!o.data.empty()) {
      expects(o.data.size() == 1, "--data: ", o.data.size(), " names for ", task_.name, ", expected one");
      train_ = read(one_file(o.data[0], {task_.train.c_str()})).rows.at_most(o.samples);
    }
    std::vector<fs::path> files;
    for (const std::string& name : o.heldout.empty() ? o.data : o.heldout) {
      if (!fs::is_directory(name)) {
        if (!o.heldout.empty()) files.emplace_back(name);
        continue;
      }
      for (const std::string& published : task_.held_out)
        if (fs::exists(fs::path(name) / published)) files.push_back(fs::path(name) / published);
    }
    expects(o.heldout.empty() || !files.empty(), "--heldout: '", o.heldout.empty() ? "" : o.heldout[0],
            "' has no ", task_.held_out.front());
    for (const auto& file : files) {
      heldout_.push_back(read(file));
      heldout_.back().rows = heldout_.back().rows.at_most(o.heldout_samples);
    }
  }
  Goal goal() const override {
    return task_.regression() ? Goal{Goal::Kind::value, 1}
                              : Goal{Goal::Kind::category, static_cast<index_t>(task_.classes.size())};
  }
  AnyData train() const override { return train_; }
  bool measurable() const override { return !heldout_.empty(); }
  Figures measure(Subject& s, const fs::path& predictions) const override {
    expect_head(s.goal(), goal(), task_.name);
    const auto category = categories(s.goal().labels);
    Figures all;
    std::string lines = "index\tprediction\n";
    for (const Set& set : heldout_) {
      const auto add = [&](const std::vector<tasks::Measured>& found) {
        for (const auto& m : found)
          all.push_back(
              {heldout_.size() > 1 ? message(m.name, " (", set.name, ')') : std::string(m.name), m.value});
      };
      const auto n = static_cast<std::size_t>(set.rows.size());
      std::vector<std::int32_t> said(n), right(n);
      std::vector<double> value(n), expected(n);
      s.answers(set.rows, [&](index_t i, std::span<const float> numbers) {
        const auto at = static_cast<std::size_t>(i);
        if (!task_.regression())
          said[at] = category[static_cast<std::size_t>(std::ranges::max_element(numbers) - numbers.begin())];
        value[at] = double(numbers[0]);
      });
      for (std::size_t i = 0; i < n; ++i) {
        const auto& e = set.examples[i * set.examples.size() / n];
        right[i] = e.category;
        expected[i] = e.value;
        lines +=
            message(i, '\t') +
            (task_.regression() ? message(value[i]) : task_.classes.at(static_cast<std::size_t>(said[i]))) +
            '\n';
      }
      if (task_.regression())
        add(tasks::measure(task_, std::span<const double>(value), std::span<const double>(expected)));
      else
        add(tasks::measure(task_, said, right));
    }
    if (!predictions.empty()) io::write_atomically(predictions, lines);
    return all;
  }

 private:
  /// The task's number of every output: by the names of a head that came with the model, where they are the
  /// task's own, in whatever order; else the outputs' own.
  [[nodiscard]] std::vector<std::int32_t> categories(const std::vector<std::string>& labels) const {
    std::vector<std::int32_t> plain, named;
    const auto lower = [](std::string s) {
      for (char& c : s)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
      return s;
    };
    for (std::size_t i = 0; i < task_.classes.size(); ++i) {
      plain.push_back(static_cast<std::int32_t>(i));
      const auto found =
          i < labels.size() ? std::ranges::find(task_.classes, lower(labels[i])) : task_.classes.end();
      if (found != task_.classes.end())
        named.push_back(static_cast<std::int32_t>(found - task_.classes.begin()));
    }
    auto seen = named;
    std::ranges::sort(seen);
    return seen == plain ? named : plain;
  }
  struct Set {
    std::string name;
    std::vector<tasks::Example> examples;
    AnyData rows;  // of all examples, or evenly spaced ones
  };
  const tasks::TableTask& task_;
  AnyData train_;
  std::vector<Set> heldout_;
};

}  // namespace

std::unique_ptr<Task> make_table_task(const TaskOptions& o, const Model& model) {
  return std::make_unique<TableTask>(o, model);
}

}  // namespace lorica::cli
