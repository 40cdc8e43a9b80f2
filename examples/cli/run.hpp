// SPDX-License-Identifier: MIT
// What a program needs that chooses model, method and backend at run time: two interfaces. All templates are
// instantiated behind them, in one file a backend.
#pragma once

#include "data.hpp"

#include <lorica/adapt/attach.hpp>
#include <lorica/io/model_folder.hpp>
#include <lorica/nn/sampling.hpp>
#include <lorica/text/any.hpp>
#include <lorica/train/estimate.hpp>

#include <filesystem>
#include <optional>

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
enum class Adapter {
  lora,
  rslora,
  svd,
  dora,
  pissa,
  olora,
  gaussian,
  orthogonal,
  plus,
  frozen_a,
  exact_svd,
  bias,
  whole
};
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

/// What is asked of a model: the tokens that follow or, through a head, a category, a number, or where an
/// answer begins and ends.
struct Goal {
  enum class Kind { tokens, category, value, span } kind = Kind::tokens;
  index_t outputs = 0;               // of the head; none for tokens
  std::vector<double> weights = {};  // of the categories; none: each is 1
  std::vector<std::string> labels =
      {};  // of the categories, where a model's own head came with names for them
};

/// Rows of numbers: logits of a language model or a head, else last states.
struct States {
  bool logits = false;
  index_t cols = 0;
  std::vector<float> numbers;
};

/// How a prompt is continued.
struct Continuation {
  index_t tokens = 200;  // at most
  nn::Sampling sampling = {};
  std::vector<std::string> stop = {};  // texts that end it
  bool past_end = false;               // go on after the token that ends a text
  bool bare = false;                   // without the tokens that a text begins with
  bool cached = true;
  std::function<void(std::string_view)> on_text = {};  // as it grows
};

/// What answers: a model, with adapters or without.
class Subject {
 public:
  virtual ~Subject() = default;
  /// What its head answers, if it has one.
  [[nodiscard]] virtual const Goal& goal() const = 0;
  virtual double evaluate(const AnyData& data) = 0;  // nats a target
  /// f(sample, numbers): what the head says, one row of outputs, or (of spans) one a token.
  virtual void answers(const AnyData& data,
                       const std::function<void(index_t, std::span<const float>)>& f) = 0;
  virtual std::string generate(const std::string& prompt, const Continuation& how) = 0;
  virtual States states(const std::vector<std::int32_t>& ids) = 0;
  /// A folder of the model, the adapters made part of its weights.
  virtual void merge(const std::filesystem::path& to) = 0;
};

/// Which step of a run is kept in place of its last.
struct Selection {
  std::function<double()> measure;
  bool larger_is_better = true;
  index_t every = 0;     // steps between measurements
  index_t patience = 0;  // measurements in a row that are no better before the run ends; 0: it never does
  index_t step = 0;      // the best, once it ran; 0: nothing was measured
  double value = 0;
  bool gave_up = false;
};

/// Adapters on a model.
class Run : public Subject {
 public:
  virtual index_t parameters() = 0;
  virtual std::vector<index_t> ranks() = 0;           // by the model's sites; 0 where nothing is adapted
  virtual const std::vector<adapt::Cut>& cuts() = 0;  // that a budget made
  virtual train::Memory estimate(const AnyData& data, const train::FitConfig& c) = 0;
  virtual train::FitResult fit(const AnyData& data, const train::FitConfig& c,
                               const std::function<void(const train::StepInfo&)>& step,
                               const std::filesystem::path& checkpoint, Selection* selection = nullptr) = 0;
  /// A file of this library where the name ends in .safetensors, else a folder as PEFT has it; `plain`: as
  /// LORA, whatever it is.
  virtual void save(const std::filesystem::path& to, bool plain = false) = 0;
};

/// A frozen model on a backend.
class Model : public Subject {
 public:
  virtual const std::string& backend() const = 0;  // which, in words: numbers, products
  virtual index_t positions() const = 0;
  virtual std::vector<SiteInfo> sites() const = 0;
  virtual const io::ModelFolder& folder() const = 0;
  virtual const text::AnyTokenizer& words() const = 0;
  virtual adapt::SiteScores probe(const nn::Sequences& samples, const adapt::Page& page,
                                  const Goal& goal = {}, Blocks blocks = Blocks::kept) = 0;
  virtual std::unique_ptr<Run> attach(const Choice& c, const adapt::SiteScores& scores,
                                      const Goal& goal = {}) = 0;
  /// A file of this library or a folder as PEFT has it.
  virtual std::unique_ptr<Run> load(const std::filesystem::path& from) = 0;
  /// The same frozen weights, for another thread to compute with; nothing where the backend serves one alone.
  [[nodiscard]] virtual std::unique_ptr<Model> beside() const = 0;
};

/// What a model computes with, as the command line has it.
struct Compute {
  std::string device = "cpu";  // cpu, cuda; auto is cuda where there is a GPU to compute on
  std::string precision =
      "fp32";                 // of weights and activations: fp32, bf16; auto is bf16 where that is faster
  std::string gemm = "auto";  // products on a CPU: eigen, onednn; auto is Eigen for fp32, oneDNN for bf16
};
/// The default in words, as Model::backend says it.
inline constexpr const char* usual_backend = "float, products by Eigen";

/// A model folder on the backend that is asked for; what this program was built without is an error.
std::unique_ptr<Model> open_model(const std::filesystem::path& folder, const Compute& compute = {});

/// The backends, each in a translation unit of its own.
namespace on {
std::unique_ptr<Model> eigen(const std::filesystem::path& folder);
std::unique_ptr<Model> onednn(const std::filesystem::path& folder);
std::unique_ptr<Model> onednn_bf16(const std::filesystem::path& folder);
bool has_bf16();  // whether the processor computes with it, as oneDNN sees it
std::unique_ptr<Model> cuda(const std::filesystem::path& folder);
std::unique_ptr<Model> cuda_bf16(const std::filesystem::path& folder);
std::optional<std::string> why_no_cuda();  // nothing: there is a GPU
}  // namespace on

}  // namespace lorica::cli
