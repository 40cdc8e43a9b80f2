// SPDX-License-Identifier: MIT
/// @file tests/support/math_functors.hpp
/// lorica::math as functors, for numbers and lanes alike: what its accuracy is tested through.
#pragma once

#include <lorica/core/math.hpp>

namespace lorica::test {

struct Exp {
  template <class V> V operator()(V x) const { return math::exp(x); }
};
struct Tanh {
  template <class V> V operator()(V x) const { return math::tanh(x); }
};
struct Sigmoid {
  template <class V> V operator()(V x) const { return math::sigmoid(x); }
};
struct Phi {
  template <class V> V operator()(V x) const { return math::normal(x).Phi; }
};
struct Density {
  template <class V> V operator()(V x) const { return math::normal(x).phi; }
};

}  // namespace lorica::test
