// SPDX-License-Identifier: MIT
/// @file tests/train/descent.test.cpp
/// A run that replays is the run that walks through every batch, bit for bit.
#include <lorica/train/descent.hpp>

#include <lorica/nn/head_objectives.hpp>
#include <lorica/train/fit.hpp>

#include <nn/tiny.hpp>
#include <support/backends.hpp>
#include <train/tiny.hpp>

using namespace lorica;
using train::FitConfig;

namespace {
/// Samples of some lengths, in turns, so that batches of their number are all of one shape. The largest id is
/// first met halfway.
struct Alike {
  std::vector<index_t> lengths;
  index_t count = 24;
  [[nodiscard]] index_t size() const { return count; }
  [[nodiscard]] auto order(Seed, index_t) const {
    return [](index_t i) { return i; };
  }
  void append(nn::Sequences& to, index_t i) const {
    std::vector<std::int32_t> ids, targets;
    const auto l = static_cast<std::size_t>(i) % lengths.size();
    for (index_t j = 0; j < lengths[l]; ++j) {
      ids.push_back(static_cast<std::int32_t>(i * 5 + j * 3) % 12);
      targets.push_back(gaps && (i + j) % 7 == 6 ? no_target : static_cast<std::int32_t>(i * 3 + j) % 12);
    }
    if (i % count >= count / 2) ids[0] = 12;
    if (labels)
      to.add(ids, {},
             {static_cast<std::int32_t>(i % 3), float(i % 5), 0, static_cast<std::int32_t>(lengths[l]) - 1});
    else
      to.add(ids, targets);
  }
  bool gaps = false, labels = false;
};

struct Outcome {
  test::Numbered state;
  std::vector<double> loss;
  train::FitResult result;
};
template <class B, class Block, class Method, class Make>
Outcome run(const Method& method, const Alike& data, FitConfig c, bool replay,
            const nn::TransformerConfig<Block>& shape, Make make) {
  c.replay = replay;
  B b;
  const nn::Transformer<B, Block> model(b, shape, nn::initial(1, shape.layers));
  auto adapted = adapt::attach(b, model, method);
  const auto objective = make(b, model.config().width);
  train::LossCurve curve;
  test::Snapshot snapshot;
  const auto result = train::fit(b, model, adapted, data, c, objective, curve, snapshot);
  return {snapshot.numbers, curve.loss, result};
}
/// A head that lives as long as its objective.
template <class B, template <class> class O> struct WithHead : O<B> {
  std::shared_ptr<nn::Head<B>> owned;
  explicit WithHead(std::shared_ptr<nn::Head<B>> h) : O<B>{{h.get()}}, owned(std::move(h)) {}
};
template <template <class> class O> auto headed(nn::HeadConfig config) {
  return [config]<class B>(B& b, index_t width) {
    return WithHead<B, O>(std::make_shared<nn::Head<B>>(b, config, width, nn::initial_head(1)));
  };
}
/// How many batches were replayed, of a run that is otherwise the same.
template <class B, class Block, class Method, class Make>
index_t replayed(const Method& method, const Alike& data, const FitConfig& c,
                 const nn::TransformerConfig<Block>& shape, Make make) {
  const auto walked = run<B>(method, data, c, false, shape, make);
  const auto got = run<B>(method, data, c, true, shape, make);
  CHECK(walked.result.replayed == 0);
  CHECK(got.loss == walked.loss);
  CHECK(got.loss.back() != got.loss.front());
  CHECK(test::difference(got.state, walked.state).empty());
  CHECK(got.result.targets == walked.result.targets);
  CHECK(got.result.tokens == walked.result.tokens);
  return got.result.replayed;
}
template <class B, class Method>
index_t replayed(const Method& method, const Alike& data, const FitConfig& c) {
  return replayed<B>(method, data, c, test::tiny_config(), [](auto&, index_t) { return nn::NextToken{}; });
}
template <class B, class Make> index_t replayed_of_encoder(const Make& make) {
  return replayed<B>(adapt::Lora{.placement = {.rank = 2}}, Alike{{4, 1, 6, 3}, 24, false, true},
                     FitConfig{.steps = 10, .batch = 4, .optimizer = {.lr = 5e-3}},
                     test::tiny<nn::BertBlock>(), make);
}
const adapt::Lora lora{.placement = {.rank = 2}};
const FitConfig ten{.steps = 10, .batch = 4, .optimizer = {.lr = 5e-3}};
}  // namespace

TEMPLATE_TEST_CASE("batches of one shape are replayed where the backend records", "[train][descent]",
                   LORICA_SOME_BACKENDS) {
  using B = TestType;
  const bool records = train::detail::Records<B>;
  // The first makes gradients, the second is the first of its kind, the third is recorded.
  CHECK(replayed<B>(lora, {{4, 1, 6, 3}}, ten) == (records ? 10 - 3 - 1 : 0));  // one has a larger id
  FitConfig c = ten;
  c.steps = 30;  // rows without a target, here and there: six shapes
  CHECK(replayed<B>(lora, {{4, 1, 6, 3}, 24, true}, c) >= (records ? 12 : 0));
  c = ten;
  c.accumulate = 2;
  CHECK(replayed<B>(lora, {{4, 1, 6, 3}}, c) > (records ? 9 : -1));
  c = ten;
  c.checkpoint_blocks = true;
  CHECK(replayed<B>(lora, {{4, 1, 6, 3}}, c) == (records ? 6 : 0));
  // Two shapes in turns.
  CHECK(replayed<B>(lora, {{4, 1, 6, 3, 2, 2, 2, 5}}, {.steps = 16, .batch = 4, .optimizer = {.lr = 5e-3}}) >
        (records ? 7 : -1));
}

TEMPLATE_TEST_CASE("a budget that moves is replayed as it moves", "[train][descent]", LORICA_SOME_BACKENDS) {
  using B = TestType;
  const adapt::AdaLora<> method{
      .placement = {
          .start = {.rank = 4}, .target = {.per_matrix = 2}, .tinit = {.steps = 3}, .tfinal = {.steps = 4}}};
  const FitConfig c{.steps = 16, .batch = 4, .optimizer = {.lr = 5e-3}};
  const index_t both = replayed<B>(method, {{4, 1, 6, 3}}, c);
  CHECK(both > (train::detail::Records<B> ? 20 : -1));  // batches, and the regulariser
  auto without = method;
  without.adapter.shape.orthogonality = 0;
  const index_t batches = replayed<B>(without, {{4, 1, 6, 3}}, c);
  CHECK(batches <= (train::detail::Records<B> ? both - 10 : 0));
  CHECK(batches > (train::detail::Records<B> ? 8 : -1));
  auto compact = method;
  compact.placement.compact = true;  // parameters move, and what was recorded over them is not replayed
  CHECK(replayed<B>(compact, {{4, 1, 6, 3}}, c) > (train::detail::Records<B> ? 4 : -1));
}

TEMPLATE_TEST_CASE("adapters of every kind are replayed", "[train][descent]", LORICA_SOME_BACKENDS) {
  using B = TestType;
  const index_t most = train::detail::Records<B> ? 6 : 0;
  CHECK(replayed<B>(adapt::DoraLora{.placement = {.rank = 2}}, {{4, 1, 6, 3}}, ten) == most);
  CHECK(replayed<B>(adapt::PissaLora{.placement = {.rank = 2}}, {{4, 1, 6, 3}}, ten) == most);
  adapt::LoraFa fa{.placement = {.rank = 2}};
  fa.adapter.shape.precondition = true;
  CHECK(replayed<B>(fa, {{4, 1, 6, 3}}, ten) == most);
}

namespace {
/// Takes the memory of recordings away after some steps.
struct Robber {
  template <class R> void step(const R& run, const train::StepInfo& s) {
    if constexpr (requires { run.backend.pool().losses(); })
      if (s.step % 5 == 4) {
        auto& pool = run.backend.pool();
        pool.trim();
        pool.limit(pool.held());
        CHECK_THROWS_AS(pool.take(pool.held()), OutOfMemory);
        pool.limit(0);
      }
  }
};
}  // namespace

TEMPLATE_TEST_CASE("recordings that lose their memory are made again, some times", "[train][descent]",
                   LORICA_SOME_BACKENDS) {
  using B = TestType;
  const auto losses = [&](bool replay, index_t steps) {
    B b;
    const auto model = test::tiny_model<Frozen<B>>(b);
    auto adapted = adapt::attach(b, model, lora);
    train::LossCurve curve;
    FitConfig c = ten;
    c.steps = steps;
    c.replay = replay;
    const auto result = train::fit(b, model, adapted, Alike{{4, 1, 6, 3}}, c, curve, Robber{});
    return std::pair(curve.loss, result.replayed);
  };
  const auto [walked, none] = losses(false, 40);
  const auto [got, some] = losses(true, 40);
  CHECK(none == 0);
  CHECK(got == walked);
  CHECK(some >= (train::detail::Records<B> ? 4 : 0));
  CHECK(some < 12);  // and then no more
}

TEMPLATE_TEST_CASE("heads are replayed with the labels of the batch", "[train][descent]",
                   LORICA_SOME_BACKENDS) {
  using B = TestType;
  const index_t most = train::detail::Records<B> ? 6 : 0;
  CHECK(replayed_of_encoder<B>(headed<nn::Classification>(nn::bert_head(3))) == most);
  CHECK(replayed_of_encoder<B>(headed<nn::Regression>(nn::bert_head(1))) == most);
  CHECK(replayed_of_encoder<B>(headed<nn::Span>(nn::span_head())) == most);
}

TEMPLATE_TEST_CASE("what draws anew every step is walked through", "[train][descent]", LORICA_SOME_BACKENDS) {
  using B = TestType;
  adapt::Lora dropping = lora;
  dropping.adapter.dropout = 0.3;
  CHECK(replayed<B>(dropping, {{4, 1, 6, 3}}, ten) == 0);
  const auto weighed = []<class Any>(Any& b, index_t width) {
    auto o = headed<nn::Classification>(nn::bert_head(3))(b, width);
    o.weights = {1, 2, 3};
    return o;
  };
  CHECK(replayed_of_encoder<B>(weighed) == 0);
}
