// SPDX-License-Identifier: MIT
// E2E: what is meant, put into words. Learned as conversations, judged by what is generated.
#include "task.hpp"
#include "text.hpp"

#include <lorica/report/progress.hpp>
#include <lorica/tasks/conversation_rows.hpp>
#include <lorica/tasks/e2e.hpp>
#include <lorica/tasks/metrics/bleu.hpp>
#include <lorica/tasks/metrics/rouge.hpp>

namespace lorica::cli {

namespace {

class E2eTask final : public Task {
 public:
  E2eTask(const TaskOptions& o, const Model& model) : chat_(chat_of(o)), bar_(o.bar) {
    const index_t length = o.length == 0 ? usual_length(model) : o.length;
    const auto read = [](const std::vector<std::string>& names, std::initializer_list<const char*> known) {
      std::vector<tasks::Meaning> all;
      for (const auto& name : names)
        for (auto& m : tasks::read_meanings(one_file(name, known))) all.push_back(std::move(m));
      return all;
    };
    if (!o.data.empty()) {
      const auto said = tasks::conversations(read(o.data, {"trainset.csv"}), "{meaning}");
      train_ = AnyData(tasks::conversation_rows(model.words(), chat_, said, {.max_length = length}).samples)
                   .at_most(o.samples);
    }
    if (!o.heldout.empty()) {
      const auto all = read(o.heldout, {"testset_w_refs.csv", "devset.csv"});
      const std::size_t most =
          o.heldout_samples == 0 ? all.size() : static_cast<std::size_t>(o.heldout_samples);
      const std::size_t take = std::min(most, all.size());
      for (std::size_t i = 0; i < take; ++i) heldout_.push_back(all[i * all.size() / take]);
    }
  }
  AnyData train() const override { return train_; }
  bool measurable() const override { return !heldout_.empty(); }
  Figures measure(Subject& s, const std::filesystem::path& predictions) const override {
    Continuation how{.tokens = 128, .bare = true};
    if (!chat_.reply_end().empty()) how.stop = {chat_.reply_end()};
    std::vector<std::string> said;
    std::vector<std::vector<std::string>> references;
    std::optional<report::Progress> bar;
    if (bar_)
      bar.emplace(
          report::ProgressConfig{.total = static_cast<index_t>(heldout_.size()), .label = "generating"});
    std::string lines;
    for (const auto& m : heldout_) {
      said.push_back(s.generate(chat_.prompt({{"user", m.meaning}}), how));
      references.push_back(m.references);
      lines += said.back() + '\n';
      if (bar) bar->update({.step = static_cast<index_t>(said.size())});
    }
    bar.reset();
    if (!predictions.empty()) io::write_atomically(predictions, lines);
    return {{"BLEU", tasks::bleu(said, references).score},
            {"ROUGE-L", 100 * tasks::rouge_l(said, references).f1}};
  }

 private:
  tasks::ChatTemplate chat_;
  bool bar_;
  AnyData train_;
  std::vector<tasks::Meaning> heldout_;
};

}  // namespace

std::unique_ptr<Task> make_e2e_task(const TaskOptions& o, const Model& model) {
  return std::make_unique<E2eTask>(o, model);
}

}  // namespace lorica::cli
