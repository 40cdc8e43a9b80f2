// SPDX-License-Identifier: MIT
// What a program needs that chooses model, method and backend at run time: two interfaces. All templates are
// instantiated behind them, in one file a backend.
#pragma once

#include <lorica/adapt/attach.hpp>
#include <lorica/io/model_folder.hpp>
#include <lorica/train/estimate.hpp>
#include <lorica/train/evaluate.hpp>

#include <filesystem>

namespace lorica::cli {

/// A method by name, with its numbers.
struct Choice {
  std::string method = "lora";
  index_t rank = 8;  // of every adapter at the start
  double alpha = 16;
  double dropout = 0;
  double orthogonality = 0.1;  // of svd and adalora
  double ratio = 16;           // of lora-plus
  index_t top = 1;             // sites of domlora
  index_t total = 0;           // directions of proportional; 0 is rank times sites
  adapt::Target target = {};   // what a budget leaves; nothing given is two thirds of rank a matrix
  adapt::Duration tinit = {.share = 0.1}, tfinal = {.share = 0.4};
  index_t interval = 1;
  bool compact = false;
  adapt::Select sites = {};
  Seed seed = 0;
};

enum class Where { everywhere, dominant, proportional };
/// What stands at a site.
enum class Adapter { lora, rslora, svd, dora, pissa, olora, gaussian, orthogonal, plus, frozen_a, exact_svd };
/// What a budget cuts by; none has no budget.
enum class Score { none, sensitivity, movement, fisher, fisher_mean, gsnr, gsnr_raw, magnitude, spectrum };

struct MethodInfo {
  const char* name;
  const char* summary;
  Adapter adapter;
  Where where = Where::everywhere;
  Score score = Score::none;
  [[nodiscard]] bool by_site_score() const { return where != Where::everywhere; }
};
/// All that can be chosen.
std::span<const MethodInfo> methods();
/// Or an error that names the nearest.
const MethodInfo& method_named(const std::string& name);

/// Rows of numbers, one a token: logits of a language model, last states of any other.
struct States {
  index_t cols = 0;
  std::vector<float> numbers;
};

/// A text as a model reads it: windows of tokens, and how many of its bytes one of them stands for.
struct Text {
  train::Windows windows;
  double bytes_per_token = 1;
  /// Nats a token to bits a byte.
  [[nodiscard]] double bits(double nats) const { return train::bits(nats) / bytes_per_token; }
};

/// Adapters on a model.
class Run {
 public:
  virtual ~Run() = default;
  virtual index_t parameters() = 0;
  virtual std::vector<index_t> ranks() = 0;           // by the model's sites; 0 where nothing is adapted
  virtual const std::vector<adapt::Cut>& cuts() = 0;  // that a budget made
  virtual train::Memory estimate(const train::Windows& data, const train::FitConfig& c) = 0;
  virtual train::FitResult fit(const train::Windows& data, const train::FitConfig& c,
                               const std::function<void(const train::StepInfo&)>& step,
                               const std::filesystem::path& checkpoint) = 0;
  virtual double evaluate(const train::Windows& data) = 0;  // nats a token
  virtual std::string generate(const std::string& prompt, index_t n) = 0;
  /// A file of this library where the name ends in .safetensors, else a folder as PEFT has it.
  virtual void save(const std::filesystem::path& to) = 0;
  virtual States states(const std::vector<std::int32_t>& ids) = 0;
};

/// A frozen model on a backend.
class Model {
 public:
  virtual ~Model() = default;
  virtual index_t positions() const = 0;
  virtual std::vector<SiteInfo> sites() const = 0;
  virtual const io::ModelFolder& folder() const = 0;
  virtual std::vector<std::int32_t> tokens(std::string_view text) const = 0;
  virtual adapt::SiteScores probe(const nn::Sequences& samples, const adapt::Page& page) = 0;
  virtual std::unique_ptr<Run> attach(const Choice& c, const adapt::SiteScores& scores) = 0;
  /// A file of this library or a folder as PEFT has it.
  virtual std::unique_ptr<Run> load(const std::filesystem::path& from) = 0;
  virtual double evaluate(const train::Windows& data) = 0;
  virtual std::string generate(const std::string& prompt, index_t n) = 0;
  virtual States states(const std::vector<std::int32_t>& ids) = 0;
};

/// A model folder on the CPU, in float.
std::unique_ptr<Model> open_cpu(const std::filesystem::path& folder);

}  // namespace lorica::cli
