// SPDX-License-Identifier: MIT
#include <lorica/adapt/merge.hpp>

#include "adapt/toy.hpp"

#include <lorica/adapt/adapter/biased.hpp>
#include <lorica/adapt/adapter/dora.hpp>
#include <lorica/adapt/adapter/plus.hpp>
#include <lorica/adapt/adapter/start.hpp>
#include <lorica/adapt/parameterization/frozen_a.hpp>

using namespace lorica;
using namespace lorica::adapt;
using R = test::Reference;

namespace {

template <Backend B, class W = Frozen<B>> using Tiny = nn::Transformer<B, nn::LlamaBlock, W>;
template <Backend B, class W = Frozen<B>> Tiny<B, W> tiny(B& b) {
  return Tiny<B, W>(b, test::tiny<nn::LlamaBlock>(), test::weights_of(9));
}
/// Ranks 1, 2, 3, 0, 1, 2, ... over the sites of a model.
template <class Model> Placement uneven(const Model& model) {
  Placement p;
  for (const auto& site : sites_of(model)) p.rank.push_back((site.ordinal + 1) % 4);
  return p;
}
/// An adapter that does not only add: g * (y + 2 x A^T B^T), g [1, m].
struct Stretched {
  using parameterization = LowRank;
  template <Backend B> struct state {
    LowRank::factors<B> factors;
    Parameter<B> gain;
  };
  template <Backend B>
  state<B> make(B& b, const SiteInfo& s, const WeightView<B>&, index_t rank, Seed seed) const {
    return {LowRank::make(b, s, {}, rank, seed),
            {s.path + ".gain",
             MasterTensor<B>(b, 1, s.out, std::vector<double>(static_cast<std::size_t>(s.out), 1.0)),
             {}}};
  }
  template <Backend B> Var<B> visit(state<B>& st, const SiteCall<B>& c) const {
    return scale_columns(LowRank::add_to(st.factors, c.x, c.y, 2), c.x.tape().leaf(st.gain));
  }
  template <Backend B, class F> void for_each(state<B>& st, F visit) const {
    LowRank::for_each(st.factors, [&](const Factor<B>& f) { visit(*f.parameter); });
    visit(st.gain);
  }
  template <Backend B> double rate(const Parameter<B>&) const { return 1; }
};
static_assert(!only_adds<Adapted<R, Method<Stretched>>> && only_adds<Adapted<R, Lora>> && only_adds<Bare>);
static_assert(only_adds<Adapted<R, Method<Plus<Additive<LowRank, AlphaOverRank, Pissa>>>>> &&
              !only_adds<Adapted<R, Method<Plus<Dora<>>>>>);

/// The test of merging, for any method: the answers of the merged weights are those of the adapted model, and
/// taking the update off gives the weights back.
template <class M> void merged_answers_as_adapted(const M& method, double tolerance = 1e-12) {
  R b;
  Bare bare;
  const auto s = test::sequences();
  const auto model = tiny<R>(b);
  auto adapted = attach_at(b, model, method, uneven(model), 5);
  test::stir(b, adapted);
  const auto before = test::states(b, model, bare, s), want = test::states(b, model, adapted, s);
  REQUIRE(test::relative_error(want, before) > 1e-3);
  const auto updates = updates_of(b, model, adapted);
  CHECK(updates.size() == adapted.slots().size());
  // In full precision, where weights are parameters ...
  auto open = tiny<R, Parameter<R>>(b);
  merge_into(b, open, updates);
  CHECK(test::relative_error(test::states(b, open, bare, s), want) < tolerance);
  unmerge_from(b, open, updates);
  CHECK(test::relative_error(test::states(b, open, bare, s), before) < tolerance);
  // ... and in a new frozen model, whose weights are floats.
  const auto closed = merged(b, model, updates);
  CHECK(test::relative_error(test::states(b, closed, bare, s), want) < 1e-6);
  CHECK(test::relative_error(test::states(b, unmerged(b, closed, updates), bare, s), before) < 1e-6);
  CHECK(test::states(b, model, bare, s) == before);
  CHECK(test::states(b, model, adapted, s) == want);
}

}  // namespace

TEST_CASE("merged weights answer as the adapted model does, and come apart again", "[adapt][merge]") {
  merged_answers_as_adapted(Lora{.adapter = {.dropout = 0.5}});
  merged_answers_as_adapted(RsLora{});
  merged_answers_as_adapted(SvdLora{});
  merged_answers_as_adapted(Method<Additive<FrozenA>>{});
  merged_answers_as_adapted(Method<Plus<Additive<>>>{});
  merged_answers_as_adapted(Method<Additive<LowRank, AlphaOverRank, Pissa>>{});
  merged_answers_as_adapted(Method<Additive<LowRank, AlphaOverRank, Olora>>{});
  merged_answers_as_adapted(Method<Dora<>>{});
  merged_answers_as_adapted(Method<Dora<LowRank, AlphaOverRank, Pissa>>{});
  merged_answers_as_adapted(Method<Dora<Svd, AlphaOverRankPlusEps>>{});
  merged_answers_as_adapted(Method<Stretched>{});
}

TEMPLATE_TEST_CASE("delta W is s B A, and s P diag(lambda) Q", "[adapt][merge]", LORICA_SOME_BACKENDS) {
  using B = TestType;
  B b;
  const test::Toy<B> model(b);
  const auto whole = [](double s, const test::Matrix& left, const test::Matrix& right,
                        const std::vector<double>& lambda) {
    return test::matrix_of(left.rows, right.cols, [&](index_t i, index_t j) {
      double v = 0;
      for (index_t d = 0; d < left.cols; ++d)
        v += left(i, d) * (lambda.empty() ? 1 : lambda[static_cast<std::size_t>(d)]) * right(d, j);
      return s * v;
    });
  };
  Adapted<B, Lora> lora(b, model, {}, Placement{{2, 0, 3, 1}}, 4);
  Adapted<B, SvdLora> svd(b, model, {}, Placement{{2, 0, 3, 1}}, 4);
  test::stir(b, lora);
  test::stir(b, svd);
  model.for_each_site([&](const SiteInfo& site, const WeightView<B>& w) {
    INFO(site);
    for (const index_t block : {1, 4, 256}) {
      const auto ba = delta_weight(b, lora, site, w, block), pq = delta_weight(b, svd, site, w, block);
      CHECK(ba.shape() == w.shape());
      if (site.ordinal == 1) {  // nothing is attached
        CHECK(test::squares(ba.template host<double>(b)) == 0);
        return;
      }
      const auto slot = static_cast<std::size_t>(std::max<index_t>(site.ordinal - 1, 0));
      const auto& f = lora.slots()[slot].state.factors;
      const auto& t = svd.slots()[slot].state.factors;
      CHECK(test::relative_error(ba.template host<double>(b),
                                 whole(lora.slots()[slot].state.scale, test::matrix(b, f.b.value),
                                       test::matrix(b, f.a.value), {})
                                     .numbers) < test::tolerance<B>());
      CHECK(test::relative_error(pq.template host<double>(b),
                                 whole(svd.slots()[slot].state.scale, test::matrix(b, t.p.value),
                                       test::matrix(b, t.q.value), t.lambda.value.template host<double>(b))
                                     .numbers) < test::tolerance<B>());
    }
  });
}

TEST_CASE("delta W of an adapter that is not switched on, or at its start, is 0", "[adapt][merge]") {
  R b;
  const test::Toy<R> model(b);
  auto fresh = attach(b, model, Lora{.placement = {.rank = 2}});
  auto off = attach(b, model, Lora{.placement = {.rank = 2}});
  test::stir(b, off);
  off.enable(false);
  for (auto* adapted : {&fresh, &off})
    for (const auto& [path, delta] : updates_of(b, model, *adapted)) {
      INFO(path);
      CHECK(test::squares(delta.host<double>(b)) == 0);
    }
}

TEST_CASE("dropout is off while merging", "[adapt][merge]") {
  R b;
  const test::Toy<R> model(b);
  auto adapted = attach(b, model, Lora{.adapter = {.dropout = 0.5}, .placement = {.rank = 2}});
  test::stir(b, adapted);
  const auto quiet = updates_of(b, model, adapted);
  adapted.phase(3);
  const auto training = updates_of(b, model, adapted);
  for (const auto& [path, delta] : quiet) CHECK(training.at(path).host<double>(b) == delta.host<double>(b));
}

TEST_CASE("only the weights of adapted sites are merged", "[adapt][merge]") {
  R b;
  const auto model = tiny<R>(b);
  auto adapted = attach(b, model, Lora{.placement = {.rank = 2, .sites = {.paths = {"blocks.1.down"}}}});
  test::stir(b, adapted);
  const auto updates = updates_of(b, model, adapted);
  CHECK(updates.size() == 1);
  std::map<std::string, std::vector<float>> before;
  model.for_each_weight([&](const std::string& name, const auto& w) { before[name] = nn::numbers(b, w); });
  const auto other = merged(b, model, updates);
  other.for_each_weight([&](const std::string& name, const auto& w) {
    INFO(name);
    CHECK((nn::numbers(b, w) == before.at(name)) == (name != "blocks.1.down.weight"));
  });
}

TEST_CASE("an adapter with a bias of its own has no place in a weight", "[adapt][merge]") {
  R b;
  const auto model = tiny(b);
  auto adapted = attach(b, model, Method<Biased<>>{.placement = {.rank = 2}});
  (void)updates_of(b, model, adapted);  // at its start the bias is 0
  test::stir(b, adapted);
  CHECK(test::error_of<ConfigError>([&] { (void)updates_of(b, model, adapted); }) ==
        "delta_weight: what stands at blocks.0.q adds a bias of its own, which a weight cannot hold");
}

TEST_CASE("updates that do not belong to a model are errors", "[adapt][merge]") {
  R b;
  const auto model = tiny<R>(b);
  auto adapted = attach(b, model, Lora{.placement = {.rank = 2, .sites = {.paths = {"blocks.1.down"}}}});
  auto frozen = tiny<R>(b);
  CHECK(test::error_of<ConfigError>([&] { merge_into(b, frozen, updates_of(b, model, adapted)); }) ==
        "merge_into: 0 of 1 weights are parameters; a frozen weight is never written: use merged()");
  Updates<R> unknown;
  unknown.emplace("blocks.7.down", MasterTensor<R>(b, 16, 20));
  CHECK(test::error_of<ConfigError>([&] { (void)merged(b, model, unknown); }) ==
        "merge: the model has 0 of the 1 weights to update (blocks.7.down.weight)");
  Updates<R> misshapen;
  misshapen.emplace("blocks.1.down", MasterTensor<R>(b, 20, 16));
  CHECK(test::error_of<ShapeError>([&] { (void)merged(b, model, misshapen); }) ==
        "merge: the update of blocks.1.down is [20, 16], expected [16, 20]");
  const auto none = updates_of(b, model, adapted);
  const auto source = merged_source(b, model, none);
  CHECK(test::error_of<ConfigError>([&] {
          (void)source("blocks.9.up.weight", {20, 16});
        }) == "merge: the model has no weight called blocks.9.up.weight");
  CHECK(test::error_of<ConfigError>([&] {
          model.for_each_site(
              [&](const SiteInfo& s, const WeightView<R>& w) { (void)delta_weight(b, adapted, s, w, 0); });
        }) == "delta_weight: 0 rows at a time, expected at least 1");
}
