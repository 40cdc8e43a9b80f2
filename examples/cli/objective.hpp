// SPDX-License-Identifier: MIT
// What a run minimises, chosen when the program runs: one type, so that fit is compiled once.
#pragma once

#include "run.hpp"

#include <lorica/nn/head_objectives.hpp>

#include <variant>

namespace lorica::cli {

template <Backend B> class AnyObjective {
 public:
  /// `head` stays somebody else's; none for tokens.
  AnyObjective(const Goal& goal, nn::Head<B>* head) : held_(made(goal, head)) {}

  template <class M, class P>
  nn::Loss<B> loss(Tape<B>& tape, const M& model, P& policy, const nn::Batch<B>& batch) const {
    return std::visit([&](const auto& o) { return o.loss(tape, model, policy, batch); }, held_);
  }
  index_t targets_of(const nn::Batch<B>& batch, index_t s) const {
    return std::visit([&](const auto& o) { return o.targets_of(batch, s); }, held_);
  }
  [[nodiscard]] bool repeats() const {
    return std::visit([](const auto& o) { return o.repeats(); }, held_);
  }
  template <class F> void for_each_parameter(F f) const {
    std::visit(
        [&](const auto& o) {
          if constexpr (requires { o.for_each_parameter(f); }) o.for_each_parameter(f);
        },
        held_);
  }
  void visit_state(StateVisitor<B>& v) const {
    std::visit(
        [&](const auto& o) {
          if constexpr (requires { o.visit_state(v); }) o.visit_state(v);
        },
        held_);
  }

 private:
  using Held = std::variant<nn::NextToken, nn::Classification<B>, nn::Regression<B>, nn::Span<B>>;
  static Held made(const Goal& goal, nn::Head<B>* head) {
    switch (goal.kind) {
      case Goal::Kind::category:
        return nn::Classification<B>{{head}, goal.weights};
      case Goal::Kind::value:
        return nn::Regression<B>{{head}};
      case Goal::Kind::span:
        return nn::Span<B>{{head}};
      default:
        return nn::NextToken{};
    }
  }
  Held held_;
};

}  // namespace lorica::cli
