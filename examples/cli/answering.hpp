// SPDX-License-Identifier: MIT
// A model as it was opened, and what it says under any site policy.
#pragma once

#include "objective.hpp"
#include "tokenizer.hpp"

#include <lorica/io/model_head.hpp>
#include <lorica/nn/generate.hpp>
#include <lorica/tasks/by_length.hpp>
#include <lorica/text/stop.hpp>
#include <lorica/train/evaluate.hpp>

namespace lorica::cli {

/// What a head of that shape answers.
inline Goal goal_of(const nn::HeadConfig& head) {
  return {!head.pooling       ? Goal::Kind::span
          : head.outputs == 1 ? Goal::Kind::value
                              : Goal::Kind::category,
          head.outputs};
}

/// A model as it was opened: where from, its tokenizer, and itself.
template <Backend B> struct Opened {
  struct Weights {
    io::ModelFolder folder;
    nn::AnyModel<B> model;
    Weights(B& b, const std::filesystem::path& path) : folder(path), model(io::load_model(b, folder)) {}
  };
  B b;
  std::shared_ptr<const Weights> weights;
  const io::ModelFolder& folder = weights->folder;
  const nn::AnyModel<B>& model = weights->model;
  mutable std::optional<text::AnyTokenizer> tokenizer = {};

  explicit Opened(const std::filesystem::path& path) : weights(std::make_shared<const Weights>(b, path)) {}
  /// On a backend of its own, for another thread.
  explicit Opened(std::shared_ptr<const Weights> shared) : weights(std::move(shared)) {}
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;

  /// Read when a text comes first: ids need none.
  const text::AnyTokenizer& words() const {
    if (!tokenizer) tokenizer = open_tokenizer(folder);
    return *tokenizer;
  }
};

/// Who answers: an opened model, a policy at its sites, and the head that the goal asks for.
template <Backend B> class Answering {
 public:
  Answering(Opened<B>& opened, Goal goal, std::optional<nn::Head<B>> head)
      : opened_(&opened), goal_(goal), head_(std::move(head)) {}
  /// For a goal: the head from an adapter's tensors, the folder's, or a beginning drawn with this seed.
  static Answering beginning(Opened<B>& o, const Goal& goal, Seed seed) {
    if (goal.kind == Goal::Kind::tokens) return Answering(o, goal, {});
    const auto config = goal.kind == Goal::Kind::span ? nn::span_head()
                                                      : io::sequence_head(o.folder.what.names, goal.outputs);
    return Answering(o, goal,
                     nn::Head<B>(o.b, config, o.model.config().width,
                                 io::head_source(o.folder, {}, nn::initial_head(seed))));
  }
  /// As it was saved: with the head among these tensors, else with the folder's, if there is one.
  static Answering saved(Opened<B>& o, std::span<const io::peft::SavedTensor> tensors = {}) {
    auto config = io::head_of(o.folder.what.names, tensors);
    const bool brought = config.has_value();
    if (!brought) config = io::head_of(o.folder);
    Answering made(o, {}, {});
    if (config) {
      made.goal_ = goal_of(*config);
      made.head_.emplace(o.b, *config, o.model.config().width,
                         io::head_source(o.folder, tensors, io::no_other_source(o.folder)));
      made.of_folder_ = !brought;
      if (!brought) made.goal_.labels = io::labels_of(o.folder);
    }
    for (const auto& t : tensors)
      expects<FileError>(made.has(t.name), "the adapter brings ", io::json::quote(t.name),
                         ", trained in full, which is no part of a head that is read here");
    return made;
  }

  [[nodiscard]] const Goal& goal() const { return goal_; }
  /// Whether the head is the model folder's own, as it lies there.
  [[nodiscard]] bool of_folder() const { return of_folder_; }
  [[nodiscard]] AnyObjective<B> objective() { return {goal_, head_ ? &*head_ : nullptr}; }
  /// The head's tensors under the names of checkpoints.
  [[nodiscard]] std::vector<io::peft::SavedTensor> head_tensors() {
    std::vector<io::peft::SavedTensor> all;
    if (!head_) return all;
    head_->for_each_parameter([&](Parameter<B>& p) {
      std::vector<index_t> shape = {p.rows(), p.cols()};
      if (p.name.ends_with(".bias")) shape.erase(shape.begin());
      all.push_back({p.name, std::move(shape), p.value.template host<float>(opened_->b)});
    });
    return all;
  }
  [[nodiscard]] index_t head_parameters() {
    index_t n = 0;
    if (head_) head_->for_each_parameter([&](Parameter<B>& p) { n += p.value.size(); });
    return n;
  }

  template <class P> double evaluate(P& policy, const AnyData& data) {
    if (goal_.kind == Goal::Kind::tokens) expect_language_model("predict tokens");
    const tasks::LongestFirst<AnyData> sorted(data);
    return train::evaluate(opened_->b, opened_->model, policy, sorted, batch, objective());
  }
  template <class P>
  void answers(P& policy, const AnyData& data,
               const std::function<void(index_t, std::span<const float>)>& f) {
    expects(head_.has_value(), "'", opened_->folder.path.string(),
            "': there is no head to answer with, neither in the folder nor in an adapter");
    quiet(policy);
    const tasks::LongestFirst<AnyData> sorted(data);
    for (index_t first = 0; first < sorted.size(); first += batch) {
      nn::Sequences s;
      for (index_t i = first; i < std::min(sorted.size(), first + batch); ++i) sorted.append(s, i);
      const nn::Batch<B> rows(opened_->b, s);
      Tape<B> tape(opened_->b, false);
      const auto said = nn::answers(tape, opened_->model, *head_, policy, rows);
      const auto host = said.value().template host<float>(opened_->b);
      const std::span<const float> all(host);
      const auto cols = static_cast<std::size_t>(said.cols());
      for (index_t i = 0; i < s.count(); ++i) {
        const auto at = static_cast<std::size_t>(i);
        const std::size_t from = head_->config().pooling ? at : static_cast<std::size_t>(s.offsets[at]),
                          to = head_->config().pooling ? at + 1 : static_cast<std::size_t>(s.offsets[at + 1]);
        f(sorted.original(first + i), all.subspan(from * cols, (to - from) * cols));
      }
    }
  }
  template <class P> States states(P& policy, const std::vector<std::int32_t>& ids) {
    using M = typename B::master;
    B& b = opened_->b;
    quiet(policy);
    nn::Sequences s;
    s.add(ids, {});
    const nn::Batch<B> rows(b, s);
    Tape<B> tape(b, false);
    const auto h = opened_->model.forward(tape, rows, policy);
    if (head_) {
      const auto z = (*head_)(h, rows.where);
      return {true, z.cols(), z.value().template host<float>(b)};
    }
    if (!opened_->folder.language_model) return {false, h.cols(), h.value().template host<float>(b)};
    MasterTensor<B> z(b, h.rows(), opened_->model.config().vocabulary);
    lorica::detail::logits_of(b, h.value().cref(), opened_->model.head(), MatrixRef<M>(z.ref()));
    return {true, z.cols(), z.template host<float>(b)};
  }
  template <class P> std::string generate(P& policy, const std::string& prompt, const Continuation& how) {
    expect_language_model("continue a prompt");
    const auto& words = opened_->words();
    text::UntilStop<text::AnyTokenizer> stop(words, how.stop);
    std::string out;
    const auto say = [&](const std::string& more) {
      out += more;
      if (how.on_text && !more.empty()) how.on_text(more);
    };
    nn::GenerateConfig config{.tokens = how.tokens, .sampling = how.sampling, .cached = how.cached};
    if (const auto end = words.end_of_text(); end && !how.past_end) config.end.push_back(*end);
    nn::generate(opened_->b, opened_->model, policy,
                 how.bare ? words.encode(prompt).ids : words.single(prompt).ids, config,
                 [&](std::int32_t id) {
                   say(stop.add(id));
                   return !stop.stopped();
                 });
    say(stop.finish());
    return out;
  }

 private:
  [[nodiscard]] bool has(const std::string& tensor) {
    bool found = false;
    if (head_) head_->for_each_parameter([&](const Parameter<B>& p) { found = found || p.name == tensor; });
    return found;
  }
  static constexpr index_t batch = 16;
  template <class P> static void quiet(P& policy) {
    if constexpr (requires { policy.phase(std::optional<std::uint64_t>()); }) policy.phase(std::nullopt);
  }
  void expect_language_model(const char* what) const {
    expects(opened_->folder.language_model, "'", opened_->folder.path.string(),
            "' is no causal language model: it cannot ", what);
  }
  Opened<B>* opened_;
  Goal goal_;
  bool of_folder_ = false;
  std::optional<nn::Head<B>> head_;
};

}  // namespace lorica::cli
