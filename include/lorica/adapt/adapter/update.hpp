// SPDX-License-Identifier: MIT
/// @file lorica/adapt/adapter/update.hpp
/// s delta W at one site, counted from a start: what Additive adds and Dora turns.
#pragma once

#include <lorica/adapt/adapter/start.hpp>
#include <lorica/adapt/parameterization/low_rank.hpp>
#include <lorica/autograd/elementwise_ops.hpp>

#include <optional>

namespace lorica::adapt {

namespace detail {
template <class Start> inline constexpr bool is_residual = Start::residual;
template <> inline constexpr bool is_residual<FromZero> = false;
/// A start whose B A is not 0: constants A0 [r, k] and B0 [m, r].
template <class Start, class B> struct Held {};
template <class Start, Backend B>
  requires(is_residual<Start>)
struct Held<Start, B> {
  MasterTensor<B> a, b;
};

/// x - c, with the gradient of x
template <Backend B> MasterVar<B> moved_from(const MasterVar<B>& x, const MasterTensor<B>& c) {
  B& b = x.backend();
  MasterTensor<B> y(b, x.rows(), x.cols());
  b.map(y.size(), fn::Subtract{}, y.data(), x.value().data(), c.data());
  return x.tape().passed_on(std::move(y), x);
}
}  // namespace detail

/// The factors of one site. With a residual start delta W = B A - B0 A0.
template <class P, class Start, Backend B> struct Update {
  typename P::template factors<B> factors;
  double scale = 1;
  Seed seed = 0;
  std::optional<std::uint64_t> draw = {};  // which dropout mask; none outside training
  detail::Held<Start, B> held = {};

  static Update begin(B& b, const typename P::config& shape, Start start, const SiteInfo& s,
                      const WeightView<B>& w, index_t rank, double scale, Seed seed) {
    Update u{P::make(b, s, shape, rank, seed), scale, seed};
    if constexpr (!std::same_as<Start, FromZero>) {
      constexpr bool pair = std::same_as<typename P::template factors<B>, LowRank::factors<B>>;
      static_assert(
          pair,
          "lorica: Additive, Dora: a start other than FromZero is a pair B A: the parameterization must be LowRank or "
          "FrozenA. See docs/concepts.md#adapter.");
      static_assert(PairStart<Start, B>,
                    "lorica: Additive, Dora: a start must model adapt::PairStart (residual, begin). See "
                    "docs/concepts.md#adapter.");
      if constexpr (pair) {
        const HostPair from = start.begin(b, s, w, rank, scale, seed);
        u.factors.a.value = MasterTensor<B>(b, rank, s.in, from.a.values);
        u.factors.b.value = MasterTensor<B>(b, s.out, rank, from.b.values);
        if constexpr (detail::is_residual<Start>)
          u.held = {u.factors.a.value.clone(b), u.factors.b.value.clone(b)};
      }
    }
    return u;
  }
  /// y + s x delta W^T. A residual start is counted as B (A - A0) + (B - B0) A0, which is 0 at the start to
  /// the last bit, and small while the factors have moved little.
  Var<B> add_to(const Var<B>& x, Var<B> y) {
    if constexpr (detail::is_residual<Start>) {
      using M = typename B::master;
      auto& t = x.tape();
      const auto a = P::a_on(t, factors), up = t.leaf(factors.b);
      const auto u = matmul_nt<M>(x, detail::moved_from<B>(a, held.a));
      const auto v = matmul_nt<M>(x, t.constant(held.a));
      y = add_product(std::move(y), u, up, scale);
      return add_product(std::move(y), v, detail::moved_from<B>(up, held.b), scale);
    } else if constexpr (requires { P::add_to(factors, x, y, scale); }) {
      return P::add_to(factors, x, std::move(y), scale);
    } else {
      return add(std::move(y), lorica::scale(P::apply(factors, x), scale));
    }
  }
  /// x, dropped where the pass trains
  Var<B> dropped(const Var<B>& x, double p, const SiteInfo& s) const {
    return draw ? lorica::dropout(x, p, Stream(seed, "adapter dropout", s.path, *draw)) : x;
  }
  /// z + s (dropped - x) (B0 A0)^T: dropout is of what trains; the start belongs to W, which sees all of x.
  Var<B> add_kept_start(const Var<B>& x, const Var<B>& dropped, Var<B> z) {
    if constexpr (detail::is_residual<Start>) {
      auto& t = x.tape();
      const auto gone = add(dropped, lorica::scale(x, -1.0));
      return add_product(std::move(z), matmul_nt<typename B::master>(gone, t.constant(held.a)),
                         t.constant(held.b), scale);
    } else {
      return z;
    }
  }
};

/// The learning rate of a factor as a multiple of the run's: the parameterization's word, or 1.
template <class P, Backend B> double factor_rate(const Parameter<B>& p) {
  if constexpr (requires { P::rate(p); })
    return P::rate(p);
  else
    return 1;
}
/// Whether a parameterization changes its gradients before the optimiser sees them.
template <class P, class B>
concept Preconditioned = requires(B& b, const typename P::config& c, typename P::template factors<B>& f) {
  P::precondition(b, c, f, 1.0);
};

}  // namespace lorica::adapt
