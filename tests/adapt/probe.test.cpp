// SPDX-License-Identifier: MIT
#include <lorica/adapt/probe.hpp>

#include "adapt/toy.hpp"

#include <lorica/adapt/score/page_of.hpp>
#include <lorica/nn/convolution.hpp>
#include <lorica/nn/disentangled_attention.hpp>

using namespace lorica;
using namespace lorica::adapt;
using test::error_of;
using R = test::Reference;

namespace {

/// What the listener hears of a site.
struct Heard {
  struct state {
    std::string path;
    std::vector<double> x, dy, weight;
    std::vector<index_t> offsets;
    std::vector<double> matrix;
    bool biased = false;
    Shape x_shape, dy_shape;
    index_t times = 0;
  };
  template <Backend B> void observe(state& st, const SiteGradient<B>& o) const {
    st = {o.site.path,
          o.x.template host<double>(o.backend),
          o.dy.template host<double>(o.backend),
          {o.weight.begin(), o.weight.end()},
          {o.offsets.begin(), o.offsets.end()},
          o.matrix.dense(o.backend).template host<double>(o.backend),
          o.bias != nullptr,
          o.x.shape(),
          o.dy.shape(),
          st.times + 1};
    if (look != nullptr) look->push_back(st);
  }
  double value(const state&) const { return 0; }
  std::vector<state>* look = nullptr;
};
struct Undefined {
  struct state {};
  template <Backend B> void observe(state&, const SiteGradient<B>&) const {}
  double value(const state&) const { return std::nan(""); }
};
static_assert(SitePolicy<Probe<R, Page>, R>);

}  // namespace

TEST_CASE("a probe hears x, dy, sequences and weights at every site, in one backward pass",
          "[adapt][probe]") {
  R b;
  const test::Toy<R> model(b);
  const test::Toy<R, Parameter<R>> full(b);
  std::vector<Heard::state> heard;
  const auto s = test::sequences();
  const auto scores = probe(b, model, s, Heard{&heard});
  REQUIRE(heard.size() == 4);
  CHECK(scores.sites.size() == 4);
  Bare bare;
  test::backward(b, full, bare, s);
  for (const auto& h : heard) {
    INFO(h.path);
    CHECK(h.times == 1);
    CHECK(h.offsets == s.offsets);
    CHECK(h.weight == std::vector<double>{1.0 / 3, 1, 1.0 / 4});
    CHECK(h.biased == h.path.ends_with(".up"));
    // dW = dy^T x
    const auto l =
        std::ranges::find_if(full.linears(), [&](const auto& linear) { return linear.site.path == h.path; });
    REQUIRE(l != full.linears().end());
    CHECK(h.matrix == l->weight.value.host<double>(b));
    const auto g = test::matrix_of(h.dy_shape.cols, h.x_shape.cols, [&](index_t i, index_t j) {
      double sum = 0;
      for (index_t t = 0; t < s.rows(); ++t)
        sum += h.dy[static_cast<std::size_t>(t * h.dy_shape.cols + i)] *
               h.x[static_cast<std::size_t>(t * h.x_shape.cols + j)];
      return sum;
    });
    CHECK(test::relative_error(g.numbers, l->weight.grad.host<double>(b)) < 1e-13);
  }
}

TEST_CASE("a probe changes nothing: not what leaves a site, not the model, not what is computed afterwards",
          "[adapt][probe]") {
  R b;
  const test::Toy<R> model(b);
  const auto s = test::sequences();
  Bare bare;
  const auto step = [&] {
    auto adapted = attach(b, model, Lora{.adapter = {.dropout = 0.3}, .placement = {.rank = 2}}, 5);
    test::stir(b, adapted);
    adapted.phase(3);
    test::backward(b, model, adapted, s);
    return test::gradients(b, adapted);
  };
  const auto states = test::states(b, model, bare, s);
  const auto gradients = step();
  const auto first = probe(b, model, s, Page{});
  Probe<R, Page> listening(Page{}, 4);
  CHECK(test::states(b, model, listening, s) == states);
  CHECK(test::states(b, model, bare, s) == states);
  CHECK(step() == gradients);
  CHECK(probe(b, model, s, Page{}).values == first.values);
  // Trying an adapter changes nothing either: not the one that is attached under the same names.
  auto attached = attach(b, model, Lora{.placement = {.rank = 2}}, 5);
  const auto values = test::values(b, attached);
  const auto tried = probe(b, model, s, PageOf<Additive<LowRank, AlphaOverRank>>{.rank = 2, .seed = 5});
  CHECK(test::values(b, attached) == values);
  attached.for_each_parameter([](Parameter<R>& p, double) { CHECK(p.grad.empty()); });
  CHECK(test::states(b, model, bare, s) == states);
  CHECK(step() == gradients);
  CHECK(probe(b, model, s, Page{}).values == first.values);
  CHECK(probe(b, model, s, PageOf<Additive<LowRank, AlphaOverRank>>{.rank = 2, .seed = 5}).values ==
        tried.values);
}

TEST_CASE("a probe reports a second number where the score has one", "[adapt][probe]") {
  R b;
  const test::Toy<R> model(b);
  CHECK(probe(b, model, test::sequences(), Page{}).beside.empty());
  CHECK(probe(b, model, test::sequences(), PageOf<Additive<LowRank, AlphaOverRank>>{}).beside ==
        std::vector<double>(4));
}

TEST_CASE("a probe composes with adapters: it hears what reaches them", "[adapt][probe]") {
  R b;
  const test::Toy<R> model(b);
  auto adapted = attach(b, model, Lora{.placement = {.rank = 2}});
  const auto s = test::sequences();
  test::backward(b, model, adapted, s);
  const auto alone = test::gradients(b, adapted);
  adapted.for_each_parameter([](Parameter<R>& p, double) { p.grad = {}; });
  Probe<R, Page> listening(Page{.rank = 2}, 4);
  listening.expect({1, 1, 1});
  Then both{listening, adapted};
  test::backward(b, model, both, s);
  CHECK(test::gradients(b, adapted) == alone);
  for (const double v : listening.scores()) CHECK(v > 0);
}

TEST_CASE("scores know their dominant site and its share", "[adapt][probe]") {
  const SiteScores scores{test::sites(1), {1, 6, 3}};
  CHECK(scores.dominant() == 1);
  CHECK(scores.concentration() == 0.6);
  CHECK(SiteScores{test::sites(1), {2, 2, 1}}.dominant() == 0);
  CHECK(SiteScores{test::sites(1), {0, 0, 0}}.concentration() == 0);
}

TEST_CASE("sites come in the model's order", "[adapt][probe]") {
  R b;
  std::vector<std::string> paths;
  for (const auto& site : sites_of(test::Toy<R>(b))) paths.push_back(site.path);
  CHECK(paths == std::vector<std::string>{"blocks.0.up", "blocks.0.down", "blocks.1.up", "blocks.1.down"});
}

TEST_CASE("nothing to listen to, and a score that is no number, are errors", "[adapt][probe]") {
  R b;
  const test::Toy<R> model(b);
  CHECK(error_of<ConfigError>([&] { (void)probe(b, model, nn::Sequences{}, Page{}); }) ==
        "probe: no samples");
  CHECK(error_of<ConfigError>([&] {
          (void)probe(b, model, test::sequences(), Page{}, nn::NextToken{}, 0);
        }) == "probe: a batch of 0 sequences, expected at least 1");
  CHECK(error_of<NumericError>([&] { (void)probe(b, model, test::sequences(), Undefined{}); }) ==
        "probe: the score of blocks.0.up is nan");
}

TEST_CASE("PAGE is the energy of an adapter's first gradient at sites that are met twice too",
          "[adapt][probe]") {
  R b;
  const nn::TransformerConfig<nn::DebertaBlock> config{
      .vocabulary = 13,
      .width = 12,
      .layers = 2,
      .positions = 20,
      .block = {.attention = {.heads = 3, .positions = {.buckets = 4, .longest = 12}},
                .feed_forward = {.hidden = 8}}};
  const nn::Transformer<R, nn::DebertaBlock> model(b, config, test::weights_of(2));
  const auto s = test::sequences();
  const auto page = adapt::probe(b, model, s, adapt::Page{.rank = 2, .seed = 7});
  const auto of = adapt::probe(b, model, s, adapt::PageOf<adapt::Additive<>>{.rank = 2, .seed = 7});
  auto lora = adapt::attach(b, model, adapt::Lora{.placement = {.rank = 2}}, 7);
  std::vector<double> energy(page.values.size());
  for (index_t i = 0; i < s.count(); ++i) {
    lora.for_each_parameter([](Parameter<R>& p, double) { p.grad = {}; });
    test::backward(b, model, lora, test::only(s, i), 1.0 / double(s.targets_in(i)));
    for (std::size_t at = 0; at < energy.size(); ++at)
      energy[at] +=
          test::squares(lora.slots()[at].state.factors.b.grad.template host<double>(b)) / double(s.count());
  }
  for (std::size_t at = 0; at < energy.size(); ++at) {
    INFO(page.sites[at].path);
    CHECK(page.values[at] == Approx(energy[at]).epsilon(1e-9));
    CHECK(of.values[at] == Approx(energy[at]).epsilon(1e-9));
  }
  CHECK(
      test::error_of<ConfigError>([&] {
        (void)adapt::probe(b, model, test::only(s, 0), adapt::Page{.rank = 2}, nn::NextToken{}, 1);
        adapt::Probe<R, adapt::Page> listening(adapt::Page{.rank = 2}, model.site_count());
        listening.expect({1.0, 1.0, 1.0});
        (void)test::backward(b, model, listening, s);
      }) ==
      "probe: blocks.1.q.relative is met more than once in a forward pass, and 3 sequences at a time cannot be told "
      "apart there; expected 1");
}
