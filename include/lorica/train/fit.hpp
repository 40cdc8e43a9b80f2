// SPDX-License-Identifier: MIT
/// @file lorica/train/fit.hpp
/// Walking downhill. One step: forward and backward over `accumulate` batches; the sum of gradients divided
/// by what the targets weigh together, their count where none weighs more; the regulariser, once; clip;
/// AdamW; then the trainee's own after_step (an allocator, say).
#pragma once

#include <lorica/train/callback.hpp>
#include <lorica/train/clip.hpp>
#include <lorica/train/data.hpp>
#include <lorica/train/descent.hpp>
#include <lorica/train/learning_rate.hpp>
#include <lorica/train/optimizer.hpp>

#include <charconv>
#include <chrono>
#include <limits>
#include <optional>
#include <set>

namespace lorica::train {

struct FitConfig {
  index_t steps = 100;
  index_t batch = 16;      // samples at a time
  index_t accumulate = 1;  // batches an optimiser step
  AdamW optimizer = {};
  Schedule schedule = {};
  std::optional<double> head_lr = {};  // of what the objective trains (a head), at its peak; none: as all
  double clip = 1;                     // global norm; 0 is off
  Seed seed = 0;                       // of the data's order
  bool checkpoint_blocks = false;      // keep what enters a block, compute the rest again; changes no number
  bool replay = true;                  // what was queued for batches of the same shape; changes no number
  std::string identity = {};           // of model and method: a checkpoint belongs to one

  [[nodiscard]] Blocks blocks() const { return checkpoint_blocks ? Blocks::recomputed : Blocks::kept; }
  /// What a resumed run must agree on to end as the uninterrupted one.
  [[nodiscard]] std::string whole_identity() const {
    const auto& o = optimizer;
    const auto exact = [](double x) {
      char text[32];
      return std::string(text, std::to_chars(text, text + sizeof text, x).ptr);
    };
    return message(identity, "; steps ", steps, ", batch ", batch, " x ", accumulate, ", lr ", exact(o.lr),
                   head_lr ? ", head lr " + exact(*head_lr) : "", ", betas ", exact(o.beta1), ' ',
                   exact(o.beta2), ", eps ", exact(o.eps), ", decay ", exact(o.weight_decay), ", schedule ",
                   int(schedule.shape), ' ', schedule.warmup, ' ', exact(schedule.floor), ", clip ",
                   exact(clip), ", seed ", seed);
  }
  /// The learning rate of what the objective trains, over that of the adapters.
  [[nodiscard]] double head_rate() const { return head_lr ? *head_lr / optimizer.lr : 1; }
  void validate() const {
    expects(steps > 0, "fit: ", steps, " steps, expected at least 1");
    expects(batch > 0 && accumulate > 0, "fit: a batch of ", batch, " accumulated ", accumulate,
            " times, expected at least 1 and 1");
    expects(optimizer.lr > 0 && std::isfinite(optimizer.lr), "fit: the learning rate is ", optimizer.lr,
            ", expected above 0");
    expects(!head_lr || (*head_lr > 0 && std::isfinite(*head_lr)), "fit: the head's learning rate is ",
            head_lr.value_or(0), ", expected above 0");
    expects(optimizer.beta1 >= 0 && optimizer.beta1 < 1 && optimizer.beta2 >= 0 && optimizer.beta2 < 1,
            "fit: the betas are ", optimizer.beta1, " and ", optimizer.beta2, ", expected 0 <= beta < 1");
    expects(optimizer.eps > 0 && optimizer.weight_decay >= 0, "fit: eps is ", optimizer.eps,
            " and the weight decay ", optimizer.weight_decay, ", expected above 0, and 0 or above");
    expects(clip >= 0, "fit: clipping at a norm of ", clip, ", expected 0 (off) or above");
    schedule.validate(steps);
  }
};

struct FitResult {
  index_t steps = 0;                                       // made in all, before and after a resume
  double loss = std::numeric_limits<double>::quiet_NaN();  // of the last step made here, if one was
  double seconds = 0;                                      // spent in steps made here
  index_t targets = 0;                                     // seen in steps made here
  index_t tokens = 0;                                      // the same
  bool stopped = false;                                    // by a callback, before the last step
  index_t replayed = 0;                                    // passes that were not walked through again
  std::size_t peak = 0;  // bytes that steps took beyond what was in use before; 0 where nobody counts
};

namespace detail {
/// The order in which a run sees its samples: data may have one of its own.
template <Data D> auto order_of(const D& data, const FitConfig& c) {
  if constexpr (requires { data.order(c.seed, c.batch); })
    return data.order(c.seed, c.batch);
  else
    return Shuffle(c.seed, data.size());
}

/// Moments and checkpoints go by name.
template <class Trained> void expects_names(Trained& trained) {
  std::set<std::string> names;
  trained.for_each_parameter([&](const auto& p, double) {
    expects(names.insert(p.name).second, "fit: two parameters are named '", p.name,
            "', expected a name of its own for each");
  });
}

}  // namespace detail

/// Trains `trainee` (adapters, or Everything of a model), and the parameters of the objective if it has any,
/// on `data`. The model is const where the trainee is adapters. Throws NumericError naming step and tensor
/// when a loss or a gradient is not finite; ConfigError before the first step.
template <Backend B, class Model, Trainee<B> T, Data D, class O, class... Callbacks>
  requires(nn::Objective<O, Model, B>)
FitResult fit(B& b, const Model& model, T& trainee, const D& data, const FitConfig& c, const O& objective,
              Callbacks&&... callbacks) {
  static_assert(
      (detail::Heard<std::remove_reference_t<Callbacks>, B> && ...),
      "lorica: fit: a callback is const and has a hook (begin, step, end, stop, visit_state) that is "
      "not, which would never be called. Pass it without const, or make its hooks const.");
  using clock = std::chrono::steady_clock;
  c.validate();
  typename AdamW::state<B> optimizer;
  detail::Trained<T, const O> trained{trainee, objective, c.head_rate()};
  detail::expects_names(trained);
  constexpr bool ordered = requires { data.order(c.seed, c.batch); };
  auto order = detail::order_of(data, c);
  detail::Growth<B> memory(b);
  detail::Descent<B, Model, T, const O> descent(b, model, trained, memory, c.blocks(), c.replay);
  index_t step = 0;
  Run<B> run{
      b,
      step,
      c.steps,
      message(c.whole_identity(), ", samples ", data.size(), ordered ? ", in an order of their own" : ""),
      [&](StateVisitor<B>& v) {
        trainee.visit_state(v);
        if constexpr (requires { objective.visit_state(v); }) objective.visit_state(v);
      },
      [&](StateVisitor<B>& v) {
        v.count("step", step);
        run.visit_trained(v);
        trained.for_each_parameter([&](Parameter<B>& p, double rate) {
          if (rate > 0) optimizer.visit_state(v, b, p);
        });
        (detail::call_visit_state(callbacks, run, v), ...);
      },
      [&](index_t t) {
        if constexpr (requires {
                        { trainee.settled(t) } -> std::same_as<bool>;
                      })
          return trainee.settled(t);
        return true;
      }};
  if constexpr (requires { trainee.begin(c.steps); }) trainee.begin(c.steps);
  (detail::call_begin(callbacks, run), ...);

  FitResult result;
  const auto stops = [&] { return (false || ... || detail::call_stop(callbacks)) && step < c.steps; };
  if (step > 0) result.stopped = stops();  // resumed where it had been stopped
  while (step < c.steps && !result.stopped) {
    const auto start = clock::now();
    memory.begin();
    StepInfo info{step, c.steps, 0, 0, 0, c.optimizer.lr * c.schedule(step, c.steps), 0, 0, 0};
    double weight = 0;
    descent.begin();
    for (index_t micro = 0; micro < c.accumulate; ++micro) {
      const index_t draw = step * c.accumulate + micro;
      nn::Sequences samples;
      for (index_t i = 0; i < c.batch; ++i) data.append(samples, order(draw * c.batch + i));
      info.tokens += samples.rows();
      if constexpr (requires { trainee.phase(std::optional<std::uint64_t>()); })
        trainee.phase(static_cast<std::uint64_t>(draw));
      const auto found = descent(samples, step);
      info.loss += found.loss;
      info.targets += found.targets;
      weight += found.weight;
    }
    expects(info.targets > 0, "step ", step, ": the batch has no targets");
    expects(weight > 0, "step ", step, ": every target of the batch weighs nothing");
    info.loss /= weight;
    if (!std::isfinite(info.loss)) {
      const std::string fault = first_not_finite(b, trained);
      const char* found = std::isnan(info.loss) ? "nan"
                          : info.loss > 0       ? "inf"
                                                : "-inf";  // a stream may print -nan
      throw NumericError(message("step ", step, ": the loss is ", found,
                                 fault.empty() ? ", though every parameter is finite"
                                               : ", and the parameter " + fault + " is not finite",
                                 "; lower the learning rate (", info.lr,
                                 " at this step), or look for tokens the model has never seen"));
    }
    scale_gradients(b, trained, 1.0 / weight);
    info.penalty = descent.penalty();
    info.gradient_norm = gradient_norm(b, trained, step);
    clip_gradients(b, trained, info.gradient_norm, c.clip);
    if constexpr (requires { trainee.precondition(); }) trainee.precondition();
    optimizer.update_all(b, c.optimizer, trained, info.lr, step + 1);
    if constexpr (requires { trainee.after_step(step, optimizer.companions()); })
      trainee.after_step(step, optimizer.companions());
    info.seconds = std::chrono::duration<double>(clock::now() - start).count();
    result.seconds += info.seconds;
    result.targets += info.targets;
    result.tokens += info.tokens;
    result.loss = info.loss;
    result.peak = std::max(result.peak, memory.most());
    ++step;
    (detail::call_step(callbacks, run, info), ...);
    result.stopped = stops();
  }
  result.steps = step;
  result.replayed = descent.replayed();
  if constexpr (requires { trainee.phase(std::optional<std::uint64_t>()); }) trainee.phase(std::nullopt);
  detail::call_ends(run, callbacks...);
  return result;
}

/// With the language model's own objective.
template <Backend B, class Model, Trainee<B> T, Data D, class... Callbacks>
  requires(!(nn::Objective<std::remove_cvref_t<Callbacks>, Model, B> || ...))
FitResult fit(B& b, const Model& model, T& trainee, const D& data, const FitConfig& c,
              Callbacks&&... callbacks) {
  return fit(b, model, trainee, data, c, nn::NextToken{}, std::forward<Callbacks>(callbacks)...);
}

}  // namespace lorica::train
