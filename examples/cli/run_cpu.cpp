// SPDX-License-Identifier: MIT
// Every model and method on the Eigen backend.
#include "attach.hpp"
#include "commands.hpp"

#include <lorica/cpu/eigen_backend.hpp>
#include <lorica/io/checkpoint.hpp>
#include <lorica/io/model_folder.hpp>
#include <lorica/nn/generate.hpp>

namespace lorica::cli {

namespace {

using B = cpu::EigenBackend<float>;
using Decoder = nn::Decoder<B>;

std::vector<std::int32_t> tokens_of(const std::string& text) {
  std::vector<std::int32_t> t;
  for (const char c : text) t.push_back(static_cast<unsigned char>(c));
  return t;
}
std::string text_of(const std::vector<std::int32_t>& tokens) {
  std::string s;
  for (const auto t : tokens) s += static_cast<char>(t);
  return s;
}

struct Observe {
  const std::function<void(const train::StepInfo&)>& f;
  template <class R> void step(const R&, const train::StepInfo& s) const {
    if (f) f(s);
  }
};

class RunOnCpu final : public Run {
 public:
  RunOnCpu(B& b, const Decoder& model, AnyAdapted<B> adapted)
      : b_(b), model_(model), adapted_(std::move(adapted)) {}

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
    return text_of(nn::generate(b_, model_, adapted_, tokens_of(prompt), n));
  }
  void save(const std::filesystem::path& file) override { adapted_->save(file); }

 private:
  B& b_;
  const Decoder& model_;
  AnyAdapted<B> adapted_;
  std::vector<adapt::Cut> cuts_;
};

class ModelOnCpu final : public Model {
 public:
  explicit ModelOnCpu(const std::filesystem::path& folder) : model_(io::load_decoder(b_, folder)) {}

  index_t positions() const override { return model_.config().positions; }
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
    return text_of(nn::generate(b_, model_, bare, tokens_of(prompt), n));
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
  std::unique_ptr<Run> of(AnyAdapted<B> adapted) {
    return std::make_unique<RunOnCpu>(b_, model_, std::move(adapted));
  }
  B b_;
  Decoder model_;
};

}  // namespace

std::unique_ptr<Model> open_cpu(const std::filesystem::path& folder) {
  return std::make_unique<ModelOnCpu>(folder);
}

}  // namespace lorica::cli
