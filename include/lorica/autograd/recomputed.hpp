// SPDX-License-Identifier: MIT
/// @file lorica/autograd/recomputed.hpp
/// Memory for time: a part of a model whose inside is not kept but computed a second time. Keeps what enters
/// it, and nothing else.
#pragma once

#include <lorica/autograd/tape.hpp>

#include <type_traits>

namespace lorica {

/// f(x), f a function from one value to another. The forward pass keeps x alone; the backward pass computes
/// f(x) once more, this time recorded on the same tape, whose newest pullbacks run next. f is called twice,
/// and must do the same both times; what it refers to must outlive the tape. Values from outside that it
/// reads receive their gradients as without this. Nothing is kept, and f is called once, where f(x) needs no
/// gradient.
template <Backend B, class T, class F> std::invoke_result_t<F&, Var<B, T>> recomputed(Var<B, T> x, F f) {
  auto& tape = x.tape();
  if (!tape.recording()) return f(std::move(x));
  auto y = [&] {
    const typename Tape<B>::Pause pause(tape);
    return f(x);
  }();
  if (!y.needs_grad()) return y;
  auto value = y.reusable() != nullptr ? y.release() : y.value().clone(tape.backend());
  return tape.record(std::move(value), true, [x = std::move(x), f = std::move(f)](const auto& dy) mutable {
    f(std::move(x)).add_gradient(dy);
  });
}

}  // namespace lorica
