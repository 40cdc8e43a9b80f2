// SPDX-License-Identifier: MIT
// A text, predicted token by token: plain, or the replies of conversations.
#include "task.hpp"
#include "text.hpp"

#include <lorica/tasks/conversation_rows.hpp>
#include <lorica/tasks/metrics/likelihood.hpp>

#include <iostream>

namespace lorica::cli {

namespace {

class TextTask final : public Task {
 public:
  TextTask(const TaskOptions& o, const Model& model) {
    const index_t length = o.length == 0 ? usual_length(model) : o.length;
    const auto read = [&](const std::vector<std::string>& names, index_t most) {
      Text t = read_text(model, names, length);
      if (most > 0) t.windows = t.windows.at_most(most);
      return t;
    };
    if (!o.data.empty()) train_ = read(o.data, o.samples);
    if (!o.heldout.empty()) heldout_ = read(o.heldout, o.heldout_samples);
  }
  AnyData train() const override { return train_ ? AnyData(train_->windows) : AnyData(); }
  bool measurable() const override { return heldout_.has_value(); }
  bool larger_is_better() const override { return false; }
  Figure loss(double nats) const override {
    return {"bits per byte", (train_ ? train_ : heldout_)->bits(nats)};
  }
  Figures measure(Subject& s, const std::filesystem::path& predictions) const override {
    expects(predictions.empty(), "--predictions: the task 'text' predicts every token; it writes no file");
    const double nats = s.evaluate(heldout_->windows);
    return {{"bits per byte", heldout_->bits(nats)}, {"perplexity of a token", tasks::perplexity(nats)}};
  }

 private:
  std::optional<Text> train_, heldout_;
};

class ChatTask final : public Task {
 public:
  ChatTask(const TaskOptions& o, const Model& model) {
    const auto chat = chat_of(o);
    const index_t length = o.length == 0 ? usual_length(model) : o.length;
    const auto read = [&](const std::vector<std::string>& files, index_t most) {
      std::vector<tasks::Conversation> all;
      for (const auto& file : files)
        for (auto& c : tasks::read_conversations(file, {o.prompt, o.response})) all.push_back(std::move(c));
      auto rows = tasks::conversation_rows(model.words(), chat, all, {.max_length = length});
      if (rows.cut > 0 || rows.left_out > 0)
        std::cerr << "lorica: of " << all.size() << " conversations " << rows.cut << " are cut to " << length
                  << " tokens, " << rows.left_out << " have nothing to learn within them\n";
      expects(rows.samples.size() > 0, "'", files.front(), "': no conversation has anything to learn");
      return AnyData(std::move(rows.samples)).at_most(most);
    };
    if (!o.data.empty()) train_ = read(o.data, o.samples);
    if (!o.heldout.empty()) heldout_ = read(o.heldout, o.heldout_samples);
  }
  AnyData train() const override { return train_; }
  bool measurable() const override { return heldout_.size() > 0; }
  bool larger_is_better() const override { return false; }
  Figures measure(Subject& s, const std::filesystem::path& predictions) const override {
    expects(predictions.empty(), "--predictions: the task 'chat' is measured by its loss; it writes no file");
    const double nats = s.evaluate(heldout_);
    return {{"nats a token of the replies", nats}, {"perplexity", tasks::perplexity(nats)}};
  }

 private:
  AnyData train_, heldout_;
};

}  // namespace

tasks::ChatTemplate chat_of(const TaskOptions& o) {
  if (o.chat.empty())
    return {"", {{"system", "{content}\n"}, {"user", "{content}\n"}, {"assistant", "{content}\n", true}}, ""};
  if (o.chat.find('{') != std::string::npos) return tasks::chat_template(io::json::parse(o.chat));
  return tasks::chat_template(io::json::read(o.chat));
}

std::unique_ptr<Task> make_text_task(const TaskOptions& o, const Model& model) {
  return std::make_unique<TextTask>(o, model);
}
std::unique_ptr<Task> make_chat_task(const TaskOptions& o, const Model& model) {
  return std::make_unique<ChatTask>(o, model);
}

}  // namespace lorica::cli
