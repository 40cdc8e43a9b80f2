// SPDX-License-Identifier: MIT
/// @file lorica/nn/convolution.hpp
/// What DeBERTa-v2's larger models add to their first block: a convolution of the embedding, joined to the
/// residual stream behind the block.
#pragma once

#include <lorica/autograd/convolution_ops.hpp>
#include <lorica/nn/batch.hpp>
#include <lorica/nn/feed_forward.hpp>
#include <lorica/nn/norm.hpp>

namespace lorica::nn {

struct Tanh {
  template <Backend B> Var<B> operator()(const Var<B>& x) const { return tanh(x); }
};

/// norm(r + activation(convolution(x) + bias)) over each sequence by itself. Not a site.
template <class Activation> struct Convolution {
  index_t kernel = 3;
  index_t groups = 1;
  double eps = 1e-7;

  template <class W> struct weights {
    using B = backend_of<W>;
    std::string path;
    ConvolutionShape shape;
    table_of<W> weight;  // [width, width / groups * kernel]
    vector_of<W> bias;
    LayerNorm::weights<W> norm;

    /// x [n, width] the embedding, r [n, width] what left the block -> [n, width]
    MasterVar<B> operator()(const Var<B>& x, MasterVar<B> r, const Batch<B>& batch) const {
      auto& tape = x.tape();
      const Var<B> y = convolution(x, operand(tape, weight), batch.where, shape);
      return norm.template operator()<typename B::master>(
          add(std::move(r), Activation{}(add_bias(y, operand(tape, bias)))));
    }
    template <class F> void for_each_weight(F&& f) const {
      f(path + ".weight", weight);
      f(path + ".bias", bias);
      norm.for_each_weight(f);
    }
  };
  /// Weights under `path`: the checkpoint's [width, width / groups, kernel] row by row is ours.
  template <class W>
  weights<W> make(backend_of<W>& b, const Source& from, const std::string& path, index_t width) const {
    expects(kernel > 0 && kernel % 2 == 1, "convolution: a kernel of ", kernel, ", expected an odd number");
    expects(groups > 0 && width % groups == 0, "convolution: ", width, " channels do not divide into ",
            groups, " groups");
    return {path,
            {kernel, groups},
            nn::make<table_of<W>>(b, from, path + ".weight", width, width / groups * kernel),
            nn::make<vector_of<W>>(b, from, path + ".bias", 1, width),
            LayerNorm{eps}.make<W>(b, from, path + ".norm", width)};
  }
};

}  // namespace lorica::nn
