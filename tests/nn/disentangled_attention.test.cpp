// SPDX-License-Identifier: MIT
#include <lorica/nn/disentangled_attention.hpp>

#include "adapt/toy.hpp"
#include "nn/deberta_oracle.hpp"

#include <lorica/adapt/merge.hpp>

using namespace lorica;
using B = test::Reference;
using DebertaBlock =
    nn::Block<nn::LayerNorm, nn::DisentangledAttention, nn::Mlp<nn::ExactGelu>, nn::PostNorm>;

namespace {

constexpr index_t width = 12;

nn::DisentangledAttention recorded(const io::json::Value& want) {
  return {
      .heads = want.at("heads").as_integer(),
      .positions = {.buckets = want.at("buckets").as_integer(), .longest = want.at("longest").as_integer()},
      .content_to_position = want.at("c2p").as_bool(),
      .position_to_content = want.at("p2c").as_bool(),
      .share_projections = want.at("shared").as_bool(),
      .table_norm = want.at("norm").as_bool()};
}

/// Writes down who visits.
struct Visits {
  struct Visit {
    std::string path;
    index_t ordinal, rows;
    std::vector<index_t> offsets;
  };
  std::vector<Visit> all = {};
  template <Backend C> Var<C> visit(const SiteCall<C>& c) {
    all.push_back({c.site.path, c.site.ordinal, c.x.rows(), {c.offsets.begin(), c.offsets.end()}});
    return std::move(c.y);
  }
};

nn::TransformerConfig<DebertaBlock> config_of(bool shared) {
  return {
      .vocabulary = 13,
      .width = width,
      .layers = 2,
      .positions = 20,
      .embedding_norm = true,
      .block = {
          .attention = {.heads = 3, .positions = {.buckets = 4, .longest = 12}, .share_projections = shared},
          .feed_forward = {.hidden = 8}}};
}

template <class W = Frozen<B>> using Model = nn::Transformer<B, DebertaBlock, W>;

/// Gradients of adapters at q and k, against finite differences.
template <class M> double gradient_error_of(bool shared, const M& method, std::optional<std::uint64_t> draw) {
  B b;
  const Model<> model(b, config_of(shared), test::weights_of(2));
  auto adapters = adapt::attach(b, model, method, 3);
  test::stir(b, adapters);
  adapters.phase(draw);
  const nn::Batch<B> batch(b, test::sequences());
  const Tensor<B> target(b, batch.rows(), width, test::random_numbers(9, batch.rows() * width));
  std::vector<Parameter<B>*> parameters;
  adapters.for_each_parameter([&](Parameter<B>& p, double) {
    if (p.name.find("q.") != std::string::npos || p.name.find("k.") != std::string::npos)
      parameters.push_back(&p);
  });
  return gradient_error(b, std::span<Parameter<B>* const>(parameters),
                        [&](Tape<B>& t) { return squared_error(model.forward(t, batch, adapters), target); });
}

/// Gradients of adapters at q and k, against those of the weights they make up, W' = g (W + s B A) by rows:
///   dL/dB = s g dL/dW' A^T,  dL/dA = s (g B)^T dL/dW',  dL/dmagnitude = dL/dW' W' / magnitude
template <class M> void gradients_are_those_of_the_weights(const M& method) {
  B b;
  const Model<> model(b, config_of(true), test::weights_of(2));
  auto adapters = adapt::attach(b, model, method, 3);
  test::stir(b, adapters);
  const auto updates = adapt::updates_of(b, model, adapters);
  const Model<Parameter<B>> full(b, config_of(true), adapt::merged_source(b, model, updates));
  const nn::Batch<B> batch(b, test::sequences());
  const Tensor<B> target(b, batch.rows(), width, test::random_numbers(9, batch.rows() * width));
  Bare bare;
  const auto backward = [&](const auto& on, auto& policy) {
    Tape<B> tape(b);
    tape.backward(squared_error(on.forward(tape, batch, policy), target));
  };
  backward(model, adapters);
  backward(full, bare);
  std::map<std::string, const Parameter<B>*> weights;
  full.for_each_weight([&](const std::string& name, const Parameter<B>& p) { weights.emplace(name, &p); });
  std::size_t checked = 0;
  model.for_each_site([&](const SiteInfo& site, const WeightView<B>& w) {
    if (site.role != Role::query && site.role != Role::key) return;
    INFO(site.path);
    auto& st = adapters.slots().at(static_cast<std::size_t>(site.ordinal)).state;
    const auto* whole = weights.at(site.path + ".weight");
    const auto g = test::matrix(b, whole->grad), value = test::matrix(b, whole->value),
               a = test::matrix(b, st.factors.a.value), up = test::matrix(b, st.factors.b.value);
    std::vector<double> turn(static_cast<std::size_t>(site.out), 1.0);
    if constexpr (requires { st.magnitude; }) {
      const auto m = st.magnitude.value.template host<double>(b);
      const auto norms = adapt::row_norms(b, st, st.base, w).template host<double>(b);
      std::vector<double> by_magnitude;
      for (index_t i = 0; i < site.out; ++i) {
        const auto at = static_cast<std::size_t>(i);
        turn[at] = m[at] / norms[at];
        double sum = 0;
        for (index_t j = 0; j < site.in; ++j) sum += g(i, j) * value(i, j) / m[at];
        by_magnitude.push_back(sum);
      }
      CHECK(test::relative_error(st.magnitude.grad.template host<double>(b), by_magnitude) < 1e-5);
    }
    const auto by_b = test::matrix_of(site.out, a.rows, [&](index_t i, index_t l) {
      double sum = 0;
      for (index_t j = 0; j < site.in; ++j) sum += g(i, j) * a(l, j);
      return st.scale * turn[static_cast<std::size_t>(i)] * sum;
    });
    const auto by_a = test::matrix_of(a.rows, site.in, [&](index_t l, index_t j) {
      double sum = 0;
      for (index_t i = 0; i < site.out; ++i) sum += turn[static_cast<std::size_t>(i)] * up(i, l) * g(i, j);
      return st.scale * sum;
    });
    CHECK(test::relative_error(st.factors.b.grad.template host<double>(b), by_b.numbers) < 1e-5);
    CHECK(test::relative_error(st.factors.a.grad.template host<double>(b), by_a.numbers) < 1e-5);
    ++checked;
  });
  CHECK(checked == 4);
}

}  // namespace

TEST_CASE("a distance reads the row that DeBERTa-v2 gives it", "[nn][disentangled][oracle]") {
  for (const auto& one : test::deberta_oracle().at("buckets").as_array()) {
    const RelativePositions p{.buckets = one.at("buckets").as_integer(),
                              .longest = one.at("longest").as_integer()};
    CAPTURE(p.buckets, p.longest);
    std::vector<double> rows;
    for (index_t d = -p.longest - 50; d <= p.longest + 50; ++d) rows.push_back(double(p.row(d)));
    CHECK(rows == test::listed(one.at("rows")));
  }
}

TEST_CASE("disentangled attention is DeBERTa-v2's, with its gradients", "[nn][disentangled][oracle]") {
  std::size_t checked = 0;
  for (const auto& want : test::deberta_oracle().at("attention").as_array()) {
    INFO(want.at("name").as_string());
    B b;
    using W = Parameter<B>;
    const auto config = recorded(want);
    nn::SiteCounter site;
    const auto shared = config.make_shared<W>(b, test::hashed_weights(), width);
    const auto layer = config.make<W>(b, test::hashed_weights(), site, 0, width);
    const nn::Batch<B> batch(b, test::sequences_of(want));
    const Parameter<B> x{"x", test::hashed_rows(b, "x", batch.rows(), width), {}};
    Tape<B> tape(b);
    Bare bare;
    const auto y =
        layer.o(layer(tape.leaf(x), batch, shared.begin(tape, batch), bare), batch.where.offsets, bare);
    test::Gradients all{{"x", &x}};
    const auto weigh = [&](const std::string& name, const W& p) { all.emplace_back(name, &p); };
    shared.for_each_weight(weigh);
    layer.for_each_weight(weigh);
    test::is_as_recorded(b, tape, y, all, want);
    ++checked;
  }
  CHECK(checked == 11);
}

TEST_CASE("the table passes the sites of q and k, or sites of its own", "[nn][disentangled]") {
  B b;
  const nn::Batch<B> batch(b, test::sequences());  // of 4, 1 and 6 tokens: distances to 5 on either side
  for (const bool shared : {true, false}) {
    const Model<> model(b, config_of(shared), test::weights_of(2));
    std::vector<std::string> sites;
    model.for_each_site([&](const SiteInfo& s, const WeightView<B>& w) {
      CHECK(s.ordinal == static_cast<index_t>(sites.size()));
      CHECK(w.shape() == Shape{s.out, s.in});
      sites.push_back(s.path);
    });
    CHECK(sites.size() == (shared ? 12u : 16u));
    CHECK(model.site_count() == static_cast<index_t>(sites.size()));
    Visits visits;
    {
      Tape<B> tape(b);
      (void)model.forward(tape, batch, visits);
    }
    std::vector<std::string> paths;
    const index_t reach =
        7;  // rows that -5 .. 5 read: those of -2 .. 2, and on either side one for 3, 4 and 5
    for (const auto& v : visits.all) {
      const bool of_table = v.rows != batch.rows();
      if (of_table) {
        CHECK(v.rows == reach);
        CHECK(v.offsets == std::vector<index_t>{0, v.rows});
      } else {
        CHECK(v.offsets == batch.where.offsets);
      }
      const std::string& at = sites.at(static_cast<std::size_t>(v.ordinal));
      CHECK(v.path == (of_table && shared ? at + ".relative" : at));
      paths.push_back(v.path);
    }
    paths.resize(6);
    CHECK(paths == (shared
                        ? std::vector<std::string>{"blocks.0.q", "blocks.0.k", "blocks.0.v",
                                                   "blocks.0.k.relative", "blocks.0.q.relative", "blocks.0.o"}
                        : std::vector<std::string>{"blocks.0.q", "blocks.0.k", "blocks.0.v", "blocks.0.pos_k",
                                                   "blocks.0.pos_q", "blocks.0.o"}));
    std::vector<std::string> names;
    model.for_each_weight([&](const std::string& name, const auto&) { names.push_back(name); });
    for (const char* name :
         {"relative.weight", "relative.norm.weight", "relative.norm.bias", "blocks.1.k.bias"})
      CHECK(std::ranges::count(names, name) == 1);
    CHECK(std::ranges::count(names, "blocks.1.pos_q.weight") == (shared ? 0 : 1));
  }
}

TEST_CASE("sequences attend within themselves: a batch is its sequences one by one", "[nn][disentangled]") {
  B b;
  const Model<> model(b, config_of(true), test::weights_of(2));
  const auto s = test::sequences();
  Bare bare;
  std::vector<double> apart;
  for (index_t i = 0; i < s.count(); ++i) {
    const auto one = test::states(b, model, bare, test::only(s, i));
    apart.insert(apart.end(), one.begin(), one.end());
  }
  CHECK(test::relative_error(test::states(b, model, bare, s), apart) < 1e-13);
}

TEST_CASE("adapters get their gradients through both visits of a site", "[nn][disentangled][adapt]") {
  // Scores move the loss little, so that its differences are rounded ones.
  const adapt::Lora lora{.adapter = {.dropout = 0.3}, .placement = {.rank = 1}};
  CHECK(gradient_error_of(true, lora, {}) < 1e-5);
  CHECK(gradient_error_of(true, lora, 5) < 1e-5);
  CHECK(gradient_error_of(false, lora, {}) < 1e-5);
  gradients_are_those_of_the_weights(adapt::Lora{.placement = {.rank = 2}});
  gradients_are_those_of_the_weights(adapt::DoraLora{.placement = {.rank = 2}});
}

TEST_CASE("what is trained through two visits is what a merged weight answers", "[nn][disentangled][adapt]") {
  B b;
  const auto s = test::sequences();
  const auto check = [&](const auto& method) {
    const Model<> model(b, config_of(true), test::weights_of(2));
    auto adapters = adapt::attach(b, model, method, 3);
    test::stir(b, adapters);
    Bare bare;
    const auto want = test::states(b, model, adapters, s);
    CHECK(test::relative_error(want, test::states(b, model, bare, s)) > 0.01);
    const auto updates = adapt::updates_of(b, model, adapters);
    const Model<> merged(b, config_of(true), adapt::merged_source(b, model, updates));
    CHECK(test::relative_error(test::states(b, merged, bare, s), want) < 1e-5);
  };
  check(adapt::Lora{.placement = {.rank = 2}});
  check(adapt::DoraLora{.placement = {.rank = 2}});
}

TEST_CASE("what does not fit is an error", "[nn][disentangled]") {
  B b;
  const auto error = [&](const nn::DisentangledAttention& config) {
    return test::error_of<ConfigError>([&] {
      nn::SiteCounter site;
      (void)config.make_shared<Frozen<B>>(b, test::weights_of(1), width);
      (void)config.make<Frozen<B>>(b, test::weights_of(1), site, 0, width);
    });
  };
  CHECK(error({.heads = 3}) == "no error");
  CHECK(error({.heads = 5}) == "attention: a width of 12 does not divide into 5 heads");
  CHECK(error({.heads = 3, .positions = {.buckets = 8, .longest = 5}}) ==
        "relative positions: 8 buckets for distances up to 5, expected at least 2 and a distance above 5");
}
