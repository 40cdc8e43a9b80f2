// SPDX-License-Identifier: MIT
/// @file lorica/nn/feed_forward.hpp
/// Feed-forward policies of a block: up and down, or gate, up and down.
#pragma once

#include <lorica/autograd/elementwise_ops.hpp>
#include <lorica/nn/linear.hpp>

namespace lorica::nn {

namespace detail {
inline void expects_hidden(index_t hidden) {
  expects(hidden > 0, "feed-forward: the hidden width is ", hidden, ", expected at least 1");
}
}  // namespace detail

/// GELU by the normal distribution (BERT's "gelu") and by tanh (GPT-2's "gelu_new").
struct ExactGelu {
  template <Backend B> Var<B> operator()(const Var<B>& x) const { return gelu(x); }
};
struct TanhGelu {
  template <Backend B> Var<B> operator()(const Var<B>& x) const { return gelu_tanh(x); }
  /// Of a linear: products that apply a GELU as they end apply this one.
  template <Backend B> Var<B> of(const Var<B>& x, const AdaptedLinear<B>& linear) const {
    return adapted_gelu_tanh(x, linear);
  }
};

/// down(activation(up(x)))
template <class Activation = ExactGelu> struct Mlp {
  index_t hidden = 0;
  bool bias = true;
  template <class W> struct weights {
    using B = backend_of<W>;
    Linear<W> up, down;
    template <class P> Var<B> operator()(const Var<B>& x, std::span<const index_t> offsets, P& policy) const {
      return down(up.then(Activation{}, x, offsets, policy), offsets, policy);
    }
    template <class F> void for_each_linear(F&& f) const {
      f(up);
      f(down);
    }
  };
  template <class W>
  weights<W> make(backend_of<W>& b, const Source& from, SiteCounter& site, index_t layer,
                  index_t width) const {
    detail::expects_hidden(hidden);
    auto up = make_linear<W>(b, from, site(layer, Role::up, width, hidden), bias);
    return {std::move(up), make_linear<W>(b, from, site(layer, Role::down, hidden, width), bias)};
  }
};

/// down(silu(gate(x)) up(x)): SwiGLU, Shazeer 2020
struct GatedSilu {
  index_t hidden = 0;
  bool bias = false;
  template <class W> struct weights {
    using B = backend_of<W>;
    Linear<W> gate, up, down;
    template <class P> Var<B> operator()(const Var<B>& x, std::span<const index_t> offsets, P& policy) const {
      const auto [g, u] = side_by_side(x, offsets, policy, gate, up);
      return down(silu_gate(g, u), offsets, policy);
    }
    template <class F> void for_each_linear(F&& f) const {
      f(gate);
      f(up);
      f(down);
    }
  };
  template <class W>
  weights<W> make(backend_of<W>& b, const Source& from, SiteCounter& site, index_t layer,
                  index_t width) const {
    detail::expects_hidden(hidden);
    auto gate = make_linear<W>(b, from, site(layer, Role::gate, width, hidden), bias);
    auto up = make_linear<W>(b, from, site(layer, Role::up, width, hidden), bias);
    return {std::move(gate), std::move(up),
            make_linear<W>(b, from, site(layer, Role::down, hidden, width), bias)};
  }
};

}  // namespace lorica::nn
