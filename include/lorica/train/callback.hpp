// SPDX-License-Identifier: MIT
/// @file lorica/train/callback.hpp
/// Observers of a run: trailing arguments of fit, with any of the hooks below. What a callback lacks costs
/// nothing.
///   begin(run)                 before the first step; may restore the run's state
///   step(run, StepInfo)        after each optimiser step, gradients still in place
///   end(run)                   after the last step, or a stop: of the last argument first
///   stop() -> bool             asked after each step
///   visit_state(run, visitor)  what of the callback a resumed run must find again
#pragma once

#include <lorica/core/state.hpp>

#include <functional>
#include <ostream>
#include <tuple>

namespace lorica::train {

struct StepInfo {
  index_t step = 0;          // 0-based, just made
  index_t steps = 0;         // of the run
  double loss = 0;           // mean over the targets of this step, without the regulariser, nats
  double penalty = 0;        // the regulariser
  double gradient_norm = 0;  // before clipping
  double lr = 0;
  index_t targets = 0;  // of this step
  double seconds = 0;   // of this step
  index_t tokens = 0;   // of this step
};

/// What a callback may see and touch of a run under way. `step` is the next step to make.
template <Backend B> struct Run {
  B& backend;
  index_t& step;
  index_t steps;
  std::string identity;  // of model, method and configuration: a state belongs to one
  std::function<void(StateVisitor<B>&)> visit_trained;  // what trains, and what goes with it
  std::function<void(StateVisitor<B>&)> visit_state;    // all that evolves: the same, optimiser, callbacks
  std::function<bool(index_t)> settled;                 // whether no rank moves any more after that step
};

/// A line every so many steps, and after the last.
struct PrintLoss {
  std::ostream& out;
  index_t every = 50;
  template <class R> void step(const R&, const StepInfo& s) const {
    if ((every > 0 && (s.step + 1) % every == 0) || s.step + 1 == s.steps)
      out << "step " << s.step + 1 << '/' << s.steps << "  loss " << s.loss << '\n';
  }
};

/// The losses of a run, by step.
struct LossCurve {
  std::vector<double> loss = {};
  template <class R> void step(const R&, const StepInfo& s) { loss.push_back(s.loss); }
};

/// Ends the run after the step during which the condition became true.
struct StopWhen {
  std::function<bool()> condition;
  [[nodiscard]] bool stop() const { return condition(); }
};

namespace detail {
template <class C, class R> void call_begin(C& c, R& r) {
  if constexpr (requires { c.begin(r); }) c.begin(r);
}
template <class C, class R> void call_step(C& c, R& r, const StepInfo& s) {
  if constexpr (requires { c.step(r, s); }) c.step(r, s);
}
template <class C, class R> void call_end(C& c, R& r) {
  if constexpr (requires { c.end(r); }) c.end(r);
}
/// Of the last callback first.
template <class R, class... Cs> void call_ends(R& r, Cs&... callbacks) {
  const auto all = std::tie(callbacks...);
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (call_end(std::get<sizeof...(I) - 1 - I>(all), r), ...);
  }
  (std::index_sequence_for<Cs...>());
}
template <class C, class R, class V> void call_visit_state(C& c, R& r, V& v) {
  if constexpr (requires { c.visit_state(r, v); }) c.visit_state(r, v);
}
/// How many hooks a callback has.
template <class C, class B>
constexpr int hooks = int(requires(C& c, Run<B>& r) { c.begin(r); }) +
                      int(requires(C& c, Run<B>& r, const StepInfo& s) { c.step(r, s); }) +
                      int(requires(C& c, Run<B>& r) { c.end(r); }) + int(requires(C& c) { c.stop(); }) +
                      int(requires(C& c, Run<B>& r, StateVisitor<B>& v) { c.visit_state(r, v); });
/// Whether all of its hooks are heard: of a const callback only those that are const would be.
template <class C, class B>
concept Heard = hooks<C, B>
== hooks<std::remove_const_t<C>, B>;
template <class C> bool call_stop(C& c) {
  if constexpr (requires { c.stop(); })
    return c.stop();
  else
    return false;
}
}  // namespace detail

}  // namespace lorica::train
