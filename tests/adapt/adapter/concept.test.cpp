// SPDX-License-Identifier: MIT
#include <lorica/adapt/adapter/concept.hpp>

#include "adapt/toy.hpp"

using namespace lorica;
using namespace lorica::adapt;
using R = test::Reference;

namespace {

/// A user's adapter: LoRA that multiplies y, y + y * (x delta W^T), with B learning 16 times as fast as A.
struct Multiplicative {
  using parameterization = LowRank;
  template <Backend B> struct state { LowRank::factors<B> factors; };
  template <Backend B>
  state<B> make(B& b, const SiteInfo& s, const WeightView<B>&, index_t rank, Seed seed) const {
    return {LowRank::make(b, s, {}, rank, seed)};
  }
  template <Backend B> Var<B> visit(state<B>& st, const SiteCall<B>& c) const {
    return add(multiply(c.y, LowRank::apply(st.factors, c.x)), c.y);
  }
  template <Backend B, class F> void for_each(state<B>& st, F visit) const {
    LowRank::for_each(st.factors, [&](const Factor<B>& f) { visit(*f.parameter); });
  }
  template <Backend B> double rate(const Parameter<B>& p) const { return p.name.ends_with(".B") ? 16 : 1; }
};
/// A frozen A, as LoRA-FA has it.
struct Halted : Multiplicative {
  template <Backend B> double rate(const Parameter<B>& p) const { return p.name.ends_with(".A") ? 0 : 1; }
};
struct Rateless : Multiplicative {
  template <Backend B> void rate(const Parameter<B>&) const {}
};
struct Blind : Multiplicative {
  template <Backend B> void visit(state<B>&, const SiteCall<B>&) const {}
};

static_assert(Adapter<Multiplicative, R> && Adapter<Additive<LowRank>, R> &&
              Adapter<Additive<Svd, AlphaOverRankPlusEps>, test::Mixed>);
static_assert(!Adapter<Rateless, R> && !Adapter<Blind, R> && !Adapter<LowRank, R>);

}  // namespace

TEST_CASE("an adapter of a user's own decides what leaves the site, and how fast each parameter learns",
          "[adapt][adapter]") {
  R b;
  const test::Toy<R> model(b);
  auto adapted = attach(b, model, Method<Multiplicative>{.placement = {.rank = 2}});
  Bare bare;
  const auto s = test::sequences();
  CHECK(test::states(b, model, adapted, s) == test::states(b, model, bare, s));
  test::stir(b, adapted);
  CHECK(test::states(b, model, adapted, s) != test::states(b, model, bare, s));
  std::vector<double> rates;
  adapted.for_each_parameter([&](const Parameter<R>&, double rate) { rates.push_back(rate); });
  CHECK(rates == std::vector<double>{1, 16, 1, 16, 1, 16, 1, 16});
  CHECK(adapted.parameter_count() == 4 * 2 * (6 + 10));
  auto half = attach(b, model, Method<Halted>{.placement = {.rank = 2}});
  CHECK(half.parameter_count() == 2 * 2 * (6 + 10));  // B alone: m of up and m of down
}
