// SPDX-License-Identifier: MIT
/// @file lorica/autograd/low_rank_ops.hpp
/// Frozen linears that read the same x, each with a bias and a low-rank product beside its weight, as one
/// operation: what linear(), matmul_nt(), scale_columns(), add_product() and add_bias() say one after the
/// other. y begins as bias and low-rank product, in one pass, and the frozen product is added to it; the
/// projections of all of them are one product with x, forward and backward.
#pragma once

#include <lorica/autograd/elementwise_ops.hpp>
#include <lorica/autograd/linear_ops.hpp>

#include <algorithm>
#include <optional>
#include <span>

namespace lorica {

/// What is added to a linear: s x A^T diag(d) B^T, or nothing.       A [r, k], B [m, r], d [1, r] or none
template <Backend B> struct LowRankTerm {
  struct Factors {
    MasterVar<B> a, b;
    std::optional<MasterVar<B>> d = {};
  };
  std::optional<Factors> factors = {};
  double scale = 1;

  [[nodiscard]] index_t rank() const { return factors ? factors->a.rows() : 0; }
};

/// y = x W^T + 1 bias + what the term says. Weight and bias (may be null) must outlive the tape.
template <Backend B> struct AdaptedLinear {
  const Frozen<B>* weight;
  const MasterTensor<B>* bias;
  LowRankTerm<B> term;
};

namespace fn {
/// t_lj <- s d_l b_jl             b [m, r], t [r, m]; d may be null. One index an element of t.
template <class M> struct TurnFactor {
  MatrixRef<const M> b;
  const M* d;
  M s;
  M* t;
  LORICA_HD void operator()(index_t e) const {
    const index_t l = e / b.rows, j = e % b.rows;
    t[e] = (d != nullptr ? s * d[l] : s) * b.row(j)[l];
  }
};
/// y_i <- bias + sum_l u_il t_l, or that + y_i   u [n, r], t [r, m], y [n, m]; bias [1, m] may be null, r 0
/// Rows are made a few at once, one index a few: t, which may be larger than a cache, is read once for them.
template <class T, class M> struct LowRankRows {
  MatrixRef<const M> u, t;
  const M* bias;
  MatrixRef<T> y;
  bool adds = false;
  static constexpr index_t at_once = 4;

  [[nodiscard]] index_t count() const { return (y.rows + at_once - 1) / at_once; }
  LORICA_HD index_t cols() const { return y.cols; }
  LORICA_HD void operator()(index_t few) const {
    const index_t first = few * at_once;
    if (first + at_once <= y.rows) return four(first);
    for (index_t i = first; i < y.rows; ++i) one(i);
  }

 private:
  LORICA_HD void four(index_t i) const {
    using V = RowLanes<M>;
    const M *u_0 = u.row(i), *u_1 = u.row(i + 1), *u_2 = u.row(i + 2), *u_3 = u.row(i + 3);
    for (index_t j = 0; j < y.cols; j += V::count()) {
      const index_t left = y.cols - j;
      // By name: an array of sums leaves the registers where a compiler does not unroll.
      V sum_0 = bias != nullptr ? load<V>(bias + j, left) : V(0), sum_1 = sum_0, sum_2 = sum_0, sum_3 = sum_0;
      for (index_t l = 0; l < u.cols; ++l) {
        const V along = load<V>(t.row(l) + j, left);
        sum_0 += V(u_0[l]) * along;
        sum_1 += V(u_1[l]) * along;
        sum_2 += V(u_2[l]) * along;
        sum_3 += V(u_3[l]) * along;
      }
      put(y.row(i) + j, left, sum_0);
      put(y.row(i + 1) + j, left, sum_1);
      put(y.row(i + 2) + j, left, sum_2);
      put(y.row(i + 3) + j, left, sum_3);
    }
  }
  LORICA_HD void one(index_t i) const {
    using V = RowLanes<M>;
    const M* ui = u.row(i);
    for (index_t j = 0; j < y.cols; j += V::count()) {
      const index_t left = y.cols - j;
      V sum = bias != nullptr ? load<V>(bias + j, left) : V(0);
      for (index_t l = 0; l < u.cols; ++l) sum += V(ui[l]) * load<V>(t.row(l) + j, left);
      put(y.row(i) + j, left, sum);
    }
  }
  template <class V> LORICA_HD void put(T* to, index_t left, V sum) const {
    store(to, left, adds ? load<V>(to, left) + sum : sum);
  }
};
}  // namespace fn

namespace detail {

/// The linears of one x, from the forward pass to the backward pass.
template <Backend B> class AdaptedLinears : public std::enable_shared_from_this<AdaptedLinears<B>> {
 public:
  using T = typename B::scalar;
  using M = typename B::master;
  using Gradient = std::shared_ptr<Tensor<B>>;

  AdaptedLinears(const Var<B>& x, std::span<const AdaptedLinear<B>> linears) {
    for (const auto& l : linears) {
      const Shape w = l.weight->shape();
      expects<ShapeError>(x.cols() == w.cols, "adapted_linears: x is ", x.shape(), ", a weight ", w);
      if (l.bias != nullptr) expects_shape("adapted_linears", "the bias", l.bias->shape(), {1, w.rows});
      const index_t r = l.term.rank();
      if (r > 0) {
        const auto& f = *l.term.factors;
        expects_shape("adapted_linears", "A", f.a.shape(), {r, w.cols});
        expects_shape("adapted_linears", "B", f.b.shape(), {w.rows, r});
        if (f.d) expects_shape("adapted_linears", "d", f.d->shape(), {1, r});
        trains_down_ = trains_down_ || f.a.needs_grad();
        trains_ = trains_ || f.a.needs_grad() || f.b.needs_grad() || (f.d && f.d->needs_grad());
      }
      parts_.push_back({l, rank_, r, {}, {}});
      rank_ += r;
    }
    x_ = trains_down_ ? x.saved() : x.gradient_only();
  }

  /// `gelu`: where the GELU by tanh of the one linear goes, if the backend makes it in the product.
  std::vector<Var<B>> forward(const Var<B>& x, Tensor<B>* gelu = nullptr) {
    B& b = x.backend();
    auto& tape = x.tape();
    const index_t n = x.rows();
    stack(tape);
    if (rank_ > 0) {
      MasterTensor<B> u(b, n, rank_);
      b.gemm(Trans::no, Trans::yes, M(1), x.value().cref(), down(), M(0), u.ref());
      u_ = tape.keep(std::move(u));
    }
    std::vector<Tensor<B>> y;
    for (auto& p : parts_) y.push_back(output(b, x, p, gelu));
    const bool needs = x.needs_grad() || trains_;
    if (!needs || !tape.recording()) {
      std::vector<Var<B>> out;
      for (auto& t : y) out.push_back(tape.constant(std::move(t)));
      return out;
    }
    return on_tape(tape, std::move(y));
  }

 private:
  struct Part {
    AdaptedLinear<B> linear;
    index_t first, rank;                  // its columns of u
    std::shared_ptr<Value<B, M>> turned;  // s diag(d) B^T, [r, m]
    Gradient dy;
  };

  /// All A, one above the other, where there is more than one.
  void stack(Tape<B>& tape) {
    const bool several =
        std::ranges::any_of(parts_, [this](const Part& p) { return p.rank > 0 && p.rank < rank_; });
    if (!several) return;
    B& b = tape.backend();
    MasterTensor<B> all(b, rank_, parts_.front().linear.weight->cols());
    for (const auto& p : parts_)
      if (p.rank > 0) {
        const auto& a = p.linear.term.factors->a.value();
        b.copy(a.data(), all.ref().row(p.first), a.size());
      }
    stacked_ = tape.keep(std::move(all));
  }
  [[nodiscard]] MatrixRef<const M> down() const {
    if (stacked_) return stacked_->get().cref();
    for (const auto& p : parts_)
      if (p.rank > 0) return p.linear.term.factors->a.value().cref();
    return {};
  }
  [[nodiscard]] MatrixRef<const M> u_of(const Part& p) const {
    return p.rank > 0 ? u_->get().cref().columns(p.first, p.rank) : MatrixRef<const M>();
  }
  static MatrixRef<const M> turned_of(const Part& p) {
    return p.rank > 0 ? p.turned->get().cref() : MatrixRef<const M>();
  }
  Tensor<B> output(B& b, const Var<B>& x, Part& p, Tensor<B>* gelu) {
    const auto& l = p.linear;
    const M* bias = l.bias != nullptr ? l.bias->data() : nullptr;
    Tensor<B> y(b, x.rows(), l.weight->rows());
    if (p.rank == 0 && in_product(b, x, l, bias, M(0), y, gelu)) return y;
    const bool begun = p.rank > 0 || bias != nullptr;
    if (p.rank > 0) {
      const auto& f = *l.term.factors;
      MasterTensor<B> turned(b, p.rank, y.cols());
      b.for_each_index(turned.size(),
                       fn::TurnFactor<M>{f.b.value().ref(), f.d ? f.d->value().data() : nullptr,
                                         M(l.term.scale), turned.data()});
      p.turned = x.tape().keep(std::move(turned));
    }
    if (begun) {
      const fn::LowRankRows<T, M> begin{u_of(p), turned_of(p), bias, y.ref()};
      b.for_rows(begin.count(), begin);
    }
    if (p.rank > 0 && in_product(b, x, l, nullptr, M(1), y, gelu)) return y;
    b.multiply(x.value().cref(), l.weight->packed(), Trans::yes, begun ? M(1) : M(0), y.ref());
    return y;
  }
  /// y <- x W^T + 1 bias + beta y, and its GELU into `gelu` if one is asked for, where the backend does all
  /// of that in the product; false where not, or where there is nothing beside the product.
  static bool in_product(B& b, const Var<B>& x, const AdaptedLinear<B>& l, const M* bias, M beta,
                         Tensor<B>& y, Tensor<B>* gelu) {
    if (gelu != nullptr) {
      if constexpr (requires {
                      {b.multiply_gelu_tanh(x.value().cref(), l.weight->packed(), bias, beta, y.ref(),
                                            y.ref())};
                    }) {
        // What has begun is where GELU's result will be; the product's is another matrix.
        Tensor<B> z(b, y.rows(), y.cols());
        if (!b.multiply_gelu_tanh(x.value().cref(), l.weight->packed(), bias, beta, z.ref(), y.ref()))
          return false;
        *gelu = std::exchange(y, std::move(z));
        return true;
      }
    } else if (bias != nullptr) {
      if constexpr (requires { b.multiply_biased(x.value().cref(), l.weight->packed(), bias, y.ref()); })
        return b.multiply_biased(x.value().cref(), l.weight->packed(), bias, y.ref());
    }
    return false;
  }
  /// One value per linear. Where there are several, each only hands its gradient on; what was recorded before
  /// them runs after them, with all gradients there are.
  std::vector<Var<B>> on_tape(Tape<B>& tape, std::vector<Tensor<B>> y) {
    const auto self = this->shared_from_this();
    std::vector<Var<B>> out;
    if (y.size() == 1) {
      out.push_back(tape.record(std::move(y[0]), true, [self](const auto& dy) {
        self->parts_[0].dy = dy;
        self->backward();
      }));
      return out;
    }
    const auto together =
        tape.record(Tensor<B>(tape.backend(), 1, 1), true, [self](const auto&) { self->backward(); })
            .gradient_only();
    for (std::size_t i = 0; i < y.size(); ++i)
      out.push_back(tape.record(std::move(y[i]), true, [self, i, together](const auto& dy) {
        self->parts_[i].dy = dy;
        if (!together.slot()->grad) together.add_gradient(std::make_shared<Tensor<B>>());
      }));
    return out;
  }

  void backward() {
    B& b = x_.backend();
    if (x_.needs_grad())
      for (const auto& p : parts_)
        if (p.dy) {
          const auto dx = x_.into();
          b.multiply(p.dy->cref(), p.linear.weight->packed(), Trans::no, dx.beta(), dx.ref());
        }
    if (!trains_ && !(rank_ > 0 && x_.needs_grad())) return;
    index_t n = 0;
    for (const auto& p : parts_)
      if (p.dy) n = p.dy->rows();
    MasterTensor<B> du(b, n, rank_);  // of x A^T
    for (auto& p : parts_)
      if (p.rank > 0) through(b, p, du.ref().columns(p.first, p.rank));
    if (trains_down_) down_gradient(b, du);
    if (x_.needs_grad()) {
      const auto dx = x_.into();
      const fn::LowRankRows<T, M> add{du.cref(), down(), nullptr, dx.ref(), !dx.fresh};
      b.for_rows(add.count(), add);
    }
  }
  /// du of one linear, and the gradients of its B and d, which are made of s dy^T u [m, r] alone.
  void through(B& b, Part& p, MatrixRef<M> du) {
    if (!p.dy) {
      const fn::LowRankRows<M, M> zero{{}, {}, nullptr, du};
      b.for_rows(zero.count(), zero);
      return;
    }
    const auto& f = *p.linear.term.factors;
    if (trains_down_ || x_.needs_grad())
      b.gemm(Trans::no, Trans::yes, M(1), p.dy->cref(), turned_of(p), M(0), du);
    const M s = M(p.linear.term.scale);
    if (!f.d) {
      if (!f.b.needs_grad()) return;
      const auto db = f.b.into();
      b.gemm(Trans::yes, Trans::no, s, p.dy->cref(), u_of(p), db.beta(), db.ref());
      return;
    }
    if (!f.b.needs_grad() && !f.d->needs_grad()) return;
    MasterTensor<B> g(b, p.linear.weight->rows(), p.rank);
    b.gemm(Trans::yes, Trans::no, s, p.dy->cref(), u_of(p), M(0), g.ref());
    if (f.b.needs_grad()) {
      const auto db = f.b.into();
      b.for_rows(g.rows(), fn::ScaleColumns<M, M>{g.cref(), f.d->value().data(), db.ref(), !db.fresh});
    }
    if (f.d->needs_grad()) {
      const auto dd = f.d->into();
      b.column_dots(g.cref(), f.b.value().cref(), dd.beta(), dd.data());
    }
  }
  /// dA = du^T x: of all at once, where there are several.
  void down_gradient(B& b, const MasterTensor<B>& du) {
    const auto& x = x_.value();
    if (!stacked_) {
      for (const auto& p : parts_)
        if (p.rank > 0) {
          const auto da = p.linear.term.factors->a.into();
          b.gemm(Trans::yes, Trans::no, M(1), du.cref(), x.cref(), da.beta(), da.ref());
        }
      return;
    }
    MasterTensor<B> all(b, rank_, x.cols());
    b.gemm(Trans::yes, Trans::no, M(1), du.cref(), x.cref(), M(0), all.ref());
    for (const auto& p : parts_) {
      if (p.rank == 0 || !p.linear.term.factors->a.needs_grad()) continue;
      const auto da = p.linear.term.factors->a.into();
      const M* from = std::as_const(all).ref().row(p.first);
      if (da.fresh)
        b.copy(from, da.data(), da.tensor->size());
      else
        b.map(da.tensor->size(), fn::Add{}, da.data(), std::as_const(*da.tensor).data(), from);
    }
  }

  std::vector<Part> parts_;
  index_t rank_ = 0;  // of all together
  bool trains_ = false, trains_down_ = false;
  Var<B> x_;
  std::shared_ptr<Value<B, M>> u_, stacked_;
};

}  // namespace detail

/// y_i = x W_i^T + 1 bias_i + s_i x A_i^T diag(d_i) B_i^T            x [n, k], W_i [m_i, k], y_i [n, m_i]
/// LoRA, Hu et al. 2021, eq. (3), and AdaLoRA, Zhang et al. 2023, eq. (3), of all linears that read x. Saves
/// x where an A needs a gradient; keeps x A_i^T, and s diag(d) B^T. The gradient of x is gathered in this
/// order: the frozen products, first to last, then that of the projections.
template <Backend B>
std::vector<Var<B>> adapted_linears(const Var<B>& x, std::span<const AdaptedLinear<B>> linears) {
  return std::make_shared<detail::AdaptedLinears<B>>(x, linears)->forward(x);
}

/// gelu_tanh(y), y the one adapted linear of x
/// Keeps y alone, and what adapted_linears keeps. A backend that applies GELU in the product has it from
/// there; whoever saves it has it computed again by the functor, to rounding the same.
template <Backend B> Var<B> adapted_gelu_tanh(const Var<B>& x, const AdaptedLinear<B>& linear) {
  Tensor<B> ready;
  const auto y = std::make_shared<detail::AdaptedLinears<B>>(x, std::span(&linear, 1))->forward(x, &ready);
  return detail::elementwise<fn::GeluTanh, fn::GeluTanhGradient>(y.front(), std::move(ready));
}

}  // namespace lorica
