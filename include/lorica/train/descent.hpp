// SPDX-License-Identifier: MIT
/// @file lorica/train/descent.hpp
/// One batch, forward and backward, and the regulariser. Where a backend records its work, a batch of a shape
/// that has come before is not walked through again: what was queued for the last one is queued once more,
/// over other numbers.
#pragma once

#include <lorica/nn/objective.hpp>
#include <lorica/train/out_of_memory.hpp>
#include <lorica/train/trainee.hpp>

#include <lorica/core/sweep.hpp>

#include <concepts>
#include <list>
#include <memory>
#include <optional>

namespace lorica::train {

namespace detail {
/// x_i <- 0
template <class M> struct Clear {
  M* x;
  LORICA_HD void operator()(index_t i) const { x[i] = M(0); }
};

/// The memory of a backend that counts what is in use.
template <class B>
concept Counts = requires(B& b) {
  { b.pool().in_use() } -> std::same_as<std::size_t>;
  { b.pool().peak() } -> std::same_as<std::size_t>;
  b.pool().reset_peak();
};
/// Counts what is taken beyond what was in use when it was made.
template <Backend B> class Growth {
 public:
  explicit Growth(B& b) : b_(&b) {
    if constexpr (Counts<B>) base_ = b.pool().in_use();
    begin();
  }
  /// From here on.
  void begin() {
    if constexpr (Counts<B>) b_->pool().reset_peak();
  }
  /// In use when it was made.
  [[nodiscard]] std::size_t base() const noexcept { return base_; }
  /// The most since begin().
  [[nodiscard]] std::size_t most() const {
    if constexpr (Counts<B>)
      if (const std::size_t peak = b_->pool().peak(); peak > base_) return peak - base_;
    return 0;
  }

 private:
  B* b_;
  std::size_t base_ = 0;
};

/// The trainee's parameters, then those that the objective trains beside them (a head), `head_rate` times as
/// fast.
template <class T, class O> struct Trained {
  T& trainee;
  O& objective;
  double head_rate = 1;
  template <class F> void for_each_parameter(F f) {
    trainee.for_each_parameter(f);
    if constexpr (requires(O & o) { o.for_each_parameter([](auto&) {}); })
      objective.for_each_parameter([&](auto& p) { f(p, head_rate); });
  }
};

/// One batch, forward and backward; nobody waits for its loss. Where there is no room for it the error says
/// what takes most. Without a step: before the first.
template <Backend B, class Model, class T, class O>
nn::Loss<B> descend(const Model& model, Trained<T, O>& trained, const nn::Batch<B>& batch,
                    const Growth<B>& memory, Tape<B>& tape, std::optional<index_t> step) {
  try {
    auto loss = trained.objective.loss(tape, model, trained.trainee, batch);
    tape.backward(loss.sum);
    return loss;
  } catch (const OutOfMemory& e) {
    Holdings h{.before = memory.base(), .activations = tape.account().live};
    trained.for_each_parameter([&](Parameter<B>& p, double rate) {
      h.gradients += p.grad.bytes();
      if (rate > 0 && step && *step > 0) h.moments += 2 * p.value.bytes();
    });
    throw explained(e, step ? message("step ", *step) : "before the first step", h, batch.where.sequences(),
                    tape.blocks() == Blocks::recomputed);
  }
}

/// A backend that keeps what is queued, to do it again: record(f) answers with it, or with nothing where f
/// reads numbers or there is no room; replay(it) does it, or says that its memory has gone.
template <class B>
concept Records = requires(B& b, void (*f)()) {
  { b.replay(*b.record(f)) } -> std::same_as<bool>;
};
/// Whether what x queues for a batch follows from the batch's shape alone: neither from its numbers, nor from
/// the step. Who does not say so is walked through every time.
template <class T> bool repeats(const T& x) {
  if constexpr (requires {
                  { x.repeats() } -> std::same_as<bool>;
                })
    return x.repeats();
  else
    return false;
}

/// Whether a run may be told to replay.
template <Backend B, class Model, class T, class O>
bool replays(const Model& model, const Trained<T, O>& trained) {
  return Records<B> && repeats(model) && repeats(trained.trainee) && repeats(trained.objective);
}

/// The batches of a run, and its regulariser.
template <Backend B, class Model, class T, class O> class Descent {
  using M = typename B::master;

 public:
  struct Result {
    double loss;  // sum over the targets
    index_t targets;
    double weight;
  };

  Descent(B& b, const Model& model, Trained<T, O>& trained, const Growth<B>& memory, Blocks blocks,
          bool replay)
      : b_(&b),
        model_(&model),
        trained_(&trained),
        memory_(&memory),
        blocks_(blocks),
        replays_(replay && replays<B>(model, trained)) {
    if (replays_) value_ = MasterTensor<B>(b, 1, 1);
  }

  /// Before the batches of a step: no gradients are there, or zeros where those before lay.
  void begin() {
    if (!replays_) seen_.clear();
    std::vector<SweepPart<Clear<M>>> parts;
    trained_->for_each_parameter([&](Parameter<B>& p, double) {
      if (!replays_)
        p.grad = {};
      else if (!p.grad.empty())
        parts.push_back({p.grad.size(), {p.grad.data()}});
    });
    sweep(*b_, parts);
  }
  /// Gradients of a batch, added to those that are there. The device is waited for here, all queued.
  Result operator()(const nn::Sequences& samples, index_t step) {
    const auto read = [&](const nn::Loss<B>& l) { return Result{number(l.sum), l.count, l.weight}; };
    if constexpr (Records<B>)
      if (replays_) {
        Seen& seen = look_up(nn::BatchShape(samples));
        if (seen.work && seen.batch->refill(*b_, samples) && replay(seen)) return sum_up(*seen.batch, kept());
        seen.work.reset();  // before the batch that it reads
        auto batch = std::make_unique<nn::Batch<B>>(*b_, samples);
        const Result result = walk(*batch, step, read);
        if (seen.batch) batch->allow_as(*seen.batch);
        // What weighs otherwise would weigh otherwise for other targets.
        if (const Result again = sum_up(*batch);
            again.targets == result.targets && again.weight == result.weight)
          record(seen, [&] { walk(*batch, step, [&](const nn::Loss<B>& l) { keep(l.sum); }); });
        if (seen.work) seen.batch = std::move(batch);
        return result;
      }
    return walk(nn::Batch<B>(*b_, samples), step, read);
  }
  /// The trainee's regulariser, its gradient added to those that are there; 0 where it has none.
  double penalty() {
    if constexpr (requires(Tape<B> & t) { trained_->trainee.penalty(t); }) {
      double value = 0;
      const auto read = [&](const MasterVar<B>& p) { value = number(p); };
      if constexpr (Records<B>)
        if (replays_) {
          Seen& seen = look_up({});
          if (replay(seen)) return kept();
          if (walk_penalty(read))
            record(seen, [&] { walk_penalty([&](const MasterVar<B>& p) { keep(p); }); });
          return value;
        }
      walk_penalty(read);
      return value;
    } else {
      return 0;
    }
  }
  /// Passes that were replayed.
  [[nodiscard]] index_t replayed() const noexcept { return replayed_; }

 private:
  /// All that recorded work depends on.
  struct Kind {
    std::optional<nn::BatchShape> shape;  // none: of the regulariser
    std::vector<const void*> at = {};     // values and gradients
    std::vector<Shape> of = {};
    bool operator==(const Kind&) const = default;
  };
  static auto recorded_by(B& b) {
    if constexpr (Records<B>)
      return b.record([] {});
    else
      return std::optional<bool>();
  }
  struct Seen {
    Kind kind;
    index_t times = 0;
    std::unique_ptr<nn::Batch<B>> batch = {};  // whose addresses the work reads
    decltype(recorded_by(std::declval<B&>())) work = {};
    bool refused = false;
  };

  [[nodiscard]] double number(const MasterVar<B>& x) { return x.value().template host<double>(*b_)[0]; }
  /// For who replays it.
  void keep(const MasterVar<B>& x) { b_->copy(x.value().data(), value_.data(), 1); }
  [[nodiscard]] double kept() { return value_.template host<double>(*b_)[0]; }

  template <class F> auto walk(const nn::Batch<B>& batch, index_t step, F f) {
    Tape<B> tape(*b_, blocks_);
    return f(descend(*model_, *trained_, batch, *memory_, tape, step));
  }
  /// False: there is none.
  template <class F> bool walk_penalty(F f) {
    Tape<B> tape(*b_);
    const std::optional<MasterVar<B>> p = trained_->trainee.penalty(tape);
    if (!p) return false;
    tape.backward(*p);
    f(*p);
    return true;
  }

  [[nodiscard]] Kind kind_of(std::optional<nn::BatchShape> shape) {
    Kind k{std::move(shape)};
    trained_->for_each_parameter([&](Parameter<B>& p, double) {
      k.at.insert(k.at.end(), {p.value.data(), p.grad.data()});
      k.of.push_back(p.shape());
    });
    return k;
  }
  Seen& look_up(std::optional<nn::BatchShape> shape) {
    constexpr std::size_t most = 8;
    Kind kind = kind_of(std::move(shape));
    const auto found = std::ranges::find(seen_, kind, &Seen::kind);
    if (found != seen_.end())
      seen_.splice(seen_.begin(), seen_, found);
    else
      seen_.push_front(Seen{std::move(kind)});
    if (seen_.size() > most) seen_.pop_back();
    ++seen_.front().times;
    return seen_.front();
  }
  bool replay(Seen& seen) requires(Records<B>) {
    if (!seen.work) return false;
    if (b_->replay(*seen.work)) {
      ++replayed_;
      return true;
    }
    seen.work.reset();
    fail();
    return false;
  }
  /// Where recordings are refused, or lose their memory, time and again, batches are walked through.
  void fail() {
    constexpr int patience = 2;
    if (++failures_ > patience) replays_ = false;
  }
  /// What pass() queues, for the next time, if this is not the first and gradients lay where they lie.
  template <class Pass> void record(Seen& seen, Pass pass) requires(Records<B>) {
    if (seen.times < 2 || seen.refused || kind_of(seen.kind.shape) != seen.kind) return;
    seen.work = b_->record(pass);
    seen.refused = !seen.work;
    if (seen.refused) fail();
  }
  /// That loss over the targets of a batch, each weighing 1.
  Result sum_up(const nn::Batch<B>& batch, double loss = 0) {
    index_t targets = 0;
    for (index_t s = 0; s < batch.where.sequences(); ++s)
      targets += static_cast<index_t>(trained_->objective.targets_of(batch, s));
    return {loss, targets, double(targets)};
  }

  B* b_;
  const Model* model_;
  Trained<T, O>* trained_;
  const Growth<B>* memory_;
  Blocks blocks_;
  bool replays_;
  MasterTensor<B> value_ = {};  // of what was replayed
  std::list<Seen> seen_ = {};   // the last first
  index_t replayed_ = 0;
  int failures_ = 0;
};

}  // namespace detail

}  // namespace lorica::train
