// SPDX-License-Identifier: MIT
#include <lorica/adapt/sum.hpp>

#include "adapt/toy.hpp"

#include <lorica/adapt/merge.hpp>
#include <lorica/autograd/gradcheck.hpp>

using namespace lorica;
using namespace lorica::adapt;
using R = test::Reference;

namespace {

/// Not an adapter, and no mere addition: factor * y.
struct Stretch {
  double factor;
  template <Backend B> Var<B> visit(const SiteCall<B>& c) const { return scale(c.y, factor); }
};
static_assert(SitePolicy<Sum<Adapted<R, Lora>, Adapted<R, SvdLora>>, R>);
static_assert(SitePolicy<Sum<Stretch>, R> && !SitePolicy<Sum<Stretch, int>, R>);
static_assert(only_adds<Sum<Adapted<R, Lora>, Bare>> && !only_adds<Sum<Adapted<R, Lora>, Stretch>>);

struct Two {
  R b;
  test::Toy<R> model{b};
  Adapted<R, Lora> lora{b, model, {.adapter = {.dropout = 0.5}}, Placement{{2, 0, 3, 1}}, 4};
  Adapted<R, SvdLora> svd{b, model, {}, Placement{{1, 2, 0, 1}}, 5};
  nn::Sequences s = test::sequences();
  Two() {
    test::stir(b, lora);
    test::stir(b, svd, 0.6);
  }
  template <class P> std::vector<double> states(P& p) { return test::states(b, model, p, s); }
  template <class P> std::vector<double> delta(P& p, index_t ordinal) {
    std::vector<double> out;
    model.for_each_site([&](const SiteInfo& site, const WeightView<R>& w) {
      if (site.ordinal == ordinal) out = delta_weight(b, p, site, w).template host<double>(b);
    });
    return out;
  }
};

}  // namespace

TEST_CASE("the update of a sum is the sum of the updates", "[adapt][sum]") {
  Two t;
  Sum both(t.lora, t.svd);
  for (index_t i = 0; i < 4; ++i) {
    auto want = t.delta(t.lora, i);
    const auto more = t.delta(t.svd, i);
    for (std::size_t j = 0; j < want.size(); ++j) want[j] += more[j];
    CHECK(test::relative_error(t.delta(both, i), want) < 1e-13);
  }
}

TEST_CASE("adapters that only add: a sum is one after the other, in any order", "[adapt][sum]") {
  Two t;
  Sum both(t.lora, t.svd);
  Sum turned(t.svd, t.lora);
  Then then{t.lora, t.svd};
  const auto want = t.states(then);
  CHECK(t.states(both) == want);
  CHECK(test::relative_error(t.states(turned), want) < 1e-13);
  Bare bare;
  CHECK(test::relative_error(want, t.states(bare)) > 1e-3);
  Sum nothing(bare);
  CHECK(t.states(nothing) == t.states(bare));
}

TEST_CASE("what does more than add is shown the bare y, wherever it stands in the sum", "[adapt][sum]") {
  Two t;
  Stretch twice{2}, thrice{3};
  Sum first(twice, t.lora);
  Sum last(t.lora, twice);
  Sum three(twice, t.lora, thrice);
  Then after{t.lora, twice};
  std::vector<double> weight, more = t.delta(t.lora, 0);
  t.model.for_each_site([&](const SiteInfo& site, const WeightView<R>& w) {
    if (site.ordinal == 0) weight = w.dense(t.b).host<double>(t.b);
  });
  const auto want = [&](double y, double lora) {  // delta W = y W + lora s B A
    std::vector<double> out;
    for (std::size_t j = 0; j < weight.size(); ++j) out.push_back(y * weight[j] + lora * more[j]);
    return out;
  };
  CHECK(test::relative_error(t.delta(first, 0), want(1, 1)) < 1e-13);
  CHECK(test::relative_error(t.delta(last, 0), want(1, 1)) < 1e-13);
  CHECK(test::relative_error(t.delta(three, 0), want(1 + 2, 1)) < 1e-13);  // (2y - y) + (3y - y)
  CHECK(test::relative_error(t.delta(after, 0), want(1, 2)) < 1e-13);      // 2 (y + lora) - y
}

TEST_CASE("gradients through a sum are right", "[adapt][sum]") {
  Two t;
  Stretch twice{2}, thrice{3};
  Sum all(twice, t.lora, thrice, t.svd);
  std::vector<Parameter<R>*> parameters;
  t.lora.for_each_parameter([&](Parameter<R>& p, double) { parameters.push_back(&p); });
  t.svd.for_each_parameter([&](Parameter<R>& p, double) { parameters.push_back(&p); });
  const nn::Batch<R> batch(t.b, t.s);
  CHECK(gradient_error(t.b, std::span<Parameter<R>* const>(parameters), [&](Tape<R>& tape) {
          return nn::NextToken{}.loss(tape, t.model, all, batch).sum;
        }) < 1e-7);
}

TEST_CASE("a sum tells its policies of the phase", "[adapt][sum]") {
  Two t;
  Stretch twice{2};
  Sum all(t.lora, twice);
  const auto quiet = t.states(all);
  all.phase(1);
  CHECK(test::relative_error(t.states(all), quiet) > 1e-6);  // LoRA drops half of x
  all.phase(std::nullopt);
  CHECK(t.states(all) == quiet);
}

TEST_CASE("a sum is merged like one", "[adapt][sum][merge]") {
  Two t;
  Sum both(t.lora, t.svd);
  const auto updates = updates_of(t.b, t.model, both);
  CHECK(updates.size() == 4);  // 0, 2, 3 and 0, 1, 3
  Sum one(t.lora);
  CHECK(updates_of(t.b, t.model, one).size() == 3);
}
