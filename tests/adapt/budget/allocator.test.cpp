// SPDX-License-Identifier: MIT
#include <lorica/adapt/budget/allocator.hpp>

#include <lorica/adapt/parameterization/svd.hpp>
#include <lorica/adapt/placement/budget.hpp>
#include <lorica/adapt/score/estimators.hpp>

#include "support/backends.hpp"

using namespace lorica;
using namespace lorica::adapt;
using test::error_of;

namespace {
/// Cuts after every step at a threshold it is told, or removes.
struct At {
  static constexpr unsigned asks = grain::direction;
  double threshold = 0;
  index_t beyond = 0;  // else what no longer fits into so many parameters
  bool compact = false;
  struct state {};
  Placement place(std::span<const SiteInfo>, std::span<const double>) const { return {}; }
  state begin(const Placement&, index_t) const { return {}; }
  bool listens(const state&, index_t) const { return true; }
  template <class D> Reallocation reallocate(state&, index_t, const D& d) const {
    return {Reallocation::cut, beyond > 0 ? d.first_beyond(beyond) : threshold, compact};
  }
};

/// Two triplets of rank 2 and 3, with gradients.
template <Backend B> struct Pair {
  SiteInfo sites[2] = {{0, 0, Role::query, 4, 3, "first"}, {1, 1, Role::query, 5, 2, "second"}};
  Svd::factors<B> f[2];
  std::vector<Group<B>> groups;
  explicit Pair(B& b) {
    for (std::size_t i = 0; i < 2; ++i) {
      f[i] = Svd::make(b, sites[i], {}, i == 0 ? 2 : 3, 1);
      Group<B> g{&sites[i], {}, 2};
      Svd::for_each(f[i], [&](const Factor<B>& x) {
        Parameter<B>& p = *x.parameter;
        p.value = MasterTensor<B>(b, p.rows(), p.cols(), normals(Stream(7, "w", p.name), p.value.size(), 1));
        p.grad = MasterTensor<B>(b, p.rows(), p.cols(), normals(Stream(7, "g", p.name), p.value.size(), 1));
        g.factors.push_back(x);
      });
      groups.push_back(g);
    }
  }
  std::span<const Group<B>> all() const { return groups; }
  Placement start() const { return {{2, 3}}; }
};
struct NoCompanions {
  template <class P, class C> void operator()(const P&, const C&) const {}
};
/// S = |lambda g| + mean |p g| + mean |q g| of every direction, by plain loops.
template <Backend B> std::vector<double> by_hand(B& b, const Pair<B>& pair) {
  std::vector<double> s;
  for (std::size_t i = 0; i < 2; ++i)
    for (index_t d = 0; d < (i == 0 ? 2 : 3); ++d) {
      double sum = 0;
      for (const auto& x : pair.groups[i].factors) {
        const auto w = x.parameter->value.template host<double>(b),
                   g = x.parameter->grad.template host<double>(b);
        const index_t rows = x.parameter->rows(), cols = x.parameter->cols();
        const index_t n = x.along == Along::rows ? cols : rows;
        for (index_t j = 0; j < n; ++j) {
          const auto at = static_cast<std::size_t>(x.along == Along::rows ? d * cols + j : j * cols + d);
          sum += std::abs(w[at] * g[at]) / double(n);
        }
      }
      s.push_back(sum);
    }
  return s;
}
}  // namespace

TEMPLATE_TEST_CASE("a direction is worth the sum of its factors' means", "[adapt][budget]",
                   LORICA_SOME_BACKENDS) {
  TestType b;
  Pair<TestType> pair(b);
  Allocator<TestType, Raw<Sensitivity>, At> a(b, {}, {}, pair.start(), 10, pair.all());
  a.after_step(b, pair.all(), 0, NoCompanions{});
  CHECK(test::relative_error(a.scores(b, pair.all()).template host<double>(b), by_hand(b, pair)) <
        test::tolerance_of<typename TestType::master>());
  CHECK(a.memory(0, 0).shape() == Shape{1, 8});
  std::size_t held = 0;
  for (std::size_t i = 0; i < 2; ++i)
    for (std::size_t f = 0; f < 3; ++f) held += a.memory(i, f).bytes();
  CHECK(decltype(a)::bytes(pair.all()) == held);
  SECTION("of the spectrum alone nothing is remembered for P and Q") {
    Allocator<TestType, Raw<SpectrumMagnitude>, At> only_lambda(b, {}, {}, pair.start(), 10, pair.all());
    only_lambda.after_step(b, pair.all(), 0, NoCompanions{});
    CHECK(only_lambda.memory(1, 0).empty());
    CHECK(only_lambda.memory(1, 1).empty());
    CHECK(only_lambda.memory(1, 2).shape() == Shape{1, 3});
  }
}

TEMPLATE_TEST_CASE("a cut zeroes lambda where the score is at most the threshold, ties and all",
                   "[adapt][budget]", LORICA_SOME_BACKENDS) {
  TestType b;
  Pair<TestType> pair(b);
  Allocator<TestType, Raw<Sensitivity>, At> look(b, {}, {}, pair.start(), 10, pair.all());
  look.after_step(b, pair.all(), 0, NoCompanions{});
  auto scores = look.scores(b, pair.all()).template host<double>(b);
  auto sorted = scores;
  std::ranges::sort(sorted);
  Pair<TestType> again(b);
  Allocator<TestType, Raw<Sensitivity>, At> a(b, {}, {.threshold = sorted[1]}, again.start(), 10,
                                              again.all());
  CHECK_FALSE(a.last());
  CHECK_FALSE(a.after_step(b, again.all(), 6, NoCompanions{}));
  REQUIRE(a.last());
  CHECK(a.last()->step == 6);
  CHECK(a.last()->kept == 3);
  CHECK(a.last()->threshold == sorted[1]);
  CHECK(a.last()->rank.size() == 2);
  std::size_t d = 0;
  for (std::size_t i = 0; i < 2; ++i) {
    const auto lambda = again.f[i].lambda.value.template host<double>(b),
               kept = a.kept(i).template host<double>(b), was = pair.f[i].q.value.template host<double>(b);
    for (std::size_t j = 0; j < lambda.size(); ++j, ++d) {
      CHECK((lambda[j] == 0) == (scores[d] <= sorted[1]));
      CHECK((kept[j] == 0) == (scores[d] <= sorted[1]));
    }
    CHECK(again.f[i].q.value.template host<double>(b) == was);
  }
}

TEMPLATE_TEST_CASE("a budget in parameters keeps the best while they fit", "[adapt][budget]",
                   LORICA_SOME_BACKENDS) {
  TestType b;
  Pair<TestType> pair(b);  // 8 parameters a direction at both sites: 4 + 3 + 1, 5 + 2 + 1
  CHECK(pair.groups[0].cost() == 8);
  CHECK(pair.groups[1].cost() == 8);
  Allocator<TestType, Raw<Sensitivity>, At> a(b, {}, {.beyond = 25}, pair.start(), 10, pair.all());
  a.after_step(b, pair.all(), 0, NoCompanions{});
  CHECK(a.last()->kept == 3);
  Allocator<TestType, Raw<Sensitivity>, At> all(b, {}, {.beyond = 40}, pair.start(), 10, pair.all());
  all.after_step(b, pair.all(), 0, NoCompanions{});
  CHECK(all.last()->kept == 5);
}

TEMPLATE_TEST_CASE("what is off is removed with all that goes along", "[adapt][budget]",
                   LORICA_SOME_BACKENDS) {
  TestType b;
  Pair<TestType> pair(b);
  using M = MasterTensor<TestType>;
  std::map<std::string, M> moments;
  for (auto& g : pair.groups)
    for (auto& x : g.factors) moments[x.parameter->name] = x.parameter->value.clone(b);
  Allocator<TestType, Smoothed<Sensitivity>, At> a(b, {}, {.beyond = 25, .compact = true}, pair.start(), 10,
                                                   pair.all());
  const auto companions = [&](const Parameter<TestType>& p, const Change<TestType>& change) {
    change.moved(moments.at(p.name));
  };
  CHECK(a.after_step(b, pair.all(), 0, companions));
  CHECK(a.compacted());
  index_t left = 0;
  for (std::size_t i = 0; i < 2; ++i) {
    const auto kept = kept_directions(b, a.kept(i));
    CHECK(a.kept(i).size() == (i == 0 ? 2 : 3));  // remembered in the numbering of the start
    CHECK(pair.groups[i].rank() == static_cast<index_t>(kept.size()));
    CHECK(pair.f[i].lambda.value.size() == static_cast<index_t>(kept.size()));
    left += static_cast<index_t>(kept.size());
    for (auto& x : pair.groups[i].factors) {
      const auto& p = *x.parameter;
      if (p.value.size() > 0)
        CHECK(moments.at(p.name).template host<double>(b) == p.value.template host<double>(b));
      CHECK(p.grad.empty());
    }
    CHECK(a.memory(i, 2).size() == 2 * static_cast<index_t>(kept.size()));
  }
  CHECK(left == 3);
  CHECK_FALSE(a.after_step(b, pair.all(), 1, companions));
}

TEMPLATE_TEST_CASE("scores that are not numbers, nothing left, and sites without gradient are errors",
                   "[adapt][budget]", LORICA_DOUBLE_BACKENDS) {
  using B = TestType;
  B b;
  const auto said = [&](auto change, At policy, bool strict) {
    Pair<B> pair(b);
    change(pair);
    Allocator<B, Raw<Sensitivity>, At> a(b, {}, policy, pair.start(), 10, pair.all(), strict);
    return error_of<Error>([&] { a.after_step(b, pair.all(), 3, NoCompanions{}); });
  };
  const auto nothing = [](Pair<B>&) {};
  CHECK(
      said(nothing, {.threshold = 1e9}, true) ==
      "Budget: after step 3 every direction scores at most the threshold 1e+09 and would be cut: equal scores all go; "
      "use a score that tells directions apart, or a larger budget");
  CHECK(said(nothing, {.threshold = 1e9}, false) == "no error");
  const auto poisoned = [&](Pair<B>& p) {
    p.f[1].lambda.grad = MasterTensor<B>(b, 1, 3, std::vector<double>{1, std::nan(""), 1});
  };
  CHECK(said(poisoned, {}, true) == "Budget: the score of direction 1 at second is not a number");
  CHECK(said(poisoned, {}, false) == "no error");
  const auto deaf = [](Pair<B>& p) {
    for (auto& x : p.groups[0].factors) x.parameter->grad = {};
  };
  CHECK(
      said(deaf, {}, true) ==
      "step 3: the adapter at first received no gradient, so that its directions have no score; the model does not use "
      "this site");
}
