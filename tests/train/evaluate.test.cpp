// SPDX-License-Identifier: MIT
#include <lorica/train/evaluate.hpp>

#include <support/backends.hpp>
#include <train/tiny.hpp>

using namespace lorica;
using B = cpu::EigenBackend<double>;

TEST_CASE("nats for a target are bits by the logarithm of 2", "[train][evaluate]") {
  REQUIRE(train::bits(std::log(256.0)) == Approx(8).epsilon(1e-15));
  REQUIRE(train::bits(0) == 0);
}

TEST_CASE("an evaluation is the mean over all targets, however they are cut into batches",
          "[train][evaluate]") {
  B b;
  const auto model = test::tiny_model<Frozen<B>>(b);
  const test::RaggedSamples samples;
  double sum = 0;
  index_t count = 0;
  for (index_t i = 0; i < samples.size(); ++i) {
    nn::Sequences one;
    samples.append(one, i);
    const nn::Batch<B> batch(b, one);
    Tape<B> tape(b);
    Bare bare;
    const auto loss = nn::NextToken{}.loss(tape, model, bare, batch);
    sum += loss.sum.value().host<double>(b)[0];
    count += loss.count;
  }
  const double want = sum / double(count);
  REQUIRE(want > 1);
  for (const index_t batch : {1, 5, 16, 24, 100}) {
    CAPTURE(batch);
    REQUIRE(train::evaluate(b, model, samples, batch) == Approx(want).epsilon(1e-13));
  }
}

TEST_CASE("an evaluation has no dropout, even in the middle of training, and no regulariser",
          "[train][evaluate]") {
  B b;
  const auto model = test::tiny_model<Frozen<B>>(b);
  const test::RaggedSamples samples;
  adapt::SvdLora method{.adapter = {.dropout = 0.5}, .placement = {.rank = 2}};
  method.adapter.shape.sigma = 1;
  method.adapter.shape.orthogonality = 100;
  auto adapted = adapt::attach(b, model, method, 5);
  for (auto& s : adapted.slots()) fill(b, s.state.factors.lambda.value, 0.5);
  const double rest = train::evaluate(b, model, adapted, samples);
  adapted.phase(3);
  REQUIRE(train::evaluate(b, model, adapted, samples) == rest);
  method.adapter.dropout = 0;
  method.adapter.shape.orthogonality = 0;
  auto without = adapt::attach(b, model, method, 5);
  for (auto& s : without.slots()) fill(b, s.state.factors.lambda.value, 0.5);
  REQUIRE(train::evaluate(b, model, without, samples) == rest);
  without.enable(false);
  REQUIRE(train::evaluate(b, model, without, samples) == train::evaluate(b, model, samples));
  REQUIRE(train::evaluate(b, model, samples) != rest);
}

TEST_CASE("an evaluation keeps nothing and leaves no gradient", "[train][evaluate]") {
  B b;
  const auto model = test::tiny_model<Parameter<B>>(b);
  train::evaluate(b, model, test::RaggedSamples{});
  model.for_each_weight([](const std::string&, const Parameter<B>& w) { REQUIRE(w.grad.empty()); });
}

TEST_CASE("an evaluation of nothing is refused", "[train][evaluate]") {
  struct Untold {
    [[nodiscard]] index_t size() const { return 2; }
    void append(nn::Sequences& to, index_t) const { to.add(std::vector<std::int32_t>{1, 2}, {}); }
  };
  B b;
  const auto model = test::tiny_model<Frozen<B>>(b);
  REQUIRE_THROWS_WITH(train::evaluate(b, model, Untold{}), "evaluate: no targets in 2 samples");
  REQUIRE_THROWS_WITH(train::evaluate(b, model, test::RaggedSamples{}, 0),
                      "evaluate: a batch of 0, expected at least 1");
}
