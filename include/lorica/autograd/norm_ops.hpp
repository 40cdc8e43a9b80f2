// SPDX-License-Identifier: MIT
/// @file lorica/autograd/norm_ops.hpp
/// Normalisation of rows: x [n, d] of the residual stream in, activations out. Each keeps x and one or two
/// numbers a row; the normalised rows are rebuilt in the backward pass.
#pragma once

#include <lorica/autograd/tape.hpp>
#include <lorica/core/row.hpp>

namespace lorica {

/// y = (x - mean) / sqrt(var + eps) * gain + bias       gain, bias [1, d]      Ba et al. 2016
/// TY is the type of y: the backend's scalar (default), or master where the residual stream itself is
/// normalised.
template <class TY, Backend B, class TX>
Var<B, TY> layer_norm(const Var<B, TX>& x, const MasterVar<B>& gain, const MasterVar<B>& bias, double eps) {
  using M = typename B::master;
  B& b = x.backend();
  const index_t n = x.rows(), d = x.cols();
  expects_shape("layer_norm", "gain", gain.shape(), {1, d});
  expects_shape("layer_norm", "bias", bias.shape(), {1, d});
  const bool grad = x.needs_grad() || gain.needs_grad() || bias.needs_grad();
  Tensor<B, TY> y(b, n, d);
  auto mean = x.tape().keep(grad ? MasterTensor<B>(b, 1, n) : MasterTensor<B>());
  auto inverse = x.tape().keep(grad ? MasterTensor<B>(b, 1, n) : MasterTensor<B>());
  b.for_rows(n, row::LayerNorm<TX, TY, M>{x.value().ref(), gain.value().data(), bias.value().data(), y.ref(),
                                          mean->own.data(), inverse->own.data(), M(eps)});
  return x.tape().record(
      std::move(y), grad, [x, gain, bias = bias.gradient_only(), mean, inverse](const auto& dy) {
        B& be = x.backend();
        const M *mu = mean->get().data(), *inv = inverse->get().data();
        if (gain.needs_grad()) {
          MasterTensor<B> hat(be, x.rows(), x.cols());
          be.for_rows(x.rows(), row::Normalized<TX, M>{x.value().ref(), mu, inv, hat.ref()});
          const auto dg = gain.into();
          be.column_dots(dy->cref(), hat.cref(), dg.beta(), dg.data());
        }
        if (bias.needs_grad()) {
          const auto db = bias.into();
          be.column_sums(dy->cref(), db.beta(), db.data());
        }
        if (x.needs_grad()) {
          const auto dx = x.into();
          be.for_rows(x.rows(),
                      row::LayerNormGradient<TX, TY, M>{dy->ref(), x.value().ref(), gain.value().data(), mu,
                                                        inv, dx.ref(), !dx.fresh});
        }
      });
}

/// y = x / sqrt(mean(x^2) + eps) * gain                 gain [1, d]            Zhang and Sennrich 2019
/// x is [n, d], or [n, groups d]: each group is then a row of its own (the heads of Qwen3's queries and
/// keys).
template <class TY, Backend B, class TX>
Var<B, TY> rms_norm(const Var<B, TX>& x, const MasterVar<B>& gain, double eps) {
  using M = typename B::master;
  B& b = x.backend();
  const index_t d = gain.cols();
  expects<ShapeError>(gain.rows() == 1 && d > 0 && x.cols() % d == 0, "rms_norm: gain is ", gain.shape(),
                      ", x is ", x.shape(), "; expected a gain of [1, d] for x of [n, groups d]");
  const index_t n = x.rows() * (x.cols() / d);
  const bool grad = x.needs_grad() || gain.needs_grad();
  Tensor<B, TY> y(b, x.rows(), x.cols());
  auto inverse = x.tape().keep(grad ? MasterTensor<B>(b, 1, n) : MasterTensor<B>());
  b.for_rows(n, row::RmsNorm<TX, TY, M>{MatrixRef<const TX>(x.value().data(), n, d), gain.value().data(),
                                        MatrixRef<TY>(y.data(), n, d), inverse->own.data(), M(eps)});
  return x.tape().record(std::move(y), grad, [x, gain, inverse, n, d](const auto& dy) {
    B& be = x.backend();
    const M* inv = inverse->get().data();
    const MatrixRef<const TX> rows(x.value().data(), n, d);
    const MatrixRef<const TY> up(std::as_const(*dy).data(), n, d);
    if (gain.needs_grad()) {
      MasterTensor<B> hat(be, n, d);
      be.for_rows(n, row::Normalized<TX, M>{rows, nullptr, inv, hat.ref()});
      const auto dg = gain.into();
      be.column_dots(up, hat.cref(), dg.beta(), dg.data());
    }
    if (x.needs_grad()) {
      const auto dx = x.into();
      be.for_rows(n, row::RmsNormGradient<TX, TY, M>{up, rows, gain.value().data(), inv,
                                                     MatrixRef<TX>(dx.data(), n, d), !dx.fresh});
    }
  });
}

}  // namespace lorica
