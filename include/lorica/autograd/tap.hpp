// SPDX-License-Identifier: MIT
/// @file lorica/autograd/tap.hpp
/// How one listens to a frozen model.
#pragma once

#include <lorica/autograd/tape.hpp>

namespace lorica {

/// x itself; see(dy) is called in the backward pass with dL/dx. It asks for a gradient even where nothing
/// below does.
template <Backend B, class T, class See> Var<B, T> tap(Var<B, T> x, See see) {
  B& b = x.backend();
  auto& tape = x.tape();
  const auto below = x.gradient_only();
  Tensor<B, T> y = x.reusable() != nullptr ? x.release() : x.value().clone(b);
  return tape.record(std::move(y), true, [below, see = std::move(see)](const auto& dy) mutable {
    see(std::as_const(*dy));
    if (below.needs_grad()) below.add_gradient(dy);
  });
}

}  // namespace lorica
