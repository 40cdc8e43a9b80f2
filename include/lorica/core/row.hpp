// SPDX-License-Identifier: MIT
/// @file lorica/core/row.hpp
/// What is done to whole rows: softmax, normalisation, the loss of a row of logits, rotation. Written once,
/// host and device; a backend calls them for every row at once. Statistics are computed in the wider type of
/// the row.
#pragma once

#include <lorica/core/math.hpp>
#include <lorica/core/matrix.hpp>

namespace lorica::row {

/// x_j <- exp(scale x_j - lse), lse = log sum_j exp(scale x_j), over the first `valid`; zero up to n. Returns
/// lse.
template <class T> LORICA_HD inline T softmax(T* x, index_t valid, index_t n, T scale) {
  using V = RowLanes<T>;
  constexpr T low = T(-3e38f);
  V most(low);
  for (index_t j = 0; j < valid; j += V::count()) most = larger(most, load<V>(x + j, valid - j, low));
  const T top = largest(most) * scale;
  V total(0);
  for (index_t j = 0; j < valid; j += V::count()) {
    const V e = first_of(math::exp(load<V>(x + j, valid - j, T(0)) * V(scale) - V(top)), valid - j);
    total += e;
    store(x + j, valid - j, e);
  }
  const T s = sum(total), inverse = T(1) / s;
  for (index_t j = 0; j < valid; j += V::count())
    store(x + j, valid - j, load<V>(x + j, valid - j) * V(inverse));
  for (index_t j = valid; j < n; j += V::count()) store(x + j, n - j, V(0));
  using std::log;
  return top + log(s);
}

/// z_i <- x_i + y_i; z may be x.
template <class X, class Y> struct AddRows {
  MatrixRef<const X> x;
  MatrixRef<const Y> y;
  MatrixRef<X> z;
  LORICA_HD index_t cols() const { return z.cols; }
  LORICA_HD void operator()(index_t i) const {
    using V = RowLanes<arithmetic_t<X>>;
    for (index_t j = 0; j < z.cols; j += V::count())
      store(z.row(i) + j, z.cols - j, load<V>(x.row(i) + j, z.cols - j) + load<V>(y.row(i) + j, z.cols - j));
  }
};
/// Nothing is to be done to a row.
struct AsItIs {
  LORICA_HD void operator()(index_t) const {}
};
/// First one thing and then another, row by row, while the row is at hand.
template <class First, class Second> struct InTurn {
  First first;
  Second second;
  LORICA_HD index_t cols() const { return second.cols(); }
  LORICA_HD void operator()(index_t i) const {
    first(i);
    second(i);
  }
};

/// y = (x - mean) / sqrt(var + eps) * gain + bias over each row; keeps mean and 1/sqrt(var + eps).   x, y [n,
/// d]
template <class X, class Y, class M> struct LayerNorm {
  MatrixRef<const X> x;
  const M* gain;
  const M* bias;
  MatrixRef<Y> y;
  M* mean;     // [n], may be null
  M* inverse;  // [n], may be null
  M eps;
  LORICA_HD index_t cols() const { return x.cols; }
  LORICA_HD void operator()(index_t i) const {
    using V = RowLanes<M>;
    const X* p = x.row(i);
    Y* q = y.row(i);
    const index_t d = x.cols;
    V total(0);
    for (index_t j = 0; j < d; j += V::count()) total += load<V>(p + j, d - j);
    const M mu = sum(total) / M(d);
    V squares(0);
    for (index_t j = 0; j < d; j += V::count()) {
      const V c = load<V>(p + j, d - j, mu) - V(mu);
      squares += c * c;
    }
    using std::sqrt;
    const M inv = M(1) / sqrt(sum(squares) / M(d) + eps);
    for (index_t j = 0; j < d; j += V::count())
      store(q + j, d - j,
            (load<V>(p + j, d - j) - V(mu)) * V(inv) * load<V>(gain + j, d - j) + load<V>(bias + j, d - j));
    if (mean != nullptr) mean[i] = mu;
    if (inverse != nullptr) inverse[i] = inv;
  }
};
/// dx (+)= inv (g - mean(g) - xhat mean(g xhat)), g = dy gain; adds where `add` is set.
template <class X, class Y, class M> struct LayerNormGradient {
  MatrixRef<const Y> dy;
  MatrixRef<const X> x;
  const M* gain;
  const M* mean;
  const M* inverse;
  MatrixRef<X> dx;
  bool add;
  LORICA_HD index_t cols() const { return x.cols; }
  LORICA_HD void operator()(index_t i) const {
    using V = RowLanes<M>;
    const Y* g = dy.row(i);
    const X* p = x.row(i);
    X* out = dx.row(i);
    const index_t d = x.cols;
    const V mu(mean[i]), inv(inverse[i]);
    V total(0), against(0);
    for (index_t j = 0; j < d; j += V::count()) {
      const V h = load<V>(g + j, d - j) * load<V>(gain + j, d - j);
      total += h;
      against += h * (load<V>(p + j, d - j) - mu) * inv;
    }
    const V a(sum(total) / M(d)), c(sum(against) / M(d));
    for (index_t j = 0; j < d; j += V::count()) {
      const V h = load<V>(g + j, d - j) * load<V>(gain + j, d - j);
      V v = inv * (h - a - (load<V>(p + j, d - j) - mu) * inv * c);
      if (add) v += load<V>(out + j, d - j);
      store(out + j, d - j, v);
    }
  }
};
/// xhat = (x - mean) inv, for the gradient of the gain; with mean null, x inv.
template <class X, class M> struct Normalized {
  MatrixRef<const X> x;
  const M* mean;
  const M* inverse;
  MatrixRef<M> y;
  LORICA_HD index_t cols() const { return x.cols; }
  LORICA_HD void operator()(index_t i) const {
    using V = RowLanes<M>;
    const V mu(mean == nullptr ? M(0) : mean[i]), inv(inverse[i]);
    for (index_t j = 0; j < x.cols; j += V::count())
      store(y.row(i) + j, x.cols - j, (load<V>(x.row(i) + j, x.cols - j) - mu) * inv);
  }
};

/// y = x / sqrt(mean(x^2) + eps) * gain; keeps 1/sqrt(.).   x, y [n, d]
template <class X, class Y, class M> struct RmsNorm {
  MatrixRef<const X> x;
  const M* gain;
  MatrixRef<Y> y;
  M* inverse;  // [n], may be null
  M eps;
  LORICA_HD index_t cols() const { return x.cols; }
  LORICA_HD void operator()(index_t i) const {
    using V = RowLanes<M>;
    const X* p = x.row(i);
    const index_t d = x.cols;
    V squares(0);
    for (index_t j = 0; j < d; j += V::count()) {
      const V v = load<V>(p + j, d - j);
      squares += v * v;
    }
    using std::sqrt;
    const M inv = M(1) / sqrt(sum(squares) / M(d) + eps);
    for (index_t j = 0; j < d; j += V::count())
      store(y.row(i) + j, d - j, load<V>(p + j, d - j) * V(inv) * load<V>(gain + j, d - j));
    if (inverse != nullptr) inverse[i] = inv;
  }
};
/// dx (+)= inv (g - xhat mean(g xhat)), g = dy gain, xhat = x inv.
template <class X, class Y, class M> struct RmsNormGradient {
  MatrixRef<const Y> dy;
  MatrixRef<const X> x;
  const M* gain;
  const M* inverse;
  MatrixRef<X> dx;
  bool add;
  LORICA_HD index_t cols() const { return x.cols; }
  LORICA_HD void operator()(index_t i) const {
    using V = RowLanes<M>;
    const Y* g = dy.row(i);
    const X* p = x.row(i);
    X* out = dx.row(i);
    const index_t d = x.cols;
    const V inv(inverse[i]);
    V against(0);
    for (index_t j = 0; j < d; j += V::count())
      against += load<V>(g + j, d - j) * load<V>(gain + j, d - j) * load<V>(p + j, d - j) * inv;
    const V c(sum(against) / M(d));
    for (index_t j = 0; j < d; j += V::count()) {
      V v = inv * (load<V>(g + j, d - j) * load<V>(gain + j, d - j) - load<V>(p + j, d - j) * inv * c);
      if (add) v += load<V>(out + j, d - j);
      store(out + j, d - j, v);
    }
  }
};

/// Row i of logits z [n, V] with target t: loss_i = log sum exp(z) - z_t; z is overwritten by softmax(z) -
/// onehot(t) where `gradient` is set.
template <class M> struct CrossEntropy {
  MatrixRef<M> logits;
  const std::int32_t* target;  // [n]
  M* loss;                     // [n]
  bool gradient;
  LORICA_HD index_t cols() const { return logits.cols; }
  LORICA_HD void operator()(index_t i) const {
    M* z = logits.row(i);
    const std::int32_t t = target[i];
    const M at_target = z[t];
    loss[i] = softmax(z, logits.cols, logits.cols, M(1)) - at_target;
    if (gradient) add_at<RowLanes<M>>(z, t, M(-1));
  }
};

}  // namespace lorica::row
