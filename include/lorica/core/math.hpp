// SPDX-License-Identifier: MIT
/// @file lorica/core/math.hpp
/// exp, tanh and the normal distribution, over numbers and over lanes. In float they are branch-free
/// polynomials (the library's own, so that a host and a device agree); in double they are the standard
/// library's, lane by lane. Largest errors the tests allow, and found within a fifth of, in float over [-87,
/// 87]: exp 3e-7 and sigmoid 3e-7 relative; tanh 2e-7, Phi 3.5e-7 and phi 1e-7 absolute. Under -ffast-math,
/// where g++ divides by an estimate that it refines once: sigmoid 3.5e-7, tanh 4e-7, Phi 5e-7. What is
/// called for_bf16 is for results that are rounded to bf16, by 2e-3: exp2 1e-5, sigmoid 1e-5 and Phi 3e-4,
/// relative.
#pragma once

#include <lorica/core/lanes.hpp>

#include <cmath>
#include <cstring>

namespace lorica::math {

/// sqrt(x), correctly rounded: the same bits over numbers and over lanes.
LORICA_HD inline double sqrt(double x) { return std::sqrt(x); }
LORICA_HD inline float sqrt(float x) { return std::sqrt(x); }
template <class T, int W> LORICA_HD LORICA_INLINE Lanes<T, W> sqrt(Lanes<T, W> x) {
  if constexpr (W == 1) {
    return Lanes<T, 1>(sqrt(x.v));
  } else if constexpr (requires { lorica::detail::root(x.v); }) {
    return Lanes<T, W>(typename Lanes<T, W>::Vec(lorica::detail::root(x.v)));
  } else {
    for (int i = 0; i < W; ++i) x.set(i, std::sqrt(x[i]));
    return x;
  }
}

/// exp(x); float arguments are taken into [-87, 88] first, NaN stays NaN.
LORICA_HD inline double exp(double x) { return std::exp(x); }
LORICA_HD LORICA_INLINE float exp(float x) {
  x = x < -87.f ? -87.f : x;
  x = x > 88.f ? 88.f : x;
  // Rounding goes through an integer: adding and subtracting 1.5 * 2^23 is folded away under -ffast-math.
  // NaN may not become an integer: with n = 0 it comes out as it went in.
  const float y = x * 1.44269504f, z = y < 200.f ? y : 0.f;
  const auto n = static_cast<std::int32_t>(z + (z > 0.f ? .5f : -.5f));
  const auto t = static_cast<float>(n);
  const float r = as_written(x - t * 0.693145752f) - t * 1.42860677e-6f;
  float p = 1.f / 720;
  p = p * r + 1.f / 120;
  p = p * r + 1.f / 24;
  p = p * r + 1.f / 6;
  p = p * r + .5f;
  p = p * r + 1.f;
  p = p * r + 1.f;
  std::uint32_t u;
  std::memcpy(&u, &p, sizeof u);
  u += static_cast<std::uint32_t>(n) << 23;
  std::memcpy(&p, &u, sizeof p);
  return p;
}
template <class T, int W> LORICA_HD LORICA_INLINE Lanes<T, W> exp(Lanes<T, W> x) {
  if constexpr (W == 1) {
    return Lanes<T, 1>(exp(x.v));
  } else if constexpr (std::is_same_v<T, double>) {
    for (int i = 0; i < W; ++i) x.set(i, std::exp(x[i]));
    return x;
  } else {
    using V = Lanes<float, W>;
    using Int = typename lorica::detail::Vector<float, W>::ints;
    using Bits = typename lorica::detail::Vector<float, W>::bits;
    x = select(x < V(-87.f), V(-87.f), x);
    x = select(x > V(88.f), V(88.f), x);
    const V y = x * V(1.44269504f), z = select(y < V(200.f), y, V(0.f));
    const Int n = __builtin_convertvector((z + select(z > V(0.f), V(.5f), V(-.5f))).v, Int);
    const V t = __builtin_convertvector(n, typename V::Vec);
    const V r = as_written(x - t * V(0.693145752f)) - t * V(1.42860677e-6f);
    V p(1.f / 720);
    p = p * r + V(1.f / 120);
    p = p * r + V(1.f / 24);
    p = p * r + V(1.f / 6);
    p = p * r + V(.5f);
    p = p * r + V(1.f);
    p = p * r + V(1.f);
    return V((typename V::Vec)((Bits)p.v + ((Bits)n << 23)));
  }
}
template <class T> LORICA_HD LORICA_INLINE BlockLanes<T> exp(BlockLanes<T> x) { return exp(x.v); }

/// x / (1 + exp(-x)) is x * sigmoid(x).
template <class V> LORICA_HD LORICA_INLINE V sigmoid(V x) { return V(1) / (V(1) + exp(-x)); }

LORICA_HD inline double tanh(double x) { return std::tanh(x); }
LORICA_HD LORICA_INLINE float tanh(float x) { return 1.f - 2.f / (exp(2.f * x) + 1.f); }
template <class T, int W> LORICA_HD LORICA_INLINE Lanes<T, W> tanh(Lanes<T, W> x) {
  if constexpr (std::is_same_v<T, double>) {
    for (int i = 0; i < W; ++i) x.set(i, std::tanh(x[i]));
    return x;
  } else {
    return Lanes<T, W>(1.f) - Lanes<T, W>(2.f) / (exp(Lanes<T, W>(2.f) * x) + Lanes<T, W>(1.f));
  }
}

/// Phi(x) and phi(x), distribution and density of the standard normal; one exp serves both.
/// Float: Abramowitz and Stegun 7.1.26. Double: std::erfc and std::exp.
template <class V> struct Normal { V Phi, phi; };

LORICA_HD inline Normal<double> normal(double x) {
  return {0.5 * std::erfc(-x * 0.70710678118654752440), 0.39894228040143267794 * std::exp(-0.5 * x * x)};
}
template <class V> LORICA_HD LORICA_INLINE Normal<V> normal_in_float(V x) {
  const V e = exp(x * x * V(-.5f));
  const V a = select(x < V(0.f), -x, x);
  const V t = V(1.f) / (a * V(0.3275911f * 0.70710678f) + V(1.f));
  V p(1.061405429f);
  p = p * t + V(-1.453152027f);
  p = p * t + V(1.421413741f);
  p = p * t + V(-0.284496736f);
  p = p * t + V(0.254829592f);
  const V tail = p * t * e * V(.5f);
  return {select(x > V(0.f), V(1.f) - tail, tail), e * V(0.3989422804f)};
}
LORICA_HD LORICA_INLINE Normal<float> normal(float x) { return normal_in_float(x); }
template <class T, int W> LORICA_HD LORICA_INLINE Normal<Lanes<T, W>> normal(Lanes<T, W> x) {
  if constexpr (std::is_same_v<T, double>) {
    Normal<Lanes<T, W>> out{};
    for (int i = 0; i < W; ++i) {
      const auto n = normal(static_cast<double>(x[i]));
      out.Phi.set(i, n.Phi);
      out.phi.set(i, n.phi);
    }
    return out;
  } else {
    return normal_in_float(x);
  }
}

/// 2^x for x up to 0.5; x below -126 counts as that. NaN stays NaN.
template <int W> LORICA_INLINE Lanes<float, W> exp2_for_bf16(Lanes<float, W> x) {
  using V = Lanes<float, W>;
  x = select(x < V(-126.f), V(-126.f), x);
  if constexpr (W == 1) {
    return V(std::exp2(x.v));
  } else {
    using Of = lorica::detail::Vector<float, W>;
    // The nearest integer. NaN may not become one.
    const auto n = __builtin_convertvector((select(x < V(126.f), x, V(.5f)) - V(.5f)).v, typename Of::ints);
    const V r = x - V(typename V::Vec(__builtin_convertvector(n, typename V::Vec)));
    V p(9.5700901e-3f);  // the least largest relative error over half on either side of 0: 2.6e-6
    p = p * r + V(5.5917859e-2f);
    p = p * r + V(2.4024746e-1f);
    p = p * r + V(6.9312179e-1f);
    p = p * r + V(9.9999928e-1f);
    return V((typename V::Vec)((typename Of::bits)p.v + ((typename Of::bits)n << 23)));
  }
}
template <int W> LORICA_INLINE Lanes<float, W> sigmoid_for_bf16(Lanes<float, W> x) {
  using V = Lanes<float, W>;
  const auto negative = x < V(0.f);
  const V e = exp2_for_bf16(select(negative, x, -x) * V(1.44269504f));
  return select(negative, e, V(1.f)) / (V(1.f) + e);
}
/// As normal(). The tail is phi times a polynomial of 1 / (1 + 0.3 |x|), as in Abramowitz and Stegun 7.1.26,
/// its coefficients those of the least largest relative error over [0, 12].
template <int W> LORICA_INLINE Normal<Lanes<float, W>> normal_for_bf16(Lanes<float, W> x) {
  using V = Lanes<float, W>;
  const V e = exp2_for_bf16(x * x * V(-.5f * 1.44269504f));
  const V t = V(1.f) / (select(x < V(0.f), -x, x) * V(.3f) + V(1.f));
  V p(.20883779f);
  p = p * t + V(.03560086f);
  p = p * t + V(.13747021f);
  p = p * t + V(.11820594f);
  const V tail = p * t * e;
  return {select(x > V(0.f), V(1.f) - tail, tail), e * V(0.3989422804f)};
}

}  // namespace lorica::math
