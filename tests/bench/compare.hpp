// SPDX-License-Identifier: MIT
/// @file tests/bench/compare.hpp
/// This library's side of the race against PyTorch and PEFT that tests/bench/compare_peft.py drives, over any
/// backend.
///
///   compare JOB.json        one model, method and precision; prints a line of JSON when it is ready, makes a
///                           step for every line "step" that it reads, and answers each with a line of JSON
///   compare                 says which products are compiled in
///
/// One process a configuration: its peak memory is that of nothing else. Models and methods meet behind two
/// small interfaces, so that each is compiled once a backend and not once for every other.
#pragma once

#include <lorica/adapt/attach.hpp>
#include <lorica/io/json.hpp>
#include <lorica/io/model_head.hpp>
#include <lorica/io/peft/load.hpp>
#include <lorica/io/safetensors_writer.hpp>
#include <lorica/nn/head_objectives.hpp>
#include <lorica/train/fit.hpp>

#include "bench/decoder.hpp"

#include <ctime>
#include <fstream>
#include <iostream>
#include <optional>
#include <type_traits>

namespace lorica::bench {

/// What the driver wrote for both sides.
struct Job {
  io::json::Value json;
  [[nodiscard]] const std::string& text(const char* key) const { return json.at(key).as_string(); }
  [[nodiscard]] double number(const char* key) const { return json.at(key).as_number(); }
  [[nodiscard]] index_t whole(const char* key) const { return json.at(key).as_integer(); }
};

/// Where a backend computes, as what is measured sees it: `peak`, the most that was ever held there, MiB, and
/// `finish`, which waits for all that was asked for. On a CPU the process holds it, and nothing is queued.
struct Host {
  /// Not getrusage's, which a parent's size before exec is part of.
  static double peak() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
      if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) / 1024;
    return 0;
  }
  template <class B> static double peak(B&) { return peak(); }
  static void finish() {}
};

/// Of all threads: what a step costs where others have the processors as well.
inline double processor_seconds() { return double(std::clock()) / CLOCKS_PER_SEC; }

inline void say(const io::json::Object& answer) {
  std::cout << io::json::dump(io::json::Value(answer)) << std::endl;  // flushed: somebody waits for it
}
/// Waits for a line; whether it asks for a step.
inline bool asked() {
  std::string line;
  return std::getline(std::cin, line) && line == "step";
}

/// Batches in the order of the file, again and again.
struct Batches {
  nn::Sequences all = {};
  index_t at_a_time = 0;

  explicit Batches(const Job& job) {
    const auto file = io::json::read(job.text("batches"));
    at_a_time = file.at("sequences_a_step").as_integer();
    const auto ids = [](const io::json::Value* v) {
      std::vector<std::int32_t> list;
      if (v != nullptr)
        for (const auto& id : v->as_array()) list.push_back(static_cast<std::int32_t>(id.as_integer()));
      return list;
    };
    for (const auto& s : file.at("sequences").as_array()) {
      if (const auto* label = s.find("label"))
        all.add(ids(&s.at("ids")), ids(s.find("types")),
                {.category = static_cast<std::int32_t>(label->as_integer())});
      else
        all.add(ids(&s.at("ids")), ids(&s.at("targets")));
    }
    expects(all.count() > 0 && all.count() % at_a_time == 0, "compare: ", all.count(),
            " sequences do not divide into steps of ", at_a_time);
  }
  [[nodiscard]] index_t size() const { return all.count(); }
  void append(nn::Sequences& to, index_t i) const { to.add_from(all, i); }
  [[nodiscard]] auto order(Seed, index_t) const {
    return [n = size()](index_t position) { return position % n; };
  }
};

/// A site policy of any kind.
template <Backend B> struct Listener {
  virtual ~Listener() = default;
  virtual Var<B> visit(const SiteCall<B>& call) = 0;
  virtual std::optional<LowRankTerm<B>> low_rank(Tape<B>& tape, const SiteInfo& site) = 0;
};
template <Backend B, class P> struct Over final : Listener<B> {
  explicit Over(P& p) : policy(p) {}
  P& policy;
  Var<B> visit(const SiteCall<B>& call) override { return policy.visit(call); }
  std::optional<LowRankTerm<B>> low_rank(Tape<B>& tape, const SiteInfo& site) override {
    if constexpr (LowRankPolicy<P, B>)
      return policy.low_rank(tape, site);
    else
      return std::nullopt;
  }
};

/// A model of any kind and what it is trained for.
template <Backend B> struct Subject {
  using OfSite = std::function<void(const SiteInfo&, const WeightView<B>&)>;
  virtual ~Subject() = default;
  static constexpr bool repeats() { return true; }
  virtual nn::Loss<B> loss(Tape<B>&, Listener<B>&, const nn::Batch<B>&) const = 0;
  [[nodiscard]] virtual index_t targets_of(const nn::Batch<B>&, index_t) const = 0;
  virtual void for_each_site(const OfSite&) const = 0;
  virtual void for_each_parameter(const std::function<void(Parameter<B>&)>&) const = 0;
};
template <Backend B, class Model> struct LanguageModel final : Subject<B> {
  explicit LanguageModel(Model m) : model(std::move(m)) {}
  Model model;
  nn::NextToken objective = {};
  nn::Loss<B> loss(Tape<B>& tape, Listener<B>& policy, const nn::Batch<B>& batch) const override {
    return objective.loss(tape, model, policy, batch);
  }
  index_t targets_of(const nn::Batch<B>& batch, index_t s) const override {
    return objective.targets_of(batch, s);
  }
  void for_each_site(const typename Subject<B>::OfSite& f) const override { model.for_each_site(f); }
  void for_each_parameter(const std::function<void(Parameter<B>&)>&) const override {}
};
template <Backend B, class Model> struct Classifier final : Subject<B> {
  Classifier(Model m, nn::Head<B> h) : model(std::move(m)), head(std::move(h)) {}
  Model model;
  mutable nn::Head<B> head;  // it trains, as the objective of fit says
  nn::Classification<B> objective = {{&head}};
  nn::Loss<B> loss(Tape<B>& tape, Listener<B>& policy, const nn::Batch<B>& batch) const override {
    return objective.loss(tape, model, policy, batch);
  }
  index_t targets_of(const nn::Batch<B>& batch, index_t s) const override {
    return objective.targets_of(batch, s);
  }
  void for_each_site(const typename Subject<B>::OfSite& f) const override { model.for_each_site(f); }
  void for_each_parameter(const std::function<void(Parameter<B>&)>& f) const override {
    objective.for_each_parameter(f);
  }
};
/// A subject's loss as fit and probe want it.
template <Backend B> struct LossOf {
  const Subject<B>* subject;
  static constexpr bool repeats() { return true; }
  template <class P>
  nn::Loss<B> loss(Tape<B>& tape, const Subject<B>& model, P& policy, const nn::Batch<B>& batch) const {
    Over<B, P> any(policy);
    return model.loss(tape, any, batch);
  }
  index_t targets_of(const nn::Batch<B>& batch, index_t s) const { return subject->targets_of(batch, s); }
  template <class F> void for_each_parameter(F f) const {
    subject->for_each_parameter([&](Parameter<B>& p) { f(p); });
  }
};

/// The subject of a job, and what PEFT calls its sites.
template <Backend B> struct Made {
  std::unique_ptr<Subject<B>> subject;
  io::peft::ModuleOf module_of;
};
template <Backend B> Made<B> make(B& b, const Job& job) {
  const std::string folder = job.text("folder"), architecture = job.text("architecture");
  if (architecture == "decoder") {
    const auto own = io::source(std::make_shared<const io::ModelWeights>(std::filesystem::path(folder)),
                                nn::Names{.family = "lorica", .prefix = {}, .parts = {}});
    return {std::make_unique<LanguageModel<B, Model<B>>>(Model<B>(b, config(), own)),
            [](const SiteInfo& s) { return io::peft::Module{s.path}; }};
  }
  const io::ModelFolder files(folder);
  const auto module_of = io::peft::named_by(files.what.names);
  const auto language_model = [&]<class M>(std::type_identity<M>) -> Made<B> {
    const auto& config =
        std::get<std::remove_cvref_t<decltype(std::declval<M>().config())>>(files.what.config);
    return {std::make_unique<LanguageModel<B, M>>(M(b, config, files.source())), module_of};
  };
  if (architecture == "gpt2") return language_model(std::type_identity<nn::Gpt2<B>>());
  if (architecture == "llama") return language_model(std::type_identity<nn::Llama<B>>());
  expects(architecture == "bert", "compare: the architecture is ", architecture,
          ", expected decoder, gpt2, llama or bert");
  nn::Bert<B> model(b, std::get<nn::TransformerConfig<nn::BertBlock>>(files.what.config), files.source());
  nn::Head<B> head(b, io::sequence_head(files.what.names, 2), model.config().width,
                   io::head_source(files, {}, io::no_other_source(files)));
  return {std::make_unique<Classifier<B, nn::Bert<B>>>(std::move(model), std::move(head)), module_of};
}

/// The adapters of a method as PEFT made them.
template <Backend B, class M> auto load(B& b, const Made<B>& made, M method, const Job& job) {
  auto loaded = io::peft::load(b, *made.subject, std::move(method),
                               std::filesystem::path(job.text("adapter")), made.module_of);
  for (const auto& w : loaded.warnings) std::cerr << "compare: " << w << '\n';
  return std::move(loaded.adapted);
}
inline adapt::AdaLora<> adalora(const io::peft::Config& c) {
  adapt::AdaLora<> m;
  m.adapter.shape.orthogonality = c.ada.orth_reg_weight;
  m.score.beta1 = c.ada.beta1;
  m.score.beta2 = c.ada.beta2;
  m.placement = {.start = {.rank = c.ada.init_r},
                 .target = {.per_matrix = c.ada.target_r},
                 .tinit = {c.ada.tinit},
                 .tfinal = {c.ada.tfinal},
                 .interval = c.ada.delta_t,
                 .flavour = adapt::Flavour::peft};
  return m;
}

inline void ready(double before, double loaded, index_t trained) {
  say({{"ready", true}, {"before", before}, {"loaded", loaded}, {"trained", trained}});
}

/// Answers every step when the backend is done with it, and lets fit go on when the next is asked for.
template <class Place, Backend B> struct Conversation {
  B* b;
  bool over = false;
  Clock::time_point start = {};
  double processor = 0;
  template <class R> void begin(const R&) { wait(); }
  template <class R> void step(const R&, const train::StepInfo& s) {
    Place::finish();
    const double seconds = seconds_since(start);
    say({{"loss", s.loss + s.penalty},
         {"norm", s.gradient_norm},
         {"seconds", seconds},
         {"processor", processor_seconds() - processor},
         {"tokens", s.tokens},
         {"peak", Place::peak(*b)}});
    wait();
  }
  [[nodiscard]] bool stop() const { return over; }

 private:
  void wait() {
    over = !asked();
    start = Clock::now();
    processor = processor_seconds();
  }
};

template <class Place, Backend B, class T>
void train_on(B& b, const Subject<B>& subject, T adapted, const Job& job, double before, index_t steps) {
  const Batches data(job);
  const LossOf<B> loss{&subject};
  index_t trained = adapted.parameter_count();
  loss.for_each_parameter([&](const Parameter<B>& p) { trained += p.value.size(); });
  ready(before, Place::peak(b), trained);
  const train::FitConfig c{.steps = steps,
                           .batch = data.at_a_time,
                           .optimizer = {.lr = job.number("lr"),
                                         .beta1 = job.number("beta1"),
                                         .beta2 = job.number("beta2"),
                                         .eps = job.number("eps"),
                                         .weight_decay = job.number("weight_decay")},
                           .clip = job.number("clip")};
  Conversation<Place, B> conversation{&b};
  train::fit(b, subject, adapted, data, c, loss, conversation);
}

/// A step is a probe of the next batch. The draws of A are written for the other side, which has none.
template <class Place, Backend B> void probe(B& b, const Made<B>& made, const Job& job, double before) {
  const adapt::Page page{.rank = job.whole("rank"), .scaling = {.alpha = job.number("alpha")}};
  io::SafeTensorsWriter draws;
  made.subject->for_each_site([&](const SiteInfo& s, const WeightView<B>&) {
    const auto a = adapt::LowRank::draw(s, page.shape, page.rank, page.seed);
    const std::vector<float> rounded(a.begin(), a.end());
    draws.add(made.module_of(s).path, {page.rank, s.in}, std::span<const float>(rounded));
  });
  draws.write(job.text("draws"));
  const Batches data(job);
  ready(before, Place::peak(b), 0);
  for (index_t first = 0; asked(); first = (first + data.at_a_time) % data.size()) {
    const auto start = Clock::now();
    const double processor = processor_seconds();
    nn::Sequences some;
    for (index_t i = 0; i < data.at_a_time; ++i) data.append(some, first + i);
    const auto scores =
        adapt::probe(b, *made.subject, some, page, LossOf<B>{made.subject.get()}, data.at_a_time);
    Place::finish();
    const double seconds = seconds_since(start), processors = processor_seconds() - processor;
    io::json::Object values;
    for (std::size_t i = 0; i < scores.values.size(); ++i)
      values.push_back({made.module_of(scores.sites[i]).path, scores.values[i]});
    say({{"scores", std::move(values)},
         {"seconds", seconds},
         {"processor", processors},
         {"tokens", some.rows()},
         {"peak", Place::peak(b)}});
  }
}

/// One job on a backend.
template <class B, class Place = Host> void run(const Job& job) {
  const double before = std::is_same_v<Place, Host> ? Host::peak() : 0;
  B b;
  const Made<B> made = make(b, job);
  const std::string& method = job.text("method");
  if (method == "probe") return probe<Place>(b, made, job, before);
  if (method != "adalora")
    return train_on<Place>(b, *made.subject, load(b, made, adapt::Lora{}, job), job, before,
                           job.whole("steps"));
  const auto c = io::peft::read_config(std::filesystem::path(job.text("adapter"))).config;
  expects(c.ada.total_step.has_value(), "compare: the adapter's total_step is not set");
  train_on<Place>(b, *made.subject, load(b, made, adalora(c), job), job, before, *c.ada.total_step);
}

/// A backend that is compiled in: its products, its numbers, and `run` on it.
struct Way {
  const char *gemm, *precision;
  void (*run)(const Job&);
};
/// What the program is: `about` joins what it says of itself.
inline int compare(int argc, char** argv, std::span<const Way> ways, const io::json::Object& about) try {
  if (argc != 2) {
    io::json::Array gemm;
    for (const Way& w : ways)
      if (std::string_view(w.precision) == "fp32") gemm.push_back(w.gemm);
    io::json::Object said{{"gemm", std::move(gemm)}};
    said.insert(said.end(), about.begin(), about.end());
    say(said);
    return 0;
  }
  const Job job{io::json::read(argv[1])};
  for (const Way& w : ways)
    if (job.text("gemm") == w.gemm && job.text("precision") == w.precision) {
      w.run(job);
      return 0;
    }
  throw ConfigError(message("there is no ", job.text("gemm"), ' ', job.text("precision"), " here"));
} catch (const std::exception& error) {
  std::cerr << "compare: " << error.what() << '\n';
  return 1;
}

}  // namespace lorica::bench
