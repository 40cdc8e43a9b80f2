// SPDX-License-Identifier: MIT
/// @file lorica/adapt/adapter/plus.hpp
/// B learns faster than A        LoRA+, Hayou et al. 2024
#pragma once

#include <lorica/adapt/adapter/additive.hpp>

#include <algorithm>

namespace lorica::adapt {

/// Any adapter A, but for the learning rate: that of B (of P in P diag(lambda) Q) is `ratio` times the run's.
/// So is that of DoRA's magnitude and of a bias, as in the authors' code and PEFT's, which give the ratio to
/// B and to whatever is a vector. A frozen factor stays frozen.
///   LoraPlus{.adapter = {{.scaling = {.alpha = 32}}, 8}}      the adapter's own options, then the ratio
template <class A> struct Plus : A {
  using says_term = std::conditional_t<detail::says_term<A>, Plus, void>;
  double ratio = 16;

  template <Backend B> double rate(const Parameter<B>& p) const {
    constexpr const char* fast[] = {".B", ".P", ".magnitude", ".bias"};
    const bool is_fast = std::ranges::any_of(fast, [&](const char* end) { return p.name.ends_with(end); });
    return A::rate(p) * (is_fast ? ratio : 1);
  }
};

}  // namespace lorica::adapt
