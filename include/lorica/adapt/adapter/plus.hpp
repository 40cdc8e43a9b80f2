// SPDX-License-Identifier: MIT
/// @file lorica/adapt/adapter/plus.hpp
/// B learns faster than A        LoRA+, Hayou et al. 2024
#pragma once

#include <lorica/adapt/adapter/additive.hpp>

namespace lorica::adapt {

/// Any adapter A, but for the learning rate: that of B (of P in P diag(lambda) Q) is `ratio` times the run's.
/// So is that of DoRA's magnitude, as in the authors' code and PEFT's, which give the ratio to B and to
/// whatever is a vector. A frozen factor stays frozen.
///   LoraPlus{.adapter = {{.scaling = {.alpha = 32}}, 8}}      the adapter's own options, then the ratio
template <class A> struct Plus : A {
  using says_term = std::conditional_t<detail::says_term<A>, Plus, void>;
  double ratio = 16;

  template <Backend B> double rate(const Parameter<B>& p) const {
    const bool fast = p.name.ends_with(".B") || p.name.ends_with(".P") || p.name.ends_with(".magnitude");
    return A::rate(p) * (fast ? ratio : 1);
  }
};

}  // namespace lorica::adapt
