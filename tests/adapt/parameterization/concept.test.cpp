// SPDX-License-Identifier: MIT
#include <lorica/adapt/parameterization/concept.hpp>

#include "adapt/toy.hpp"

using namespace lorica;
using namespace lorica::adapt;
using R = test::Reference;

namespace {

/// delta W [m, k] itself, directions its rows: the least a user writes.
struct Dense {
  struct config {};
  template <Backend B> struct factors { Parameter<B> d; };
  template <Backend B> static factors<B> make(B& b, const SiteInfo& s, const config&, index_t, Seed) {
    return {{s.path + ".D", zeros<typename B::master>(b, s.out, s.in), {}}};
  }
  template <Backend B> static Var<B> apply(factors<B>& f, const Var<B>& x) {
    return matmul_nt<typename B::scalar>(x, x.tape().leaf(f.d));
  }
  template <Backend B, class F> static void for_each(factors<B>& f, F visit) {
    visit(Factor<B>{&f.d, Along::rows});
  }
  template <Backend B> static Factor<B> silencer(factors<B>& f) { return {&f.d, Along::rows}; }
};
struct Forgetful : Dense {
  template <Backend B> static void apply(factors<B>&, const Var<B>&) {}
};
struct Loud {  // says neither what it trains nor what would silence it
  struct config {};
  template <Backend B> using factors = Dense::factors<B>;
  template <Backend B>
  static factors<B> make(B& b, const SiteInfo& s, const config& c, index_t r, Seed seed) {
    return Dense::make(b, s, c, r, seed);
  }
  template <Backend B> static Var<B> apply(factors<B>& f, const Var<B>& x) { return Dense::apply(f, x); }
};

static_assert(Parameterization<Dense, R> && Parameterization<LowRank, R> && Parameterization<Svd, R>);
static_assert(Parameterization<LowRank, test::Mixed> && Parameterization<Svd, test::Mixed>);
static_assert(!Parameterization<Forgetful, R> && !Parameterization<Loud, R> && !Parameterization<int, R>);

}  // namespace

TEST_CASE("a parameterization of a user's own: delta W itself has the gradient of W, scaled",
          "[adapt][parameterization]") {
  R b;
  const test::Toy<R> model(b);
  const test::Toy<R, Parameter<R>> full(b);
  auto adapted = attach(
      b, model, Method<Additive<Dense>>{.adapter = {.scaling = {.alpha = 6}}, .placement = {.rank = 3}});
  test::backward(b, model, adapted, test::sequences());
  Bare bare;
  test::backward(b, full, bare, test::sequences());
  const auto got = test::gradients(b, adapted);
  REQUIRE(got.size() == 4);
  for (const auto& l : full.linears()) {
    auto want = l.weight.grad.host<double>(b);
    for (double& x : want) x *= 6.0 / 3.0;
    CHECK(test::relative_error(got.at(l.site.path + ".D"), want) < 1e-13);
  }
}
