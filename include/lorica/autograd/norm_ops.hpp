// SPDX-License-Identifier: MIT
/// @file lorica/autograd/norm_ops.hpp
/// Normalisation of rows: x [n, d] of the residual stream in, activations out. Each keeps x and one or two
/// numbers a row; the normalised rows, and y for who saves it, are rebuilt in the backward pass. Behind a sum
/// that nobody has read yet, sum and norm are one pass over the rows.
#pragma once

#include <lorica/autograd/linear_ops.hpp>
#include <lorica/core/row.hpp>

namespace lorica {

namespace detail {

/// `first` is done to every row of x before it is normalised.
template <class TY, Backend B, class TX, class First>
Var<B, TY> layer_norm(const Var<B, TX>& x, const MasterVar<B>& gain, const MasterVar<B>& bias, double eps,
                      const First& first) {
  using M = typename B::master;
  B& b = x.backend();
  const index_t n = x.rows(), d = x.cols();
  expects_shape("layer_norm", "gain", gain.shape(), {1, d});
  expects_shape("layer_norm", "bias", bias.shape(), {1, d});
  const bool grad = x.needs_grad() || gain.needs_grad() || bias.needs_grad();
  auto mean = x.tape().keep(grad ? MasterTensor<B>(b, 1, n) : MasterTensor<B>());
  auto inverse = x.tape().keep(grad ? MasterTensor<B>(b, 1, n) : MasterTensor<B>());
  const auto norm_into = [x, gain, bias, eps](Tensor<B, TY>& y, M* mu, M* inv) {
    return row::LayerNorm<TX, TY, M>{
        x.value().ref(), gain.value().data(), bias.value().data(), y.ref(), mu, inv, M(eps)};
  };
  Tensor<B, TY> y(b, n, d);
  const auto norm = norm_into(y, mean->own.data(), inverse->own.data());
  b.for_rows(n, row::InTurn<First, std::remove_const_t<decltype(norm)>>{first, norm});
  return x.tape().record(
      std::move(y), grad,
      [x, gain, bias = bias.gradient_only(), mean, inverse](const auto& dy) {
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
      },
      [x, norm_into] {
        Tensor<B, TY> again(x.backend(), x.rows(), x.cols());
        x.backend().for_rows(x.rows(), norm_into(again, nullptr, nullptr));
        return again;
      });
}
template <class TY, Backend B, class TX, class First>
Var<B, TY> rms_norm(const Var<B, TX>& x, const MasterVar<B>& gain, double eps, const First& first) {
  using M = typename B::master;
  B& b = x.backend();
  const index_t d = gain.cols();
  expects<ShapeError>(gain.rows() == 1 && d > 0 && x.cols() % d == 0, "rms_norm: gain is ", gain.shape(),
                      ", x is ", x.shape(), "; expected a gain of [1, d] for x of [n, groups d]");
  const index_t n = x.rows() * (x.cols() / d);
  const bool grad = x.needs_grad() || gain.needs_grad();
  auto inverse = x.tape().keep(grad ? MasterTensor<B>(b, 1, n) : MasterTensor<B>());
  const auto norm_into = [x, gain, n, d, eps](Tensor<B, TY>& y, M* inv) {
    return row::RmsNorm<TX, TY, M>{MatrixRef<const TX>(x.value().data(), n, d), gain.value().data(),
                                   MatrixRef<TY>(y.data(), n, d), inv, M(eps)};
  };
  Tensor<B, TY> y(b, x.rows(), x.cols());
  const auto norm = norm_into(y, inverse->own.data());
  b.for_rows(n, row::InTurn<First, std::remove_const_t<decltype(norm)>>{first, norm});
  return x.tape().record(
      std::move(y), grad,
      [x, gain, inverse, n, d](const auto& dy) {
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
      },
      [x, n, norm_into] {
        Tensor<B, TY> again(x.backend(), x.rows(), x.cols());
        x.backend().for_rows(n, norm_into(again, nullptr));
        return again;
      });
}
/// x + y on the tape, and what writes its rows.
template <Backend B, class TX, class TB> struct UnwrittenSum {
  row::AddRows<TX, TB> rows = {};
  Var<B, TX> z;
  UnwrittenSum(Var<B, TX> x, const Var<B, TB>& y)
      : z(sum_by(std::move(x), y, [&](MatrixRef<const TX> from, MatrixRef<TX> to) {
          rows = {from, y.value().cref(), to};
        })) {}
};

}  // namespace detail

/// y = (x - mean) / sqrt(var + eps) * gain + bias       gain, bias [1, d]      Ba et al. 2016
/// TY is the type of y: the backend's scalar (default), or master where the residual stream itself is
/// normalised.
template <class TY, Backend B, class TX>
Var<B, TY> layer_norm(const Var<B, TX>& x, const MasterVar<B>& gain, const MasterVar<B>& bias, double eps) {
  return detail::layer_norm<TY>(x, gain, bias, eps, row::AsItIs{});
}
/// z = x + y and its layer_norm, in one pass            x, y, z [n, d]; y may be scalar
template <class TY, Backend B, class TX, class TB>
std::pair<Var<B, TX>, Var<B, TY>> add_layer_norm(Var<B, TX> x, const Var<B, TB>& y, const MasterVar<B>& gain,
                                                 const MasterVar<B>& bias, double eps) {
  detail::UnwrittenSum<B, TX, TB> sum(std::move(x), y);
  auto normed = detail::layer_norm<TY>(sum.z, gain, bias, eps, sum.rows);
  return {std::move(sum.z), std::move(normed)};
}

/// y = x / sqrt(mean(x^2) + eps) * gain                 gain [1, d]            Zhang and Sennrich 2019
/// x is [n, d], or [n, groups d]: each group is then a row of its own (the heads of Qwen3's queries and
/// keys).
template <class TY, Backend B, class TX>
Var<B, TY> rms_norm(const Var<B, TX>& x, const MasterVar<B>& gain, double eps) {
  return detail::rms_norm<TY>(x, gain, eps, row::AsItIs{});
}
/// z = x + y and its rms_norm, in one pass              x, y, z [n, d]; y may be scalar
template <class TY, Backend B, class TX, class TB>
std::pair<Var<B, TX>, Var<B, TY>> add_rms_norm(Var<B, TX> x, const Var<B, TB>& y, const MasterVar<B>& gain,
                                               double eps) {
  expects_shape("add_rms_norm", "gain", gain.shape(), {1, x.cols()});
  detail::UnwrittenSum<B, TX, TB> sum(std::move(x), y);
  auto normed = detail::rms_norm<TY>(sum.z, gain, eps, sum.rows);
  return {std::move(sum.z), std::move(normed)};
}

}  // namespace lorica
