// SPDX-License-Identifier: MIT
/// @file lorica/adapt/adapter/row_norms.hpp
/// |W_i + s delta W_i| of every row, for adapters that turn W: for B A and P diag(lambda) Q from thin
/// products alone, for any other parameterization by asking it row after row of the identity.
#pragma once

#include <lorica/adapt/adapter/update.hpp>
#include <lorica/adapt/parameterization/svd.hpp>

namespace lorica::adapt {

namespace detail {

/// delta W = left right, left [m, q], right [q, k]: a copy
template <Backend B> struct Product { MasterTensor<B> left, right; };

/// Rows of `to` from column `first` on: x d - c, with d and c optional.
template <class M> struct PutColumns {
  MatrixRef<const M> x;
  const M* d;  // [1, x.cols], or null
  MatrixRef<const M> c;
  MatrixRef<M> to;
  index_t first;
  LORICA_HD void operator()(index_t i) const {
    for (index_t j = 0; j < x.cols; ++j) {
      const M v = d != nullptr ? x.row(i)[j] * d[j] : x.row(i)[j];
      to.row(i)[first + j] = c.data != nullptr ? v - c.row(i)[j] : v;
    }
  }
};
template <Backend B> Product<B> product_of(B& b, const LowRank::factors<B>& f) {
  return {f.b.value.clone(b), f.a.value.clone(b)};
}
template <Backend B> Product<B> product_of(B& b, const Svd::factors<B>& f) {
  using M = typename B::master;
  MasterTensor<B> left(b, f.p.rows(), f.p.cols());
  b.for_rows(left.rows(), PutColumns<M>{f.p.value.cref(), f.lambda.value.data(), {}, left.ref(), 0});
  return {std::move(left), f.q.value.clone(b)};
}
/// B A - B0 A0 as one product of twice the rank: [B, B - B0] [A - A0; A0].
template <Backend B, class P, class Start> Product<B> product_of(B& b, const Update<P, Start, B>& u) {
  if constexpr (is_residual<Start>) {
    using M = typename B::master;
    const auto& f = u.factors;
    const index_t m = f.b.rows(), k = f.a.cols(), r = f.a.rows();
    Product<B> out{MasterTensor<B>(b, m, 2 * r), MasterTensor<B>(b, 2 * r, k)};
    const MatrixRef<const M> nothing;
    const auto a = f.a.value.cref(), a0 = u.held.a.cref(), up = f.b.value.cref(), b0 = u.held.b.cref();
    b.for_rows(m, PutColumns<M>{up, nullptr, nothing, out.left.ref(), 0});
    b.for_rows(m, PutColumns<M>{up, nullptr, b0, out.left.ref(), r});
    b.for_rows(r, PutColumns<M>{a, nullptr, a0, out.right.ref().slice(0, r), 0});
    b.for_rows(r, PutColumns<M>{a0, nullptr, nothing, out.right.ref().slice(r, r), 0});
    return out;
  } else {
    return product_of(b, u.factors);
  }
}

/// norm_i <- sqrt(|W_i|^2 + 2 s <W_i, D_i> + s^2 |D_i|^2), D = left right
template <class M, class T> struct NormOfSum {
  const M* base;             // |W_i|
  MatrixRef<const M> left;   // [m, q]
  MatrixRef<const T> cross;  // right W^T  [q, m]
  MatrixRef<const M> core;   // left right right^T  [m, q]
  M s;
  M* norm;
  LORICA_HD void operator()(index_t i) const {
    M v = base[i] * base[i];
    for (index_t l = 0; l < left.cols; ++l)
      v += s * left.row(i)[l] *
           (M(2) * static_cast<M>(convert<arithmetic_t<T>>(cross.row(l)[i])) + s * core.row(i)[l]);
    using std::sqrt;
    norm[i] = v > M(0) ? sqrt(v) : M(0);
  }
};
template <class T> struct IdentityRows {
  MatrixRef<T> x;
  index_t first;
  LORICA_HD void operator()(index_t i) const {
    for (index_t j = 0; j < x.cols; ++j) x.row(i)[j] = convert<T>(arithmetic_t<T>(j == first + i ? 1 : 0));
  }
};
struct Root {
  template <class V> LORICA_HD V operator()(V x) const {
    using std::sqrt;
    return sqrt(x);
  }
};

/// By rows of the identity, 64 at a time: as much as sending k tokens through the site.
template <Backend B, class P, class Start>
MasterTensor<B> row_norms_by_identity(B& b, Update<P, Start, B>& u, const WeightView<B>& w) {
  using M = typename B::master;
  using T = typename B::scalar;
  auto squares = zeros<M>(b, 1, w.rows());
  for (index_t first = 0; first < w.cols(); first += 64) {
    const index_t n = std::min<index_t>(64, w.cols() - first);
    Tensor<B> rows(b, n, w.cols());
    b.for_rows(n, IdentityRows<T>{rows.ref(), first});
    Tape<B> t(b, false);
    const auto x = t.constant(std::move(rows));
    const auto z = u.add_to(x, t.constant(w.product(b, x.value(), Trans::yes)));
    b.column_dots(z.value().cref(), z.value().cref(), M(1), squares.data());
  }
  MasterTensor<B> norm(b, 1, w.rows());
  b.map(norm.size(), Root{}, norm.data(), std::as_const(squares).data());
  return norm;
}

}  // namespace detail

/// |W_i + s delta W_i|, [1, m]; `base` holds |W_i|. At delta W = 0 these are `base` to the last bit (a user's
/// own parameterization: to rounding).
template <Backend B, class P, class Start>
MasterTensor<B> row_norms(B& b, Update<P, Start, B>& u, const MasterTensor<B>& base, const WeightView<B>& w) {
  using M = typename B::master;
  using T = typename B::scalar;
  if constexpr (requires { detail::product_of(b, u.factors); }) {
    const auto d = detail::product_of(b, u);
    const index_t q = d.right.rows();
    Tensor<B> right(b, q, d.right.cols());
    b.map(right.size(), fn::Copy{}, right.data(), d.right.data());
    const Tensor<B> cross = w.product(b, right, Trans::yes);
    MasterTensor<B> gram(b, q, q), core(b, w.rows(), q), norm(b, 1, w.rows());
    b.gemm(Trans::no, Trans::yes, M(1), d.right.cref(), d.right.cref(), M(0), gram.ref());
    b.gemm(Trans::no, Trans::no, M(1), d.left.cref(), gram.cref(), M(0), core.ref());
    b.for_each_index(w.rows(), detail::NormOfSum<M, T>{base.data(), d.left.cref(), cross.cref(), core.cref(),
                                                       M(u.scale), norm.data()});
    return norm;
  } else {
    return detail::row_norms_by_identity(b, u, w);
  }
}

}  // namespace lorica::adapt
