// SPDX-License-Identifier: MIT
/// @file lorica/train/keep_best.hpp
/// The best step of a run in place of its last, and an early end where nothing becomes better.
#pragma once

#include <lorica/train/callback.hpp>

#include <cmath>
#include <map>
#include <vector>

namespace lorica::train {

enum class Better { smaller, larger };

struct KeepBestConfig {
  std::function<double()> measure = {};  // of the model as it is, on data that is held out
  Better better = Better::larger;
  index_t every = 50;    // steps between two measurements; the last step is measured as well
  index_t patience = 0;  // measurements in a row that are no better before the run ends; 0: it never does
};

/// A callback of fit: measures, keeps on the host what trains as it was at the best step, and puts it back
/// when the run ends. Under a budget only steps after which no rank moves are measured: earlier ones have
/// more. What is not a number is no better than anything; of equals the first is kept. The best so far is
/// part of a run's state: name this before an io::Checkpoint, which then saves it with the step that it
/// belongs to, and what was last, not what was best.      Our choice
template <Backend B> class KeepBest {
 public:
  using config = KeepBestConfig;

  explicit KeepBest(config c) : config_(std::move(c)) {
    expects(bool(config_.measure), "KeepBest: there is no measure, expected a function of what to compare");
    expects(config_.every > 0 && config_.patience >= 0, "KeepBest: every ", config_.every,
            " steps with a patience of ", config_.patience, ", expected at least 1 and 0");
  }

  /// The number of steps made when it was best; 0 where nothing was measured.
  [[nodiscard]] index_t step() const noexcept { return best_; }
  /// The measure then.
  [[nodiscard]] double value() const noexcept { return value_; }
  /// Whether patience came to its end.
  [[nodiscard]] bool gave_up() const noexcept { return config_.patience > 0 && without_ >= config_.patience; }

  void step(Run<B>& run, const StepInfo& s) {
    if ((s.step + 1) % config_.every != 0 && s.step + 1 != s.steps) return;
    if (!run.settled(s.step)) return;
    const double x = config_.measure();
    const bool better = config_.better == Better::larger ? x > value_ : x < value_;
    if (std::isnan(x) || (best_ > 0 && !better)) {
      ++without_;
      return;
    }
    value_ = x, best_ = s.step + 1, without_ = 0;
    keep(run);
  }
  [[nodiscard]] bool stop() const { return gave_up(); }
  void end(Run<B>& run) {
    if (best_ == 0) return;
    Giver giver(run.backend, kept_);
    run.visit_trained(giver);
  }
  void visit_state(Run<B>& run, StateVisitor<B>& v) {
    v.count("best.step", best_);
    v.count("best.without", without_);
    v.number("best.value", value_);
    if (best_ == 0) return;
    if (kept_.empty()) keep(run);  // a state is read: the entries are those of what trains
    for (auto& [name, entry] : kept_) entry.visit(run.backend, "best." + name, v);
  }

 private:
  using M = typename B::master;
  /// A tensor, or a number or a count alone.
  struct Entry {
    index_t rows = 0, cols = 0;
    std::vector<M> numbers = {};
    double number = 0;
    index_t count = 0;
    enum class Kind { tensor, number, count } kind = Kind::tensor;

    void visit(B& b, const std::string& name, StateVisitor<B>& v) {
      if (kind == Kind::number) return v.number(name, number);
      if (kind == Kind::count) return v.count(name, count);
      MasterTensor<B> t(b, rows, cols, std::span<const M>(numbers));
      v.tensor(name, t);
      numbers = t.host(b);
    }
  };
  using Entries = std::map<std::string, Entry>;

  struct Taker final : StateVisitor<B> {
    B& b;
    Entries& to;
    Taker(B& backend, Entries& entries) : b(backend), to(entries) {}
    void tensor(const std::string& name, MasterTensor<B>& t) override {
      to[name] = Entry{.rows = t.rows(), .cols = t.cols(), .numbers = t.host(b)};
    }
    void number(const std::string& name, double& x) override {
      to[name] = Entry{.number = x, .kind = Entry::Kind::number};
    }
    void count(const std::string& name, index_t& n) override {
      to[name] = Entry{.count = n, .kind = Entry::Kind::count};
    }
  };
  struct Giver final : StateVisitor<B> {
    B& b;
    const Entries& from;
    Giver(B& backend, const Entries& entries) : b(backend), from(entries) {}
    void tensor(const std::string& name, MasterTensor<B>& t) override {
      const Entry& e = from.at(name);
      expects_shape("KeepBest", name.c_str(), t.shape(), {e.rows, e.cols});
      t = MasterTensor<B>(b, e.rows, e.cols, std::span<const M>(e.numbers));
    }
    void number(const std::string& name, double& x) override { x = from.at(name).number; }
    void count(const std::string& name, index_t& n) override { n = from.at(name).count; }
  };

  void keep(Run<B>& run) {
    kept_.clear();
    Taker taker(run.backend, kept_);
    run.visit_trained(taker);
  }

  config config_;
  index_t best_ = 0, without_ = 0;
  double value_ = 0;
  Entries kept_;
};

}  // namespace lorica::train
