// SPDX-License-Identifier: MIT
#include <lorica/adapt/score/concept.hpp>

#include "adapt/toy.hpp"

using namespace lorica;
using namespace lorica::adapt;
using R = test::Reference;

namespace {

/// A user's site score: the energy of what enters a site, summed over the rows of live samples.
struct InputEnergy {
  struct state {
    double energy = 0;
  };
  template <Backend B> void observe(state& st, const SiteGradient<B>& o) const {
    for (std::size_t s = 0; s < o.weight.size(); ++s)
      if (o.weight[s] > 0) {
        const auto x = o.x.ref().slice(o.offsets[s], o.offsets[s + 1] - o.offsets[s]);
        st.energy += o.backend.sum_squares(x.data, x.size());
      }
  }
  double value(const state& st) const { return st.energy; }
};
/// A user's direction score: how often the gradient of an entry turns.
struct Hesitation {
  static constexpr int memory = 2;
  template <class T> void observe(T, T g, Cells<T> m, index_t) const {
    m[1] += g * m[0] < T(0) ? T(1) : T(0);
    m[0] = g;
  }
  template <class T> T value(Cells<const T> m, index_t) const { return -m[1]; }
};
struct Stateless {
  double value(int) const { return 0; }
};
struct Forgetful {
  static constexpr int memory = 0;
};

static_assert(SiteScore<InputEnergy, R> && SiteScore<Page, R> && SiteScore<Page, test::Mixed>);
static_assert(!SiteScore<Stateless, R> && !SiteScore<Hesitation, R> && !SiteScore<NoScore, R>);
static_assert(DirectionScore<Hesitation> && !DirectionScore<InputEnergy> && !DirectionScore<Forgetful> &&
              !DirectionScore<NoScore>);
static_assert(ScoreFunction<NoScore, R> && ScoreFunction<InputEnergy, R> && ScoreFunction<Hesitation, R>);
static_assert(!ScoreFunction<Stateless, R> && !ScoreFunction<Forgetful, R> && !ScoreFunction<int, R>);
static_assert(grain::none == 0 && (grain::site & grain::direction) == 0);

}  // namespace

TEST_CASE("the cells of an entry lie a stride apart", "[adapt][score]") {
  // Two running values of three entries, all first values before all second ones.
  std::vector<double> memory = {0, 0, 0, 0, 0, 0};
  const Hesitation h;
  for (const double g : {1.0, -2.0, -1.0, 3.0}) h.observe(0.5, g, Cells<double>{memory.data() + 1, 3}, 0);
  CHECK(memory == std::vector<double>{0, 3, 0, 0, 2, 0});
  CHECK(h.value(Cells<const double>{memory.data() + 1, 3}, 0) == -2);
}

TEST_CASE("a site score of a user's own is heard by a probe", "[adapt][score]") {
  R b;
  const test::Toy<R> model(b);
  nn::Sequences s = test::sequences();
  const auto scores = probe(b, model, s, InputEnergy{}, nn::NextToken{}, 2);
  REQUIRE(scores.values.size() == 4);
  // What enters the first site is the embedding itself.
  const auto table = test::matrix(test::weights_of(1), "embedding.weight", 13, 6);
  double want = 0;
  for (const auto id : s.ids)
    for (index_t j = 0; j < 6; ++j) want += table(id, j) * table(id, j);
  CHECK(scores.values[0] == Approx(want).epsilon(1e-13));
  s.add(std::vector<std::int32_t>{1, 2}, {});  // without a target: not a sample
  CHECK(probe(b, model, s, InputEnergy{}).values[0] == Approx(want).epsilon(1e-13));
}
