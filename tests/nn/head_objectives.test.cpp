// SPDX-License-Identifier: MIT
#include <lorica/nn/head_objectives.hpp>

#include "nn/tiny.hpp"

#include <lorica/adapt/attach.hpp>
#include <lorica/train/estimate.hpp>
#include <lorica/train/evaluate.hpp>
#include <lorica/train/fit.hpp>

using namespace lorica;
using B = test::Reference;

namespace {
/// Sequences of one token repeated; the label says which.
struct Repeats {
  index_t size() const { return 12; }
  void append(nn::Sequences& to, index_t i) const {
    const auto token = static_cast<std::int32_t>(i % 3);
    const std::vector<std::int32_t> ids(static_cast<std::size_t>(1 + i % 4), token);
    to.add(
        ids, {},
        {.category = token, .value = float(token) - 1, .first = 0, .last = static_cast<std::int32_t>(i % 4)});
  }
};
}  // namespace

TEST_CASE("a head learns beside the adapters, and the loss is per target", "[nn][head]") {
  B b;
  const nn::Transformer<B, nn::BertBlock> model(b, test::tiny<nn::BertBlock>(), test::weights_of(3));
  const auto run = [&](nn::HeadConfig config, const auto& make) {
    nn::Head<B> head(b, std::move(config), model.config().width, nn::initial_head(1));
    const auto objective = make(head);
    auto adapted = adapt::attach(b, model, adapt::Lora{.placement = {.rank = 2}});
    const double before = train::evaluate(b, model, adapted, Repeats{}, 4, objective);
    const train::FitConfig fit{.steps = 30, .batch = 6, .optimizer = {.lr = 0.02}};
    std::size_t trains = 0;  // numbers
    adapted.for_each_parameter(
        [&](Parameter<B>& p, double) { trains += static_cast<std::size_t>(p.value.size()); });
    head.for_each_parameter([&](Parameter<B>& p) { trains += static_cast<std::size_t>(p.value.size()); });
    CHECK(train::estimate(b, model, adapted, Repeats{}, fit, objective).parameters ==
          trains * sizeof(B::master));
    CHECK(train::fit(b, model, adapted, Repeats{}, fit, objective).tokens ==
          15 * 30);  // 15 times all samples
    return std::pair(before, train::evaluate(b, model, adapted, Repeats{}, 5, objective));
  };
  const auto [before, after] =
      run(nn::bert_head(3), [](auto& head) { return nn::Classification<B>{{&head}}; });
  CHECK(before == Approx(std::log(3.0)).epsilon(0.1));
  CHECK(after < 0.2 * before);
  const auto [apart, near] = run(nn::bert_head(1), [](auto& head) { return nn::Regression<B>{&head}; });
  CHECK(apart == Approx(2.0 / 3).epsilon(0.2));
  CHECK(near < 0.2 * apart);
  const auto [unsure, sure] = run(nn::span_head(), [](auto& head) { return nn::Span<B>{&head}; });
  CHECK(sure < 0.5 * unsure);
}

TEST_CASE("where categories have weights, a sample counts as much as its category weighs", "[nn][head]") {
  B b;
  const nn::Transformer<B, nn::BertBlock> model(b, test::tiny<nn::BertBlock>(), test::weights_of(3));
  nn::Head<B> head(b, nn::bert_head(3), model.config().width, nn::initial_head(1));
  const std::vector<double> weights = {0.5, 2, 3};
  const nn::Classification<B> even{{&head}}, ones{{&head}, {1, 1, 1}}, weighed{{&head}, weights};
  const auto loss_of = [&](const nn::Classification<B>& objective, index_t first, index_t count) {
    nn::Sequences s;
    for (index_t i = first; i < first + count; ++i) Repeats{}.append(s, i);
    const nn::Batch<B> batch(b, s);
    Tape<B> tape(b);
    Bare bare;
    const auto l = objective.loss(tape, model, bare, batch);
    return std::array{l.sum.value().host<double>(b)[0], double(l.count), l.weight};
  };
  const auto plain = loss_of(even, 0, 6);
  CHECK(plain == std::array{plain[0], 6.0, 6.0});
  CHECK(loss_of(ones, 0, 6) == plain);
  double sum = 0, weight = 0;
  for (index_t i = 0; i < 6; ++i) {
    const double w = weights[static_cast<std::size_t>(i % 3)];
    sum += w * loss_of(even, i, 1)[0];
    weight += w;
  }
  const auto got = loss_of(weighed, 0, 6);
  CHECK(got[0] == Approx(sum).epsilon(1e-12));
  CHECK(got[1] == 6);
  CHECK(got[2] == weight);
  // A mean is by weight, however the samples are cut into batches.
  Bare bare;
  CHECK(train::evaluate(b, model, bare, Repeats{}, 12, weighed) ==
        Approx(train::evaluate(b, model, bare, Repeats{}, 5, weighed)).epsilon(1e-12));
  CHECK(train::evaluate(b, model, bare, Repeats{}, 12, weighed) ==
        Approx(loss_of(weighed, 0, 12)[0] / (4 * 5.5)).epsilon(1e-12));
}

TEST_CASE("a batch without labels is an error that says so", "[nn][head]") {
  B b;
  const nn::Transformer<B, nn::BertBlock> model(b, test::tiny<nn::BertBlock>(), test::weights_of(3));
  nn::Head<B> head(b, nn::bert_head(2), model.config().width, nn::initial_head(1));
  const nn::Batch<B> batch(b, test::sequences());
  Tape<B> tape(b);
  Bare bare;
  CHECK(test::error_of<ConfigError>([&] {
          (void)nn::Classification<B>{{&head}}.loss(tape, model, bare, batch);
        }) == "objective: the " + std::to_string(batch.where.sequences()) +
                  " sequences of the batch have no labels, expected one each");
}
