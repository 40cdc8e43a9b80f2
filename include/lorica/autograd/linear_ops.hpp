// SPDX-License-Identifier: MIT
/// @file lorica/autograd/linear_ops.hpp
/// Products and sums. n tokens (rows), k in-features, m out-features, r rank; types: activations are scalar,
/// parameters and rank-r projections master.
#pragma once

#include <lorica/autograd/tape.hpp>
#include <lorica/core/frozen.hpp>

namespace lorica {

/// y = x W^T with W frozen        x [n, k], W [m, k], y [n, m]
/// Keeps nothing: dx = dy W needs neither x nor y.
template <Backend B> Var<B> linear(const Var<B>& x, const Frozen<B>& w) {
  B& b = x.backend();
  expects<ShapeError>(x.cols() == w.cols(), "linear: x is ", x.shape(), ", the weight ", w.shape());
  Tensor<B> y(b, x.rows(), w.rows());
  b.multiply(x.value().cref(), w.packed(), Trans::yes, 0, y.ref());
  return x.tape().record(std::move(y), x.needs_grad(), [x = x.gradient_only(), w](const auto& dy) {
    const auto dx = x.into();
    x.backend().multiply(dy->cref(), w.packed(), Trans::no, dx.beta(), dx.ref());
  });
}

/// y = alpha x w^T                x [n, k], w [m, k], y [n, m]; each may be scalar or master
/// Saves x where w needs a gradient, keeps w where x does.
template <class TY, Backend B, class TX, class TW>
Var<B, TY> matmul_nt(const Var<B, TX>& x, const Var<B, TW>& w, double alpha = 1) {
  using M = typename B::master;
  B& b = x.backend();
  expects<ShapeError>(x.cols() == w.cols(), "matmul_nt: x is ", x.shape(), ", w ", w.shape());
  Tensor<B, TY> y(b, x.rows(), w.rows());
  b.gemm(Trans::no, Trans::yes, M(alpha), x.value().cref(), w.value().cref(), M(0), y.ref());
  return x.tape().record(
      std::move(y), x.needs_grad() || w.needs_grad(),
      [x = w.needs_grad() ? x.saved() : x.gradient_only(), w = x.needs_grad() ? w : w.gradient_only(),
       alpha](const auto& dy) {
        B& be = x.backend();
        if (x.needs_grad()) {
          const auto dx = x.into();
          be.gemm(Trans::no, Trans::no, M(alpha), dy->cref(), w.value().cref(), dx.beta(), dx.ref());
        }
        if (w.needs_grad()) {
          const auto dw = w.into();
          be.gemm(Trans::yes, Trans::no, M(alpha), dy->cref(), x.value().cref(), dw.beta(), dw.ref());
        }
      });
}
/// y = x W^T with W a parameter
template <Backend B> Var<B> linear(const Var<B>& x, const Parameter<B>& w) {
  return matmul_nt<typename B::scalar>(x, x.tape().leaf(w));
}

/// z = y + s u w^T                y, z [n, m]; u [n, r], w [m, r] master
/// Writes into y's memory when nobody else reads it. Keeps u and w. dy passes through.
template <Backend B> Var<B> add_product(Var<B> y, const MasterVar<B>& u, const MasterVar<B>& w, double s) {
  using M = typename B::master;
  B& b = u.backend();
  auto& tape = u.tape();
  expects<ShapeError>(u.cols() == w.cols() && y.shape() == Shape{u.rows(), w.rows()}, "add_product: y is ",
                      y.shape(), ", u ", u.shape(), ", w ", w.shape());
  const auto into_y = y.gradient_only();
  Tensor<B> z = y.reusable() != nullptr ? y.release() : y.value().clone(b);
  b.gemm(Trans::no, Trans::yes, M(s), u.value().cref(), w.value().cref(), M(1), z.ref());
  return tape.record(
      std::move(z), into_y.needs_grad() || u.needs_grad() || w.needs_grad(),
      [y = into_y, u, w, s](const auto& dz) {
        B& be = u.backend();
        if (u.needs_grad()) {
          const auto du = u.into();
          be.gemm(Trans::no, Trans::no, M(s), dz->cref(), w.value().cref(), du.beta(), du.ref());
        }
        if (w.needs_grad()) {
          const auto dw = w.into();
          be.gemm(Trans::yes, Trans::no, M(s), dz->cref(), u.value().cref(), dw.beta(), dw.ref());
        }
        if (y.needs_grad()) y.add_gradient(dz);
      });
}

namespace fn {
/// y_ij <- x_ij d_j (+ y_ij)
template <class T, class M> struct ScaleColumns {
  MatrixRef<const T> x;
  const M* d;
  MatrixRef<T> y;
  bool add;
  LORICA_HD index_t cols() const { return x.cols; }
  LORICA_HD void operator()(index_t i) const {
    using V = RowLanes<arithmetic_t<T>>;
    for (index_t j = 0; j < x.cols; j += V::count()) {
      const index_t left = x.cols - j;
      const V v = load<V>(x.row(i) + j, left) * load<V>(d + j, left);
      store(y.row(i) + j, left, add ? load<V>(y.row(i) + j, left) + v : v);
    }
  }
};
/// y_ij <- x_ij + d_j
template <class T, class M> struct AddRow {
  MatrixRef<const T> x;
  const M* d;
  MatrixRef<T> y;
  LORICA_HD index_t cols() const { return x.cols; }
  LORICA_HD void operator()(index_t i) const {
    using V = RowLanes<M>;
    for (index_t j = 0; j < x.cols; j += V::count())
      store(y.row(i) + j, x.cols - j, load<V>(x.row(i) + j, x.cols - j) + load<V>(d + j, x.cols - j));
  }
};
}  // namespace fn

/// y = x diag(d)                  x, y [n, m], d [1, m] master
/// Keeps x where d needs a gradient, d where x does.
template <Backend B, class T> Var<B, T> scale_columns(const Var<B, T>& x, const MasterVar<B>& d) {
  using M = typename B::master;
  B& b = x.backend();
  expects_shape("scale_columns", "d", d.shape(), {1, x.cols()});
  Tensor<B, T> y(b, x.rows(), x.cols());
  b.for_rows(x.rows(), fn::ScaleColumns<T, M>{x.value().ref(), d.value().data(), y.ref(), false});
  return x.tape().record(
      std::move(y), x.needs_grad() || d.needs_grad(),
      [x = d.needs_grad() ? x : x.gradient_only(),
       d = x.needs_grad() ? d : d.gradient_only()](const auto& dy) {
        B& be = d.backend();
        if (x.needs_grad()) {
          const auto dx = x.into();
          be.for_rows(dy->rows(), fn::ScaleColumns<T, M>{dy->cref(), d.value().data(), dx.ref(), !dx.fresh});
        }
        if (d.needs_grad()) {
          const auto dd = d.into();
          be.column_dots(dy->cref(), x.value().cref(), dd.beta(), dd.data());
        }
      });
}

/// y = x + 1 d                    x, y [n, m], d [1, m] master: a bias
/// Writes into x's memory when nobody else reads it. Keeps nothing.
template <Backend B, class T> Var<B, T> add_bias(Var<B, T> x, const MasterVar<B>& d) {
  B& b = d.backend();
  auto& tape = d.tape();
  expects_shape("add_bias", "the bias", d.shape(), {1, x.cols()});
  const auto into_x = x.gradient_only();
  Tensor<B, T>* reuse = x.reusable();
  Tensor<B, T> y = reuse != nullptr ? Tensor<B, T>() : Tensor<B, T>(b, x.rows(), x.cols());
  auto& to = reuse != nullptr ? *reuse : y;
  b.for_rows(x.rows(), fn::AddRow<T, typename B::master>{x.value().ref(), d.value().data(), to.ref()});
  if (reuse != nullptr) y = x.release();
  if (!d.needs_grad()) {
    // The sum has the gradient of x itself: the slot is passed on, and no step is recorded.
    return tape.passed_on(std::move(y), into_x);
  }
  return tape.record(std::move(y), true, [x = into_x, d = d.gradient_only()](const auto& dy) {
    const auto dd = d.into();
    d.backend().column_sums(dy->cref(), dd.beta(), dd.data());
    if (x.needs_grad()) x.add_gradient(dy);
  });
}

namespace detail {
/// z = x + y on the tape, its numbers still to be written: in x's memory when nobody else reads it.
/// write(from, to): to_i <- from_i + y_i.
template <Backend B, class TX, class TY, class Write>
Var<B, TX> sum_by(Var<B, TX> x, const Var<B, TY>& y, Write write) {
  B& b = y.backend();
  auto& tape = y.tape();
  expects_shape("add", "y", y.shape(), x.shape());
  const auto into_x = x.gradient_only();
  Tensor<B, TX>* reuse = x.reusable();
  Tensor<B, TX> z = reuse != nullptr ? Tensor<B, TX>() : Tensor<B, TX>(b, x.rows(), x.cols());
  write(x.value().cref(), reuse != nullptr ? reuse->ref() : z.ref());
  if (reuse != nullptr) z = x.release();
  return tape.record(std::move(z), into_x.needs_grad() || y.needs_grad(),
                     [x = into_x, y = y.gradient_only()](const auto& dz) {
                       if (y.needs_grad()) {
                         if constexpr (std::same_as<TX, TY>)
                           y.add_gradient(dz);
                         else
                           y.add_gradient(fn::Copy{}, *dz);
                       }
                       if (x.needs_grad()) x.add_gradient(dz);
                     });
}
}  // namespace detail

/// z = x + y, both [n, d]; TX is the type of the sum (the residual stream: master), y may be scalar
/// Keeps nothing.
template <Backend B, class TX, class TY> Var<B, TX> add(Var<B, TX> x, const Var<B, TY>& y) {
  return detail::sum_by(std::move(x), y, [&y](MatrixRef<const TX> from, MatrixRef<TX> to) {
    y.backend().map(to.size(), fn::Add{}, to.data, from.data, y.value().data());
  });
}

/// y = s x
/// Keeps nothing.
template <Backend B, class T> Var<B, T> scale(const Var<B, T>& x, double s) {
  using A = arithmetic_t<T>;
  B& b = x.backend();
  Tensor<B, T> y(b, x.rows(), x.cols());
  b.map(y.size(), fn::Scale<A>{A(s)}, y.data(), x.value().data());
  return x.tape().record(std::move(y), x.needs_grad(), [x = x.gradient_only(), s](const auto& dy) {
    x.add_gradient(fn::Scale<A>{A(s)}, *dy);
  });
}

/// The same numbers in another type: the residual stream to activations and back.
/// Saves x for who saves y.
template <class To, Backend B, class T> Var<B, To> cast(const Var<B, T>& x) {
  if constexpr (std::same_as<To, T>) {
    return x;
  } else {
    const auto made = [](const Var<B, T>& from) {
      B& b = from.backend();
      Tensor<B, To> y(b, from.rows(), from.cols());
      b.map(y.size(), fn::Copy{}, y.data(), from.value().data());
      return y;
    };
    return x.tape().record(
        made(x), x.needs_grad(), [x = x.gradient_only()](const auto& dy) { x.add_gradient(fn::Copy{}, *dy); },
        [x = x.saved(), made] { return made(x); });
  }
}

}  // namespace lorica
