// SPDX-License-Identifier: MIT
/// @file lorica/core/functor.hpp
/// Elementwise functions, host and device. One that says `in_lanes` is also called with Lanes: it may use
/// only +, -, *, /, comparison with select(), and lorica::math. Gradients take dy first.
#pragma once

#include <lorica/core/math.hpp>

namespace lorica::fn {

/// The functor promises that it works over Lanes as over numbers.
template <class F>
concept InLanes = requires {
  typename F::in_lanes;
};

/// f(x, ...) in lanes, for a result that is stored as Y: a functor may know a cheaper way to what is rounded
/// to bf16, and calls it for_bf16.
template <class Y, class F, class... V> LORICA_INLINE auto computed(const F& f, V... x) {
  if constexpr (std::same_as<Y, bf16> && requires { f.for_bf16(x...); })
    return f.for_bf16(x...);
  else
    return f(x...);
}

struct Copy {
  using in_lanes = void;
  template <class V> LORICA_HD V operator()(V x) const { return x; }
};
/// x + y, in the type of x.
struct Add {
  using in_lanes = void;
  template <class V, class U> LORICA_HD V operator()(V x, U y) const { return x + V(y); }
};
struct Subtract {
  using in_lanes = void;
  template <class V> LORICA_HD V operator()(V x, V y) const { return x - y; }
};
struct Multiply {
  using in_lanes = void;
  template <class V> LORICA_HD V operator()(V x, V y) const { return x * y; }
};

/// s x
template <class T> struct Scale {
  using in_lanes = void;
  T s;
  template <class V> LORICA_HD V operator()(V x) const { return V(s) * x; }
};
/// s x + y
template <class T> struct Axpy {
  using in_lanes = void;
  T s;
  template <class V> LORICA_HD V operator()(V x, V y) const { return V(s) * x + y; }
};

/// old + f(x, ...): how a gradient is added to one that is there. Mixed types are added in the type of `old`.
template <class F> struct Plus {
  F f;
  template <class V, class... X> LORICA_HD V operator()(V old, X... x) const { return old + V(f(x...)); }
};
template <InLanes F> struct Plus<F> {
  using in_lanes = void;
  F f;
  template <class V, class... X> LORICA_HD V operator()(V old, X... x) const { return old + V(f(x...)); }
};

struct Tanh {
  using in_lanes = void;
  template <class V> LORICA_HD V operator()(V x) const { return math::tanh(x); }
};
/// From y = tanh(x).
struct TanhGradient {
  using in_lanes = void;
  template <class V> LORICA_HD V operator()(V dy, V y) const { return dy * (V(1) - y * y); }
};

/// x Phi(x)
struct Gelu {
  using in_lanes = void;
  template <class V> LORICA_HD V operator()(V x) const { return x * math::normal(x).Phi; }
  template <class V> V for_bf16(V x) const { return x * math::normal_for_bf16(x).Phi; }
};
struct GeluGradient {
  using in_lanes = void;
  template <class V> LORICA_HD V operator()(V dy, V x) const { return with(math::normal(x), dy, x); }
  template <class V> V for_bf16(V dy, V x) const { return with(math::normal_for_bf16(x), dy, x); }

 private:
  template <class N, class V> LORICA_HD static V with(const N& n, V dy, V x) {
    return dy * (n.Phi + x * n.phi);
  }
};

/// x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))): GPT-2's approximation of GELU.
struct GeluTanh {
  using in_lanes = void;
  template <class V> LORICA_HD static V inner(V x) {
    return V(0.79788456080286535588f) * (x + V(0.044715f) * x * x * x);
  }
  LORICA_HD static double inner(double x) { return 0.79788456080286535588 * (x + 0.044715 * x * x * x); }
  template <int W> LORICA_HD static Lanes<double, W> inner(Lanes<double, W> x) {
    using V = Lanes<double, W>;
    return V(0.79788456080286535588) * (x + V(0.044715) * x * x * x);
  }
  template <class V> LORICA_HD V operator()(V x) const { return V(0.5f) * x * (V(1) + math::tanh(inner(x))); }
  template <class V> V for_bf16(V x) const { return x * math::sigmoid_for_bf16(V(2) * inner(x)); }
};
struct GeluTanhGradient {
  using in_lanes = void;
  template <class V> LORICA_HD static V slope(V x) {
    return V(0.79788456080286535588f) * (V(1) + V(0.134145f) * x * x);
  }
  LORICA_HD static double slope(double x) { return 0.79788456080286535588 * (1 + 0.134145 * x * x); }
  template <int W> LORICA_HD static Lanes<double, W> slope(Lanes<double, W> x) {
    using V = Lanes<double, W>;
    return V(0.79788456080286535588) * (V(1) + V(0.134145) * x * x);
  }
  template <class V> LORICA_HD V operator()(V dy, V x) const {
    const V t = math::tanh(GeluTanh::inner(x));
    return dy * (V(0.5f) * (V(1) + t) + V(0.5f) * x * (V(1) - t * t) * slope(x));
  }
  template <class V> V for_bf16(V dy, V x) const {
    const V s = math::sigmoid_for_bf16(V(2) * GeluTanh::inner(x));
    return dy * s * (V(1) + V(2) * x * (V(1) - s) * slope(x));
  }
};

/// silu(gate) * up, with silu(x) = x sigmoid(x)
struct SiluGate {
  using in_lanes = void;
  template <class V> LORICA_HD V operator()(V gate, V up) const { return gate * math::sigmoid(gate) * up; }
  template <class V> V for_bf16(V gate, V up) const { return gate * math::sigmoid_for_bf16(gate) * up; }
};
struct SiluGateByGate {
  using in_lanes = void;
  template <class V> LORICA_HD V operator()(V dy, V gate, V up) const {
    return with(math::sigmoid(gate), dy, gate, up);
  }
  template <class V> V for_bf16(V dy, V gate, V up) const {
    return with(math::sigmoid_for_bf16(gate), dy, gate, up);
  }

 private:
  template <class V> LORICA_HD static V with(V s, V dy, V gate, V up) {
    return dy * up * s * (V(1) + gate * (V(1) - s));
  }
};
struct SiluGateByUp {
  using in_lanes = void;
  template <class V> LORICA_HD V operator()(V dy, V gate) const { return dy * gate * math::sigmoid(gate); }
  template <class V> V for_bf16(V dy, V gate) const { return dy * gate * math::sigmoid_for_bf16(gate); }
};

/// Where `keep` is set, x times `scale`; else 0.
template <class T> struct Masked {
  T scale;
  template <class V> LORICA_HD V operator()(V x, V keep) const { return keep * x * V(scale); }
};

}  // namespace lorica::fn
