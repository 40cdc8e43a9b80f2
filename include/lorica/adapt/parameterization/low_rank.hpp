// SPDX-License-Identifier: MIT
/// @file lorica/adapt/parameterization/low_rank.hpp
/// delta W = B A        LoRA, Hu et al. 2021, eq. (3)
#pragma once

#include <lorica/adapt/parameterization/concept.hpp>

namespace lorica::adapt {

/// A [r, k] starts as U(-gain/sqrt(k), gain/sqrt(k)), B [m, r] as 0. With gain 1 that is Hugging Face PEFT's
/// default, the paper's Gaussian in all but shape: Var(A) = 1/(3k).
struct LowRank {
  static constexpr const char* name = "low_rank";
  struct config {
    double gain = 1;
    friend bool operator==(const config&, const config&) = default;
  };
  template <Backend B> struct factors { Parameter<B> a, b; };

  /// The numbers of draw `draw` of A at a site; draw 0 is the one an adapter starts from.
  static std::vector<double> draw(const SiteInfo& s, const config& c, index_t rank, Seed seed,
                                  std::uint64_t draw = 0) {
    return uniforms(Stream(seed, "init A", s.path, draw), rank * s.in, c.gain / std::sqrt(double(s.in)));
  }
  template <Backend B>
  static factors<B> make(B& b, const SiteInfo& s, const config& c, index_t rank, Seed seed) {
    return {{s.path + ".A", MasterTensor<B>(b, rank, s.in, draw(s, c, rank, seed)), {}},
            {s.path + ".B", zeros<typename B::master>(b, s.out, rank), {}}};
  }
  template <Backend B> static Var<B> apply(factors<B>& f, const Var<B>& x) {
    return matmul_nt<typename B::scalar>(down(f, x), x.tape().leaf(f.b));
  }
  template <Backend B> static Var<B> add_to(factors<B>& f, const Var<B>& x, Var<B> y, double s) {
    const auto u = down(f, x);
    return add_product(std::move(y), u, x.tape().leaf(f.b), s);
  }
  /// The same as operands, for a site that is computed as one operation.
  using says_term = LowRank;
  template <Backend B> static LowRankTerm<B> term(Tape<B>& t, factors<B>& f, double s) {
    return {{{t.leaf(f.a), t.leaf(f.b), {}}}, s};
  }
  template <Backend B, class F> static void for_each(factors<B>& f, F visit) {
    visit(Factor<B>{&f.a, Along::rows});
    visit(Factor<B>{&f.b, Along::cols});
  }
  /// A as an operand on a tape: what a start is counted from, and FrozenA, ask for.
  template <Backend B> static MasterVar<B> a_on(Tape<B>& t, factors<B>& f) { return t.leaf(f.a); }
  /// B's column: A stays, so the direction may return. Both at zero would be dead for ever.
  template <Backend B> static Factor<B> silencer(factors<B>& f) { return {&f.b, Along::cols}; }

 private:
  /// u = x A^T                    [n, r], master
  template <Backend B> static MasterVar<B> down(factors<B>& f, const Var<B>& x) {
    return matmul_nt<typename B::master>(x, x.tape().leaf(f.a));
  }
};

}  // namespace lorica::adapt
