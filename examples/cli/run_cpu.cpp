// SPDX-License-Identifier: MIT
// Every model and method on the Eigen backend.
#include "commands.hpp"
#include "run.hpp"

#include <lorica/cpu/eigen_backend.hpp>
#include <lorica/io/adapter_file.hpp>
#include <lorica/io/checkpoint.hpp>
#include <lorica/io/model_folder.hpp>
#include <lorica/io/nearest.hpp>
#include <lorica/nn/generate.hpp>

namespace lorica::cli {

const MethodInfo& method_named(const std::string& name) {
  std::vector<std::string_view> names;
  for (const auto& m : methods) {
    if (name == m.name) return m;
    names.emplace_back(m.name);
  }
  throw ConfigError(
      message("there is no method '", name, "'; the nearest is '", io::nearest(name, names), "'"));
}

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

template <class A> class RunOn final : public Run {
 public:
  using Adapted = adapt::Adapted<B, adapt::Method<A>>;
  RunOn(B& b, const Decoder& model, Adapted adapted) : b_(b), model_(model), adapted_(std::move(adapted)) {}

  index_t parameters() override { return adapted_.parameter_count(); }
  std::vector<std::string> sites() override {
    std::vector<std::string> s;
    for (const auto& slot : adapted_.slots()) s.push_back(message(slot.site.path, " rank ", slot.rank));
    return s;
  }
  train::Memory estimate(const train::Windows& data, const train::FitConfig& c) override {
    return train::estimate(b_, model_, adapted_, data, c);
  }
  train::FitResult fit(const train::Windows& data, const train::FitConfig& c,
                       const std::function<void(const train::StepInfo&)>& step,
                       const std::filesystem::path& checkpoint) override {
    const train::StopWhen stop{interrupted};
    if (checkpoint.empty()) return train::fit(b_, model_, adapted_, data, c, Observe{step}, stop);
    return train::fit(b_, model_, adapted_, data, c, io::Checkpoint{checkpoint}, Observe{step}, stop);
  }
  double evaluate(const train::Windows& data) override { return train::evaluate(b_, model_, adapted_, data); }
  std::string generate(const std::string& prompt, index_t n) override {
    return text_of(nn::generate(b_, model_, adapted_, tokens_of(prompt), n));
  }
  void save(const std::filesystem::path& file) override { io::save(adapted_, file); }

 private:
  B& b_;
  const Decoder& model_;
  Adapted adapted_;
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
    expects(!m.by_site_score || !scores.values.empty(), "the method '", c.method,
            "' places by PAGE: probe first");
    const auto all = sites();
    const auto placement = m.by_site_score ? adapt::Dominant{c.rank, c.top, c.sites}.place(all, scores.values)
                                           : adapt::Uniform{c.rank, c.sites}.place(all, {});
    if (c.method == "rslora")
      return at(adapt::Additive<adapt::LowRank, adapt::AlphaOverSqrtRank>{{}, {c.alpha}, c.dropout},
                placement, c.seed);
    if (c.method == "svd" || c.method == "domlora-svd")
      return at(
          adapt::Additive<adapt::Svd, adapt::AlphaOverRankPlusEps>{
              {.orthogonality = c.orthogonality}, {c.alpha}, c.dropout},
          placement, c.seed);
    return at(adapt::Additive<>{{}, {c.alpha}, c.dropout}, placement, c.seed);
  }
  std::unique_ptr<Run> load(const std::filesystem::path& file) override {
    const io::SafeTensors opened(file);
    const auto kind = opened.metadata().find("parameterization");
    if (kind != opened.metadata().end() && kind->second == adapt::Svd::name)
      return from(adapt::Additive<adapt::Svd, adapt::AlphaOverRankPlusEps>{}, file);
    return from(adapt::Additive<>{}, file);
  }
  double evaluate(const train::Windows& data) override { return train::evaluate(b_, model_, data); }
  std::string generate(const std::string& prompt, index_t n) override {
    Bare bare;
    return text_of(nn::generate(b_, model_, bare, tokens_of(prompt), n));
  }

 private:
  template <class A> std::unique_ptr<Run> at(A adapter, const adapt::Placement& placement, Seed seed) {
    return std::make_unique<RunOn<A>>(
        b_, model_, adapt::attach_at(b_, model_, adapt::Method<A>{std::move(adapter)}, placement, seed));
  }
  template <class A> std::unique_ptr<Run> from(A adapter, const std::filesystem::path& file) {
    return std::make_unique<RunOn<A>>(
        b_, model_, io::load_adapter(b_, model_, adapt::Method<A>{std::move(adapter)}, file));
  }
  B b_;
  Decoder model_;
};

}  // namespace

std::unique_ptr<Model> open_cpu(const std::filesystem::path& folder) {
  return std::make_unique<ModelOnCpu>(folder);
}

}  // namespace lorica::cli
