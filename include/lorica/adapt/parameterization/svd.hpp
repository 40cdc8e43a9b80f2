// SPDX-License-Identifier: MIT
/// @file lorica/adapt/parameterization/svd.hpp
/// delta W = P diag(lambda) Q        AdaLoRA, Zhang et al. 2023, eq. (3)
#pragma once

#include <lorica/adapt/parameterization/concept.hpp>

namespace lorica::adapt {

/// Q [r, k] and P [m, r] start as N(0, sigma^2), lambda [1, r] as 0, as in the authors' code. A regulariser
/// keeps the rows of Q and the columns of P orthonormal; `orthogonality` is its weight (the authors' default
/// 0.1; see orthogonality.hpp).
struct Svd {
  static constexpr const char* name = "svd";
  struct config {
    double sigma = 0.02;
    double orthogonality = 0.1;
    friend bool operator==(const config&, const config&) = default;
  };
  template <Backend B> struct factors { Parameter<B> q, p, lambda; };

  template <Backend B>
  static factors<B> make(B& b, const SiteInfo& s, const config& c, index_t rank, Seed seed) {
    using M = MasterTensor<B>;
    return {
        {s.path + ".Q", M(b, rank, s.in, normals(Stream(seed, "init Q", s.path), rank * s.in, c.sigma)), {}},
        {s.path + ".P",
         M(b, s.out, rank, normals(Stream(seed, "init P", s.path), s.out * rank, c.sigma)),
         {}},
        {s.path + ".lambda", zeros<typename B::master>(b, 1, rank), {}}};
  }
  template <Backend B> static Var<B> apply(factors<B>& f, const Var<B>& x) {
    return matmul_nt<typename B::scalar>(down(f, x), x.tape().leaf(f.p));
  }
  template <Backend B> static Var<B> add_to(factors<B>& f, const Var<B>& x, Var<B> y, double s) {
    const auto u = down(f, x);
    return add_product(std::move(y), u, x.tape().leaf(f.p), s);
  }
  using says_term = Svd;
  template <Backend B> static LowRankTerm<B> term(Tape<B>& t, factors<B>& f, double s) {
    return {{{t.leaf(f.q), t.leaf(f.p), t.leaf(f.lambda)}}, s};
  }
  /// In the order in which the authors' code adds the scores of a triplet.
  template <Backend B, class F> static void for_each(factors<B>& f, F visit) {
    visit(Factor<B>{&f.q, Along::rows});
    visit(Factor<B>{&f.p, Along::cols});
    visit(Factor<B>{&f.lambda, Along::cols});
  }
  template <Backend B> static Factor<B> silencer(factors<B>& f) { return {&f.lambda, Along::cols}; }
  template <Backend B, class F> static void orthogonal(factors<B>& f, F visit) {
    visit(Factor<B>{&f.q, Along::rows});
    visit(Factor<B>{&f.p, Along::cols});
  }

 private:
  /// u = x Q^T diag(lambda)       [n, r], master
  template <Backend B> static MasterVar<B> down(factors<B>& f, const Var<B>& x) {
    auto& t = x.tape();
    return scale_columns(matmul_nt<typename B::master>(x, t.leaf(f.q)), t.leaf(f.lambda));
  }
};

}  // namespace lorica::adapt
