// SPDX-License-Identifier: MIT
// What methods are measured against: all of a weight trained, and nothing but biases.
#pragma once

#include <lorica/adapt/adapter/additive.hpp>
#include <lorica/adapt/adapter/biased.hpp>

namespace lorica::cli {

/// A scale of 1, whatever the rank.
struct Unscaled {
  double operator()(index_t) const { return 1; }
  friend bool operator==(const Unscaled&, const Unscaled&) = default;
};

/// delta W itself, k m numbers, as B A of the full rank min(k, m): the square factor is the identity and
/// frozen, the other is delta W. What reads LoRA reads it.
struct Whole : adapt::LowRank {
  static constexpr const char* name = "whole";

  template <Backend B> static factors<B> make(B& b, const SiteInfo& s, const config&, index_t rank, Seed) {
    expects(rank == std::min(s.in, s.out), "the whole of ", s.path, " has rank ", std::min(s.in, s.out),
            ", not ", rank);
    using M = typename B::master;
    std::vector<double> one(static_cast<std::size_t>(rank * rank), 0.0);
    for (index_t i = 0; i < rank; ++i) one[static_cast<std::size_t>(i * rank + i)] = 1;
    MasterTensor<B> identity(b, rank, rank, one);
    if (s.in <= s.out)
      return {{s.path + ".frozen.A", std::move(identity), {}}, {s.path + ".B", zeros<M>(b, s.out, rank), {}}};
    return {{s.path + ".A", zeros<M>(b, rank, s.in), {}}, {s.path + ".frozen.B", std::move(identity), {}}};
  }
  template <Backend B> static Var<B> apply(factors<B>& f, const Var<B>& x) {
    return matmul_nt<typename B::scalar>(x, x.tape().leaf(frozen(f.a) ? f.b : f.a));
  }
  template <Backend B> static Var<B> add_to(factors<B>& f, const Var<B>& x, Var<B> y, double s) {
    return add(std::move(y), lorica::scale(apply(f, x), s));
  }
  template <Backend B> static double rate(const Parameter<B>& p) { return frozen(p) ? 0 : 1; }

 private:
  template <Backend B> static bool frozen(const Parameter<B>& p) {
    return p.name.ends_with(".frozen.A") || p.name.ends_with(".frozen.B");
  }
};

/// y + b at every site, and nothing else: BitFit (Ben Zaken et al. 2021) but for the biases of norms. Its
/// factors, of rank 1 and B = 0, never train.
struct BiasOnly : adapt::Biased<adapt::Additive<adapt::LowRank, Unscaled>> {
  static constexpr const char* name = "bias_only";

  template <Backend B> Var<B> visit(state<B>& st, const SiteCall<B>& c) const {
    return add_bias(std::move(c.y), c.x.tape().leaf(st.bias));
  }
  template <Backend B, class F> void for_each(state<B>& st, F visit) const { visit(st.bias); }
};

/// The placement with another rank wherever it has one.
template <class Model, class F> adapt::Placement with_ranks(const Model& model, adapt::Placement at, F rank) {
  model.for_each_site([&](const SiteInfo& s, const auto&) {
    index_t& r = at.rank[static_cast<std::size_t>(s.ordinal)];
    if (r > 0) r = rank(s);
  });
  return at;
}

}  // namespace lorica::cli
