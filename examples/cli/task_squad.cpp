// SPDX-License-Identifier: MIT
// SQuAD: where a paragraph answers a question, or (v2.0) that it does not.
#include "task.hpp"

#include <lorica/tasks/squad_answers.hpp>

namespace lorica::cli {

namespace {

using Rows = std::shared_ptr<const tasks::SquadRows>;

class SquadTask final : public Task {
 public:
  SquadTask(const TaskOptions& o, const Model& model)
      : version_(o.name == "SQuAD" ? tasks::SquadVersion::v1_1 : tasks::SquadVersion::v2_0) {
    const bool first = version_ == tasks::SquadVersion::v1_1;
    const index_t length = o.length == 0 ? std::min<index_t>(model.positions(), 384) : o.length;
    const auto read = [&](const std::vector<std::string>& names, const char* published,
                          index_t most) -> Rows {
      expects(names.size() == 1, "SQuAD: ", names.size(), " files, expected one");
      auto squad = tasks::read_squad(one_file(names[0], {published}));
      if (most > 0 && static_cast<std::size_t>(most) < squad.questions.size()) {
        std::vector<tasks::SquadQuestion> some;
        for (std::size_t i = 0; i < static_cast<std::size_t>(most); ++i)
          some.push_back(squad.questions[i * squad.questions.size() / static_cast<std::size_t>(most)]);
        squad.questions = std::move(some);
      }
      return std::make_shared<const tasks::SquadRows>(
          model.words(), std::move(squad), tasks::SquadRowsConfig{.max_length = length, .stride = o.stride});
    };
    if (!o.data.empty()) train_ = read(o.data, first ? "train-v1.1.json" : "train-v2.0.json", o.samples);
    if (!o.heldout.empty())
      heldout_ = read(o.heldout, first ? "dev-v1.1.json" : "dev-v2.0.json", o.heldout_samples);
  }
  Goal goal() const override { return {Goal::Kind::span, 2}; }
  AnyData train() const override { return train_ ? AnyData(train_) : AnyData(); }
  bool measurable() const override { return heldout_ != nullptr; }
  Figures measure(Subject& s, const std::filesystem::path& predictions) const override {
    expect_head(s.goal(), goal(), "SQuAD");
    tasks::SquadAnswers answers(*heldout_);
    s.answers(AnyData(heldout_), [&](index_t i, std::span<const float> numbers) {
      std::vector<double> begin, end;
      for (std::size_t r = 0; r < numbers.size(); r += 2) {
        begin.push_back(double(numbers[r]));
        end.push_back(double(numbers[r + 1]));
      }
      answers.add(i, begin, end);
    });
    const auto found = answers.predictions();
    const bool may_refuse = version_ == tasks::SquadVersion::v2_0;
    if (!predictions.empty())
      io::write_atomically(predictions, io::json::dump(may_refuse ? tasks::predictions_by_id(found, 0)
                                                                  : tasks::predictions_by_id(found)) +
                                            "\n");
    const auto answered = tasks::answered(heldout_->squad(), found, version_);
    const auto scores = tasks::squad_scores(answered, version_, 0);
    Figures all = {{"F1", scores.f1}, {"exact match", scores.exact}};
    if (!may_refuse) return all;
    const auto best = tasks::squad_threshold(answered);
    all.push_back({"F1 at its best threshold", best.best_f1});
    all.push_back({"that threshold", best.f1_threshold});
    return all;
  }

 private:
  tasks::SquadVersion version_;
  Rows train_, heldout_;
};

}  // namespace

std::unique_ptr<Task> make_squad_task(const TaskOptions& o, const Model& model) {
  return std::make_unique<SquadTask>(o, model);
}

}  // namespace lorica::cli
