// SPDX-License-Identifier: MIT
// Every model and method on the Eigen backend.
#include "attach.hpp"
#include "commands.hpp"
#include "tokenizer.hpp"

#include <lorica/adapt/adapter/biased.hpp>
#include <lorica/cpu/eigen_backend.hpp>
#include <lorica/io/checkpoint.hpp>
#include <lorica/io/model_folder.hpp>
#include <lorica/io/peft/load.hpp>
#include <lorica/nn/generate.hpp>

#include <iostream>

namespace lorica::cli {

namespace {

using B = cpu::EigenBackend<float>;
using AnyModel = nn::AnyModel<B>;

/// A model as it was opened: where from, its tokenizer, and itself.
struct Opened {
  B b;
  io::ModelFolder folder;
  AnyModel model;
  mutable std::optional<text::AnyTokenizer> tokenizer = {};

  explicit Opened(const std::filesystem::path& path) : folder(path), model(io::load_model(b, folder)) {}
  /// Read when a text comes first: ids need none.
  const text::AnyTokenizer& words() const {
    if (!tokenizer) tokenizer = open_tokenizer(folder);
    return *tokenizer;
  }
  void expect_language_model(const char* what) const {
    expects(folder.language_model, "'", folder.path.string(), "' is no causal language model: it cannot ",
            what);
  }
  io::peft::Module module_of(const SiteInfo& s) const {
    const auto& names = folder.what.names;
    return names.parts.empty() ? io::peft::Module{s.path, false}
                               : io::peft::Module{names.module(s.path), names.transposed};
  }
};

template <class P> std::string continued(Opened& o, P& policy, const std::string& prompt, index_t n) {
  o.expect_language_model("continue a prompt");
  return o.words().decode(nn::generate(o.b, o.model, policy, o.words().encode(prompt).ids, n));
}
/// Logits of a language model, else the last states.
template <class P> States states_of(Opened& o, P& policy, const std::vector<std::int32_t>& ids) {
  using M = B::master;
  if constexpr (requires { policy.phase(std::optional<std::uint64_t>()); }) policy.phase(std::nullopt);
  nn::Sequences s;
  s.add(ids, {});
  const nn::Batch<B> batch(o.b, s);
  Tape<B> tape(o.b, false);
  const auto h = o.model.forward(tape, batch, policy);
  if (!o.folder.language_model) return {h.cols(), h.value().template host<float>(o.b)};
  MasterTensor<B> z(o.b, h.rows(), o.model.config().vocabulary);
  lorica::detail::logits_of(o.b, h.value().cref(), o.model.head(), MatrixRef<M>(z.ref()));
  return {z.cols(), z.template host<float>(o.b)};
}

struct Observe {
  const std::function<void(const train::StepInfo&)>& f;
  template <class R> void step(const R&, const train::StepInfo& s) const {
    if (f) f(s);
  }
};

class RunOnCpu final : public Run {
 public:
  RunOnCpu(Opened& o, AnyAdapted<B> adapted)
      : o_(o), b_(o.b), model_(o.model), adapted_(std::move(adapted)) {}

  index_t parameters() override { return adapted_->parameter_count(); }
  std::vector<index_t> ranks() override { return adapted_->ranks(); }
  const std::vector<adapt::Cut>& cuts() override { return cuts_; }
  train::Memory estimate(const train::Windows& data, const train::FitConfig& c) override {
    return train::estimate(b_, model_, adapted_, data, c);
  }
  train::FitResult fit(const train::Windows& data, const train::FitConfig& c,
                       const std::function<void(const train::StepInfo&)>& step,
                       const std::filesystem::path& checkpoint) override {
    const std::function<void(const train::StepInfo&)> observed = [&](const train::StepInfo& s) {
      if (const auto cut = adapted_->last_cut(); cut && cut->step == s.step) cuts_.push_back(*cut);
      if (step) step(s);
    };
    const train::StopWhen stop{interrupted};
    if (checkpoint.empty()) return train::fit(b_, model_, adapted_, data, c, Observe{observed}, stop);
    return train::fit(b_, model_, adapted_, data, c, io::Checkpoint{checkpoint}, Observe{observed}, stop);
  }
  double evaluate(const train::Windows& data) override { return train::evaluate(b_, model_, adapted_, data); }
  std::string generate(const std::string& prompt, index_t n) override {
    return continued(o_, adapted_, prompt, n);
  }
  States states(const std::vector<std::int32_t>& ids) override { return states_of(o_, adapted_, ids); }
  void save(const std::filesystem::path& to) override {
    if (to.extension() == ".safetensors") return adapted_->save(to);
    adapted_->save_peft(to, [this](const SiteInfo& s) { return o_.module_of(s); }, model_,
                        {.base_model = o_.folder.path.string(),
                         .task_type = o_.folder.language_model ? "CAUSAL_LM" : "FEATURE_EXTRACTION"});
  }

 private:
  Opened& o_;
  B& b_;
  const AnyModel& model_;
  AnyAdapted<B> adapted_;
  std::vector<adapt::Cut> cuts_;
};

class ModelOnCpu final : public Model {
 public:
  explicit ModelOnCpu(const std::filesystem::path& folder) : o_(folder) {}

  index_t positions() const override { return model_.config().positions; }
  const io::ModelFolder& folder() const override { return o_.folder; }
  std::vector<std::int32_t> tokens(std::string_view text) const override {
    o_.expect_language_model("learn a text");
    return o_.words().encode(text).ids;
  }
  States states(const std::vector<std::int32_t>& ids) override {
    Bare bare;
    return states_of(o_, bare, ids);
  }
  std::vector<SiteInfo> sites() const override { return adapt::sites_of(model_); }
  adapt::SiteScores probe(const nn::Sequences& samples, const adapt::Page& page) override {
    return adapt::probe(b_, model_, samples, page);
  }
  std::unique_ptr<Run> attach(const Choice& c, const adapt::SiteScores& scores) override {
    const auto& m = method_named(c.method);
    expects(!m.by_site_score() || !scores.values.empty(), "the method '", c.method,
            "' places by PAGE: probe first");
    const auto at = placement(c, m.where, scores);
    return of(m.score == Score::none ? attach_fixed(b_, model_, c, m.adapter, at)
                                     : attach_moving(b_, model_, c, m.adapter, m.score, at));
  }
  std::unique_ptr<Run> load(const std::filesystem::path& file) override {
    if (std::filesystem::is_directory(file)) return load_peft(file);
    const io::SafeTensors opened(file);
    const auto is = [&](const char* key, const char* value) {
      const auto found = opened.metadata().find(key);
      return found != opened.metadata().end() && found->second == value;
    };
    const auto as = [&](auto method) {
      return of(AnyAdapted<B>(io::load_adapter(b_, model_, method, file)));
    };
    if (is("adapter", adapt::Dora<>::name)) return as(adapt::DoraLora{});
    if (is("parameterization", adapt::Svd::name)) return as(adapt::SvdLora{});
    return as(adapt::Lora{});
  }
  double evaluate(const train::Windows& data) override { return train::evaluate(b_, model_, data); }
  std::string generate(const std::string& prompt, index_t n) override {
    Bare bare;
    return continued(o_, bare, prompt, n);
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
    const auto as = [&](auto method) {
      auto loaded =
          io::peft::load(b_, model_, method, folder, [this](const SiteInfo& s) { return o_.module_of(s); });
      for (const auto& w : loaded.warnings) std::cerr << "lorica: " << w << '\n';
      return of(AnyAdapted<B>(std::move(loaded.adapted)));
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
  std::unique_ptr<Run> of(AnyAdapted<B> adapted) {
    return std::make_unique<RunOnCpu>(o_, std::move(adapted));
  }
  Opened o_;
  B& b_ = o_.b;
  const AnyModel& model_ = o_.model;
};

}  // namespace

std::unique_ptr<Model> open_cpu(const std::filesystem::path& folder) {
  return std::make_unique<ModelOnCpu>(folder);
}

}  // namespace lorica::cli
