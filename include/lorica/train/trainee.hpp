// SPDX-License-Identifier: MIT
/// @file lorica/train/trainee.hpp
/// What trains: adapters on a frozen model, or a model itself.
#pragma once

#include <lorica/core/state.hpp>
#include <lorica/nn/site.hpp>

#include <optional>

namespace lorica::train {

namespace detail {
template <Backend B> struct ParameterVisitor {
  void operator()(Parameter<B>&, double) const {}
};
}  // namespace detail

/// A site policy with parameters and state. Optional, found by `requires`: phase(draw) before a forward pass,
/// penalty(tape) once an optimiser step, precondition() once its gradients are clipped, begin(total) before
/// the first step, after_step(step, companions) after each with gradients in place, where
/// companions(parameter, change) does to the optimiser's moments what the parameter's entries underwent
/// (Change<B>);
/// settled(step) -> bool, whether no rank moves any more after that step; repeats() -> bool, whether what it
/// queues in a step follows from the batch's shape alone, so that it may be recorded once and done again.
template <class T, class B>
concept Trainee = SitePolicy<T, B> && requires(T& t, StateVisitor<B>& v) {
  t.visit_state(v);
  t.for_each_parameter(detail::ParameterVisitor<B>{});
};

/// All weights of a model whose weights are parameters: pretraining, full fine-tuning.
template <Backend B, class Model> class Everything {
 public:
  explicit Everything(Model& model) {
    model.for_each_parameter([&](Parameter<B>& p) { parameters_.push_back(&p); });
    expects(!parameters_.empty(), "Everything: the model's weights are frozen; nothing would train");
  }
  Var<B> visit(const SiteCall<B>& c) const { return std::move(c.y); }
  template <class F> void for_each_parameter(F f) {
    for (auto* p : parameters_) f(*p, 1.0);
  }
  void visit_state(StateVisitor<B>& v) {
    for (auto* p : parameters_) v.tensor(p->name, p->value);
  }

 private:
  std::vector<Parameter<B>*> parameters_;
};

}  // namespace lorica::train
