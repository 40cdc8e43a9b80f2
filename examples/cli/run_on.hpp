// SPDX-License-Identifier: MIT
// Every model and method on a backend: what one translation unit a backend instantiates.
#pragma once

#include "answering.hpp"
#include "attach.hpp"
#include "commands.hpp"

#include <lorica/adapt/adapter/biased.hpp>
#include <lorica/adapt/merge.hpp>
#include <lorica/io/checkpoint.hpp>
#include <lorica/io/merged_folder.hpp>
#include <lorica/io/peft/load.hpp>
#include <lorica/train/keep_best.hpp>

#include <iostream>

namespace lorica::cli {

/// What fit tells, the best step and a checkpoint where they are wanted. The file has the last step's state,
/// and the best one's in it.
template <Backend B> struct Watch {
  const std::function<void(const train::StepInfo&)>& f;
  std::optional<io::Checkpoint> checkpoint = {};
  std::optional<train::KeepBest<B>> best = {};
  template <class R> void begin(R& run) {
    if (checkpoint) checkpoint->begin(run);
  }
  template <class R> void step(R& run, const train::StepInfo& s) {
    if (best) best->step(run, s);
    if (checkpoint) checkpoint->step(run, s);
    if (f) f(s);
  }
  template <class R> void end(R& run) {
    if (checkpoint) checkpoint->end(run);
    if (best) best->end(run);
  }
  template <class R> void visit_state(R& run, StateVisitor<B>& v) {
    if (best) best->visit_state(run, v);
  }
  [[nodiscard]] bool stop() const { return interrupted() || (best && best->stop()); }
};

/// What the parts of a model are called in the class of transformers that has this head, or (`states`) none,
/// not even a language model's: AutoModel's is bare, and a question's Llama begins with "transformer".
inline nn::Names names_for(nn::Names names, const Goal& goal, bool states) {
  const bool of_llama = names.family == "llama" || names.family == "qwen2" || names.family == "qwen3";
  if (states) names.prefix = {};
  if (goal.kind == Goal::Kind::span && of_llama) names.prefix = "transformer.";
  return names;
}

template <Backend B> class RunOn final : public Run {
 public:
  RunOn(Opened<B>& o, AnyAdapted<B> adapted, Answering<B> answering)
      : o_(o), adapted_(std::move(adapted)), answering_(std::move(answering)) {}

  index_t parameters() override { return adapted_->parameter_count() + answering_.head_parameters(); }
  std::vector<index_t> ranks() override { return adapted_->ranks(); }
  const std::vector<adapt::Cut>& cuts() override { return cuts_; }
  train::Memory estimate(const AnyData& data, const train::FitConfig& c) override {
    return train::estimate(o_.b, o_.model, adapted_, data, c, answering_.objective());
  }
  train::FitResult fit(const AnyData& data, const train::FitConfig& c,
                       const std::function<void(const train::StepInfo&)>& step,
                       const std::filesystem::path& checkpoint, Selection* selection) override {
    const std::function<void(const train::StepInfo&)> observed = [&](const train::StepInfo& s) {
      if (const auto cut = adapted_->last_cut(); cut && cut->step == s.step) cuts_.push_back(*cut);
      if (step) step(s);
    };
    Watch<B> watch{observed};
    if (!checkpoint.empty()) watch.checkpoint = io::Checkpoint{checkpoint};
    if (selection != nullptr)
      watch.best.emplace(train::KeepBestConfig{
          selection->measure, selection->larger_is_better ? train::Better::larger : train::Better::smaller,
          selection->every, selection->patience});
    const auto result = train::fit(o_.b, o_.model, adapted_, data, c, answering_.objective(), watch);
    if (selection != nullptr) {
      selection->step = watch.best->step();
      selection->value = watch.best->value();
      selection->gave_up = watch.best->gave_up();
    }
    return result;
  }
  const Goal& goal() const override { return answering_.goal(); }
  double evaluate(const AnyData& data) override { return answering_.evaluate(adapted_, data); }
  void answers(const AnyData& data, const std::function<void(index_t, std::span<const float>)>& f) override {
    answering_.answers(adapted_, data, f);
  }
  std::string generate(const std::string& prompt, const Continuation& how) override {
    return answering_.generate(adapted_, prompt, how);
  }
  States states(const std::vector<std::int32_t>& ids) override { return answering_.states(adapted_, ids); }
  void save(const std::filesystem::path& to, bool plain) override {
    const auto head = answering_.head_tensors();
    if (to.extension() == ".safetensors") {
      expects(head.empty() && !plain, "'", to.string(),
              "': ", head.empty() ? "plain LORA" : "a head beside the adapters",
              " is written as a folder, expected a name without .safetensors");
      return adapted_->save(to);
    }
    constexpr const char* tasks[] = {"CAUSAL_LM", "SEQ_CLS", "SEQ_CLS", "QUESTION_ANS"};
    const bool states = head.empty() && !o_.folder.language_model;
    adapted_->save_peft(
        to, io::peft::named_by(names_for(o_.folder.what.names, answering_.goal(), states)), o_.model,
        {.base_model = o_.folder.path.string(),
         .task_type = states ? "FEATURE_EXTRACTION" : tasks[static_cast<int>(answering_.goal().kind)],
         .saved = head},
        plain);
  }
  void merge(const std::filesystem::path& to) override {
    const auto ranks = adapted_->ranks();
    io::HostUpdates updates;
    o_.model.for_each_site([&](const SiteInfo& site, const WeightView<B>& w) {
      if (ranks[static_cast<std::size_t>(site.ordinal)] > 0)
        updates[site.path] = [this, site, w] {
          return adapt::delta_weight(o_.b, adapted_, site, w).template host<double>(o_.b);
        };
    });
    const auto& names = o_.folder.what.names;
    expects(names_for(names, answering_.goal(), false).prefix == names.prefix,
            "merge: transformers calls the parts of a ", names.family,
            " with such a head otherwise than the folder does; merge an adapter without the head");
    if (answering_.of_folder())
      io::write_merged(o_.folder, updates, to);
    else
      io::write_merged(o_.folder, updates, to, {answering_.head_tensors(), labels()});
  }

 private:
  /// transformers makes a head of as many outputs as a configuration has labels.
  io::json::Object labels() const {
    if (answering_.goal().kind != Goal::Kind::category && answering_.goal().kind != Goal::Kind::value)
      return {};
    if (io::labels_of(o_.folder).size() == static_cast<std::size_t>(answering_.goal().outputs)) return {};
    io::json::Object names, numbers;
    for (index_t i = 0; i < answering_.goal().outputs; ++i) {
      names.push_back({std::to_string(i), message("LABEL_", i)});
      numbers.push_back({message("LABEL_", i), i});
    }
    return {{"id2label", std::move(names)}, {"label2id", std::move(numbers)}};
  }
  Opened<B>& o_;
  AnyAdapted<B> adapted_;
  Answering<B> answering_;
  std::vector<adapt::Cut> cuts_;
};

template <Backend B> class ModelOn final : public Model {
 public:
  /// From a folder, or from the weights of another.
  template <class From>
  ModelOn(const From& from, std::string backend)
      : o_(from), answering_(Answering<B>::saved(o_)), backend_(std::move(backend)) {}

  const std::string& backend() const override { return backend_; }
  index_t positions() const override { return o_.model.config().positions; }
  std::vector<SiteInfo> sites() const override { return adapt::sites_of(o_.model); }
  const io::ModelFolder& folder() const override { return o_.folder; }
  const text::AnyTokenizer& words() const override { return o_.words(); }

  const Goal& goal() const override { return answering_.goal(); }
  double evaluate(const AnyData& data) override {
    Bare bare;
    return answering_.evaluate(bare, data);
  }
  void answers(const AnyData& data, const std::function<void(index_t, std::span<const float>)>& f) override {
    Bare bare;
    answering_.answers(bare, data, f);
  }
  std::string generate(const std::string& prompt, const Continuation& how) override {
    Bare bare;
    return answering_.generate(bare, prompt, how);
  }
  States states(const std::vector<std::int32_t>& ids) override {
    Bare bare;
    return answering_.states(bare, ids);
  }
  void merge(const std::filesystem::path& to) override { io::write_merged(o_.folder, {}, to); }
  adapt::SiteScores probe(const nn::Sequences& samples, const adapt::Page& page, const Goal& goal,
                          Blocks blocks) override {
    auto asked = Answering<B>::beginning(o_, goal, page.seed);
    // The energy of a mean gradient is known when all samples have been seen, unless A is drawn.
    const bool at_once = page.form == adapt::Form::closed && page.reading == adapt::Reading::mean_gradient;
    return adapt::probe(o_.b, o_.model, samples, page, asked.objective(), at_once ? samples.count() : 8,
                        blocks);
  }
  std::unique_ptr<Run> attach(const Choice& c, const adapt::SiteScores& scores, const Goal& goal) override {
    const auto& m = method_named(c.method);
    expects(!m.by_site_score() || !scores.values.empty(), "the method '", c.method,
            "' places by PAGE: probe first");
    const auto at = placement(c, m.where, scores);
    return std::make_unique<RunOn<B>>(o_,
                                      m.score == Score::none
                                          ? attach_fixed(o_.b, o_.model, c, m.adapter, at)
                                          : attach_moving(o_.b, o_.model, c, m.adapter, m.score, at),
                                      Answering<B>::beginning(o_, goal, c.seed));
  }
  std::unique_ptr<Model> beside() const override {
    if constexpr (requires { B::reads_host_memory; })  // a backend of the host, where threads share memory
      return std::make_unique<ModelOn>(o_.weights, backend_);
    else
      return nullptr;
  }
  std::unique_ptr<Run> load(const std::filesystem::path& file) override {
    if (std::filesystem::is_directory(file)) return load_peft(file);
    const io::SafeTensors opened(file);
    const auto is = [&](const char* key, const char* value) {
      const auto found = opened.metadata().find(key);
      return found != opened.metadata().end() && found->second == value;
    };
    const auto as = [&](auto method) {
      return std::make_unique<RunOn<B>>(o_, AnyAdapted<B>(io::load_adapter(o_.b, o_.model, method, file)),
                                        Answering<B>::saved(o_));
    };
    if (is("adapter", adapt::Dora<>::name)) return as(adapt::DoraLora{});
    if (is("parameterization", adapt::Svd::name)) return as(adapt::SvdLora{});
    if (is("parameterization", Whole::name)) return as(adapt::Method<adapt::Additive<Whole, Unscaled>>{});
    if (is("adapter", BiasOnly::name)) return as(adapt::Method<BiasOnly>{});
    return as(adapt::Lora{});
  }

 private:
  adapt::Placement placement(const Choice& c, Where where, const adapt::SiteScores& scores) const {
    const auto all = sites();
    switch (where) {
      case Where::dominant:
        return adapt::Dominant{c.rank, c.top, c.sites}.place(all, scores.values);
      case Where::proportional: {
        const auto n = static_cast<index_t>(c.sites.among(all).size());
        return adapt::Proportional{c.total > 0 ? c.total : c.rank * n, c.sites}.place(all, scores.values);
      }
      default:
        return adapt::Uniform{c.rank, c.sites}.place(all, {});
    }
  }
  std::unique_ptr<Run> load_peft(const std::filesystem::path& folder) {
    const auto task = io::peft::read_config(folder).config.task_type;
    expects<FileError>(task != "TOKEN_CLS", "'", folder.string(),
                       "': the task is TOKEN_CLS, a head that answers every token, which is not read here");
    auto names = o_.folder.what.names;
    // Whatever stands before the parts there: of a bare name every longer one is meant.
    if (task == "FEATURE_EXTRACTION" || task == "QUESTION_ANS") names.prefix = {};
    const auto as = [&](auto method) {
      auto loaded = io::peft::load(o_.b, o_.model, method, folder, io::peft::named_by(names));
      for (const auto& w : loaded.warnings) std::cerr << "lorica: " << w << '\n';
      return std::make_unique<RunOn<B>>(o_, AnyAdapted<B>(std::move(loaded.adapted)),
                                        Answering<B>::saved(o_, loaded.saved));
    };
    switch (io::peft::kind_of(folder)) {
      case io::peft::Kind::dora:
        return as(adapt::DoraLora{});
      case io::peft::Kind::lora_bias:
        return as(adapt::Method<adapt::Biased<>>{});
      case io::peft::Kind::adalora:
        return as(adapt::SvdLora{});
      default:
        return as(adapt::Lora{});
    }
  }
  Opened<B> o_;
  Answering<B> answering_;
  std::string backend_;
};

}  // namespace lorica::cli
