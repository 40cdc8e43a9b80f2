// SPDX-License-Identifier: MIT
/// @file lorica/nn/norm.hpp
/// Norm policies of a block. A policy is what the configuration says; `weights<W>` is what a checkpoint holds
/// for it.
#pragma once

#include <lorica/autograd/norm_ops.hpp>
#include <lorica/nn/weights.hpp>

namespace lorica::nn {

struct LayerNorm {
  double eps = 1e-5;
  template <class W> struct weights {
    using B = backend_of<W>;
    std::string path;
    double eps;
    vector_of<W> gain, bias;
    /// r [n, d] of the residual stream -> [n, d] of type TY
    template <class TY = typename B::scalar, class T> Var<B, TY> operator()(const Var<B, T>& r) const {
      return layer_norm<TY>(r, operand(r.tape(), gain), operand(r.tape(), bias), eps);
    }
    /// r + y, and its norm
    template <class TY = typename B::scalar, class T>
    std::pair<MasterVar<B>, Var<B, TY>> of_sum(MasterVar<B> r, const Var<B, T>& y) const {
      auto& t = y.tape();
      return add_layer_norm<TY>(std::move(r), y, operand(t, gain), operand(t, bias), eps);
    }
    template <class F> void for_each_weight(F&& f) const {
      f(path + ".weight", gain);
      f(path + ".bias", bias);
    }
  };
  template <class W>
  weights<W> make(backend_of<W>& b, const Source& from, const std::string& path, index_t width) const {
    return {path, eps, nn::make<vector_of<W>>(b, from, path + ".weight", 1, width),
            nn::make<vector_of<W>>(b, from, path + ".bias", 1, width)};
  }
};

struct RmsNorm {
  double eps = 1e-6;
  template <class W> struct weights {
    using B = backend_of<W>;
    std::string path;
    double eps;
    vector_of<W> gain;
    template <class TY = typename B::scalar, class T> Var<B, TY> operator()(const Var<B, T>& r) const {
      return rms_norm<TY>(r, operand(r.tape(), gain), eps);
    }
    template <class TY = typename B::scalar, class T>
    std::pair<MasterVar<B>, Var<B, TY>> of_sum(MasterVar<B> r, const Var<B, T>& y) const {
      return add_rms_norm<TY>(std::move(r), y, operand(y.tape(), gain), eps);
    }
    template <class F> void for_each_weight(F&& f) const { f(path + ".weight", gain); }
  };
  template <class W>
  weights<W> make(backend_of<W>& b, const Source& from, const std::string& path, index_t width) const {
    return {path, eps, nn::make<vector_of<W>>(b, from, path + ".weight", 1, width)};
  }
};

}  // namespace lorica::nn
