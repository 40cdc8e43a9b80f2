// SPDX-License-Identifier: MIT
/// @file lorica/autograd/elementwise_ops.hpp
/// Activations and dropout, all [n, d]. Each keeps its input (tanh its output) and nothing else: who needs
/// the output of a GELU or a gate in the backward pass has it computed again. Dropout keeps nothing.
#pragma once

#include <lorica/autograd/tape.hpp>
#include <lorica/core/random.hpp>

namespace lorica {

namespace detail {
/// y = f(x); dx = gradient(dy, x). `ready` is y, where somebody has it already.
template <class F, class G, Backend B, class T>
Var<B, T> elementwise(const Var<B, T>& x, Tensor<B, T> ready = {}) {
  const auto made = [](const Var<B, T>& from) {
    B& b = from.backend();
    Tensor<B, T> y(b, from.rows(), from.cols());
    b.map(y.size(), F{}, y.data(), from.value().data());
    return y;
  };
  return x.tape().record(
      ready.empty() ? made(x) : std::move(ready), x.needs_grad(),
      [x](const auto& dy) { x.add_gradient(G{}, *dy, x.value()); }, [x, made] { return made(x); });
}
}  // namespace detail

/// x Phi(x): the exact GELU, as BERT's "gelu"
template <Backend B, class T> Var<B, T> gelu(const Var<B, T>& x) {
  return detail::elementwise<fn::Gelu, fn::GeluGradient>(x);
}
/// GELU by tanh, as GPT-2's "gelu_new"
template <Backend B, class T> Var<B, T> gelu_tanh(const Var<B, T>& x) {
  return detail::elementwise<fn::GeluTanh, fn::GeluTanhGradient>(x);
}

/// tanh(x); keeps its output
template <Backend B, class T> Var<B, T> tanh(const Var<B, T>& x) {
  B& b = x.backend();
  auto& tape = x.tape();
  Tensor<B, T> y(b, x.rows(), x.cols());
  b.map(y.size(), fn::Tanh{}, y.data(), x.value().data());
  if (!x.needs_grad()) return tape.constant(std::move(y));
  const auto kept = tape.keep(y.clone(b));
  return tape.record(std::move(y), true, [x = x.gradient_only(), kept](const auto& dy) {
    x.add_gradient(fn::TanhGradient{}, *dy, kept->get());
  });
}

/// silu(gate) up: the SwiGLU feed-forward of Llama
template <Backend B, class T> Var<B, T> silu_gate(const Var<B, T>& gate, const Var<B, T>& up) {
  expects_shape("silu_gate", "up", up.shape(), gate.shape());
  const auto made = [gate, up] {
    B& b = gate.backend();
    Tensor<B, T> y(b, gate.rows(), gate.cols());
    b.map(y.size(), fn::SiluGate{}, y.data(), gate.value().data(), up.value().data());
    return y;
  };
  const auto pull = [gate, up](const auto& dy) {
    if (gate.needs_grad()) {
      const auto to = gate.into();
      B& be = gate.backend();
      if (to.fresh) {
        be.map(dy->size(), fn::SiluGateByGate{}, to.data(), dy->data(), gate.value().data(),
               up.value().data());
      } else {
        Tensor<B, T> d(be, dy->rows(), dy->cols());
        be.map(dy->size(), fn::SiluGateByGate{}, d.data(), dy->data(), gate.value().data(),
               up.value().data());
        be.map(dy->size(), fn::Add{}, to.data(), std::as_const(*to.tensor).data(), std::as_const(d).data());
      }
    }
    if (up.needs_grad()) up.add_gradient(fn::SiluGateByUp{}, *dy, gate.value());
  };
  return gate.tape().record(made(), gate.needs_grad() || up.needs_grad(), pull, made);
}

/// x y, element by element
template <Backend B, class T> Var<B, T> multiply(const Var<B, T>& x, const Var<B, T>& y) {
  B& b = x.backend();
  expects_shape("multiply", "y", y.shape(), x.shape());
  Tensor<B, T> z(b, x.rows(), x.cols());
  b.map(z.size(), fn::Multiply{}, z.data(), x.value().data(), y.value().data());
  return x.tape().record(std::move(z), x.needs_grad() || y.needs_grad(),
                         [x = y.needs_grad() ? x : x.gradient_only(),
                          y = x.needs_grad() ? y : y.gradient_only()](const auto& dz) {
                           if (x.needs_grad()) x.add_gradient(fn::Multiply{}, *dz, y.value());
                           if (y.needs_grad()) y.add_gradient(fn::Multiply{}, *dz, x.value());
                         });
}

namespace fn {
/// y_e <- x_e / (1 - p) where the stream's bits at e are at least p 2^32, else 0; adds where `add` is set.
template <class T> struct Dropout {
  const T* x;
  T* y;
  Stream stream;
  std::uint32_t threshold;
  arithmetic_t<T> scale;
  bool add;
  LORICA_HD void operator()(index_t e) const {
    using A = arithmetic_t<T>;
    const A v = stream.bits(static_cast<std::uint64_t>(e)) >= threshold ? convert<A>(x[e]) * scale : A(0);
    y[e] = convert<T>(add ? convert<A>(y[e]) + v : v);
  }
};
}  // namespace fn

/// Each element is dropped with probability p and the rest scaled by 1 / (1 - p). Which are dropped is a
/// function of the stream (seed, place, step) and the element's index; the mask is drawn again in the
/// backward pass, not kept.
template <Backend B, class T> Var<B, T> dropout(const Var<B, T>& x, double p, const Stream& stream) {
  using A = arithmetic_t<T>;
  expects(p >= 0 && p < 1, "dropout: the probability is ", p, ", expected 0 <= p < 1");
  if (p == 0) return x;
  B& b = x.backend();
  const auto threshold = static_cast<std::uint32_t>(p * 4294967296.0);
  const A scale = static_cast<A>(1.0 / (1.0 - p));
  Tensor<B, T> y(b, x.rows(), x.cols());
  b.for_each_index(y.size(), fn::Dropout<T>{x.value().data(), y.data(), stream, threshold, scale, false});
  return x.tape().record(
      std::move(y), x.needs_grad(), [x = x.gradient_only(), stream, threshold, scale](const auto& dy) {
        const auto dx = x.into();
        x.backend().for_each_index(
            dy->size(), fn::Dropout<T>{dy->data(), dx.data(), stream, threshold, scale, !dx.fresh});
      });
}

}  // namespace lorica
