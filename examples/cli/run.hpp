// SPDX-License-Identifier: MIT
// What a program needs that chooses model, method and backend at run time: two interfaces. All templates are
// instantiated behind them, in one file a backend.
#pragma once

#include <lorica/adapt/attach.hpp>
#include <lorica/train/estimate.hpp>
#include <lorica/train/evaluate.hpp>

#include <filesystem>

namespace lorica::cli {

/// A method by name, with its numbers.
struct Choice {
  std::string method = "lora";
  index_t rank = 8;
  double alpha = 16;
  double dropout = 0;
  double orthogonality = 0.1;  // of svd
  index_t top = 1;             // of domlora
  adapt::Select sites = {};
  Seed seed = 0;
};
/// The methods that can be chosen: name, what it is, and whether it wants a probe first.
struct MethodInfo {
  const char* name;
  const char* summary;
  bool by_site_score;
};
inline constexpr MethodInfo methods[] = {
    {"lora", "B A at every chosen site, alpha/r (Hu et al. 2021)", false},
    {"rslora", "B A at every chosen site, alpha/sqrt(r) (Kalajdzievski 2023)", false},
    {"svd", "P diag(lambda) Q at every chosen site (Zhang et al. 2023)", false},
    {"domlora", "B A at the PAGE-dominant site alone (arXiv 2605.06183)", true},
    {"domlora-svd", "P diag(lambda) Q at the PAGE-dominant site alone", true},
};
const MethodInfo& method_named(const std::string& name);

/// Adapters on a model.
class Run {
 public:
  virtual ~Run() = default;
  virtual index_t parameters() = 0;
  virtual std::vector<std::string> sites() = 0;  // adapted, with their ranks
  virtual train::Memory estimate(const train::Windows& data, const train::FitConfig& c) = 0;
  virtual train::FitResult fit(const train::Windows& data, const train::FitConfig& c,
                               const std::function<void(const train::StepInfo&)>& step,
                               const std::filesystem::path& checkpoint) = 0;
  virtual double evaluate(const train::Windows& data) = 0;  // nats a token
  virtual std::string generate(const std::string& prompt, index_t n) = 0;
  virtual void save(const std::filesystem::path& file) = 0;
};

/// A frozen decoder on a backend.
class Model {
 public:
  virtual ~Model() = default;
  virtual index_t positions() const = 0;
  virtual std::vector<SiteInfo> sites() const = 0;
  virtual adapt::SiteScores probe(const nn::Sequences& samples, const adapt::Page& page) = 0;
  virtual std::unique_ptr<Run> attach(const Choice& c, const adapt::SiteScores& scores) = 0;
  virtual std::unique_ptr<Run> load(const std::filesystem::path& file) = 0;
  virtual double evaluate(const train::Windows& data) = 0;
  virtual std::string generate(const std::string& prompt, index_t n) = 0;
};

/// A model folder on the CPU, in float.
std::unique_ptr<Model> open_cpu(const std::filesystem::path& folder);

}  // namespace lorica::cli
