// SPDX-License-Identifier: MIT
/// @file lorica/autograd/convolution_ops.hpp
/// Convolution along each sequence of a ragged batch: a product with the neighbours of every row, which are
/// zero beyond the ends of its sequence. The neighbours are laid side by side for the product and not kept.
#pragma once

#include <lorica/autograd/attention_ops.hpp>

namespace lorica {

/// `kernel` neighbours, an odd number, with the row itself in the middle; channels see those of their group.
struct ConvolutionShape {
  index_t kernel = 3;
  index_t groups = 1;
};

namespace fn {
/// Row i: its neighbours side by side.            x [n, d], y [n, d kernel], channel by channel
template <class T> struct Unfold {
  MatrixRef<const T> x;
  const std::int32_t* begin;
  const std::int32_t* end;
  index_t kernel;
  MatrixRef<T> y;
  LORICA_HD void operator()(index_t i) const {
    T* to = y.row(i);
    for (index_t l = 0; l < kernel; ++l) {
      const index_t j = i + l - kernel / 2;
      const bool inside = j >= begin[i] && j < end[i];
      for (index_t c = 0; c < x.cols; ++c)
        to[c * kernel + l] = inside ? x.row(j)[c] : convert<T>(arithmetic_t<T>(0));
    }
  }
};
/// Row j of the gradient: what it gave as a neighbour, gathered.     dy [n, d kernel], dx [n, d]
template <class T> struct Fold {
  MatrixRef<const T> dy;
  const std::int32_t* begin;
  const std::int32_t* end;
  index_t kernel;
  MatrixRef<T> dx;
  bool add;
  LORICA_HD void operator()(index_t j) const {
    using A = arithmetic_t<T>;
    T* to = dx.row(j);
    for (index_t c = 0; c < dx.cols; ++c) {
      A sum = add ? convert<A>(to[c]) : A(0);
      for (index_t l = 0; l < kernel; ++l) {
        const index_t i = j - l + kernel / 2;
        if (i >= begin[j] && i < end[j]) sum += convert<A>(dy.row(i)[c * kernel + l]);
      }
      to[c] = convert<T>(sum);
    }
  }
};
}  // namespace fn

namespace detail {
template <Backend B> Tensor<B> unfolded(const Var<B>& x, const Ragged<B>& where, const ConvolutionShape& s) {
  B& b = x.backend();
  Tensor<B> u(b, x.rows(), x.cols() * s.kernel);
  b.for_rows(x.rows(), fn::Unfold<typename B::scalar>{x.value().ref(), where.begin.data(), where.end.data(),
                                                      s.kernel, u.ref()});
  return u;
}
/// Group g of so many: its share of the columns, or of the rows, of a matrix.
template <class T> MatrixRef<T> group_columns(MatrixRef<T> m, index_t g, index_t groups) {
  return m.columns(g * (m.cols / groups), m.cols / groups);
}
template <class T> MatrixRef<T> group_rows(MatrixRef<T> m, index_t g, index_t groups) {
  return m.slice(g * (m.rows / groups), m.rows / groups);
}
}  // namespace detail

/// y_i = sum over l of W_l x_(i + l - kernel / 2), within the sequence of i
///     x [n, d], y [n, m]; w [m, d / groups * kernel], entry (o, c kernel + l) that of channel c of o's group
///     at l
/// As a 1-d convolution of PyTorch with padding (kernel - 1) / 2 over each sequence by itself, without bias.
/// Keeps x where w needs a gradient, w where x does. `where` must outlive the tape.
template <Backend B, class TW>
Var<B> convolution(const Var<B>& x, const Var<B, TW>& w, const Ragged<B>& where, const ConvolutionShape& s) {
  using T = typename B::scalar;
  using M = typename B::master;
  B& b = x.backend();
  expects(s.kernel > 0 && s.kernel % 2 == 1, "convolution: a kernel of ", s.kernel,
          ", expected an odd number");
  expects(s.groups > 0 && x.cols() % s.groups == 0 && w.rows() % s.groups == 0, "convolution: ", x.cols(),
          " channels in and ", w.rows(), " out do not divide into ", s.groups, " groups");
  expects_shape("convolution", "x", x.shape(), {where.rows(), x.cols()});
  expects_shape("convolution", "w", w.shape(), {w.rows(), x.cols() / s.groups * s.kernel});
  Tensor<B> y(b, x.rows(), w.rows());
  const Tensor<B> u = detail::unfolded(x, where, s);
  for (index_t g = 0; g < s.groups; ++g)
    b.gemm(Trans::no, Trans::yes, M(1), detail::group_columns(u.ref(), g, s.groups),
           detail::group_rows(w.value().ref(), g, s.groups), M(0),
           detail::group_columns(y.ref(), g, s.groups));
  return x.tape().record(
      std::move(y), x.needs_grad() || w.needs_grad(),
      [x = w.needs_grad() ? x : x.gradient_only(), w = x.needs_grad() ? w : w.gradient_only(), d = x.cols(),
       &where, s](const auto& dy) {
        B& be = x.backend();
        if (w.needs_grad()) {
          const Tensor<B> neighbours = detail::unfolded(x, where, s);
          const auto dw = w.into();
          for (index_t g = 0; g < s.groups; ++g)
            be.gemm(Trans::yes, Trans::no, M(1), detail::group_columns(dy->cref(), g, s.groups),
                    detail::group_columns(neighbours.cref(), g, s.groups), dw.beta(),
                    detail::group_rows(dw.ref(), g, s.groups));
        }
        if (x.needs_grad()) {
          Tensor<B> du(be, dy->rows(), d * s.kernel);
          for (index_t g = 0; g < s.groups; ++g)
            be.gemm(Trans::no, Trans::no, M(1), detail::group_columns(dy->cref(), g, s.groups),
                    detail::group_rows(w.value().cref(), g, s.groups), M(0),
                    detail::group_columns(du.ref(), g, s.groups));
          const auto dx = x.into();
          be.for_rows(du.rows(), fn::Fold<T>{du.cref(), where.begin.data(), where.end.data(), s.kernel,
                                             dx.ref(), !dx.fresh});
        }
      });
}

}  // namespace lorica
