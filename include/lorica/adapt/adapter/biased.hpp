// SPDX-License-Identifier: MIT
/// @file lorica/adapt/adapter/biased.hpp
/// An update with a bias of its own: y + s (B A x + b)        Hugging Face PEFT's lora_bias
#pragma once

#include <lorica/adapt/adapter/additive.hpp>

namespace lorica::adapt {

/// Any adapter A that adds, and a trained bias [1, m] that starts at 0 and is scaled as the update is.
/// Dropout is of x and leaves the bias alone. What it does to a site is not a change of the weight alone: a
/// merged model has s b in the site's bias.
template <class A> struct Biased : A {
  static constexpr const char* name = "biased";

  template <Backend B> struct state : A::template state<B> {
    Parameter<B> bias;  // [1, m]
  };

  template <Backend B>
  state<B> make(B& b, const SiteInfo& s, const WeightView<B>& w, index_t rank, Seed seed) const {
    return {A::make(b, s, w, rank, seed), {s.path + ".B.bias", zeros<typename B::master>(b, 1, s.out), {}}};
  }
  template <Backend B> Var<B> visit(state<B>& st, const SiteCall<B>& c) const {
    auto& t = c.x.tape();
    Var<B> y = A::visit(static_cast<typename A::template state<B>&>(st), c);
    return add_bias(std::move(y), lorica::scale(t.leaf(st.bias), st.scale));
  }
  template <Backend B, class F> void for_each(state<B>& st, F visit) const {
    A::for_each(static_cast<typename A::template state<B>&>(st), visit);
    visit(st.bias);
  }
  template <Backend B> void phase(state<B>& st, std::optional<std::uint64_t> draw) const { st.draw = draw; }
  template <Backend B>
  void precondition(B& b, state<B>& st) const requires(Preconditioned<typename A::parameterization, B>) {
    A::precondition(b, static_cast<typename A::template state<B>&>(st));
  }
};

}  // namespace lorica::adapt
