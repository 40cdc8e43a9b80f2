// SPDX-License-Identifier: MIT
/// @file lorica/nn/positions.hpp
/// What attention knows of positions: nothing, or a rotation of every query and key.
#pragma once

#include <lorica/autograd/attention_ops.hpp>

#include <numbers>
#include <variant>

namespace lorica::nn {

/// No positions in attention: the model adds learned ones to its embedding (GPT-2, BERT).
struct Unrotated {
  template <Backend B> struct state {
    Var<B> operator()(const Var<B>& x, const Ragged<B>&) const { return x; }
  };
  template <Backend B> state<B> make(B&, index_t) const { return {}; }
};

/// Positions divided by a factor: every frequency is.
struct LinearScaling {
  double factor = 1;
};
/// Llama 3.1: frequencies whose wave is longer than original / low are divided by the factor, those shorter
/// than original / high stay, and between the two they go over smoothly.
struct Llama3Scaling {
  double factor = 8;
  double low = 1;
  double high = 4;
  double original = 8192;  // positions of the pretraining
};
/// How frequencies are stretched for sequences longer than those of the pretraining.
using RotaryScaling = std::variant<std::monostate, LinearScaling, Llama3Scaling>;

/// Rotary positions (Su et al. 2021; Llama, Qwen): frequency_j = base^(-2j / head_dim), scaled.
struct Rotary {
  double base = 10000;
  RotaryScaling scaling = {};

  template <Backend B> struct state {
    MasterTensor<B> frequency;
    Var<B> operator()(const Var<B>& x, const Ragged<B>& where) const { return rotary(x, where, frequency); }
  };
  template <Backend B> state<B> make(B& b, index_t head_dim) const {
    return {MasterTensor<B>(b, 1, head_dim / 2, frequencies(head_dim))};
  }

  /// [head_dim / 2], radians a position
  [[nodiscard]] std::vector<double> frequencies(index_t head_dim) const {
    expects(head_dim > 0 && head_dim % 2 == 0, "rotary positions: the head dimension is ", head_dim,
            ", expected an even number");
    std::vector<double> f(static_cast<std::size_t>(head_dim / 2));
    for (std::size_t j = 0; j < f.size(); ++j) {
      f[j] = std::pow(base, -2.0 * double(j) / double(head_dim));
      if (const auto* linear = std::get_if<LinearScaling>(&scaling)) f[j] /= linear->factor;
      if (const auto* s = std::get_if<Llama3Scaling>(&scaling)) {
        const double wave = 2 * std::numbers::pi / f[j];
        if (wave > s->original / s->low) {
          f[j] /= s->factor;
        } else if (wave >= s->original / s->high) {
          const double smooth = (s->original / wave - s->low) / (s->high - s->low);
          f[j] *= (1 - smooth) / s->factor + smooth;
        }
      }
    }
    return f;
  }
};

}  // namespace lorica::nn
