// SPDX-License-Identifier: MIT
#include <lorica/train/trainee.hpp>

#include <support/backends.hpp>
#include <train/tiny.hpp>

using namespace lorica;

TEMPLATE_TEST_CASE("everything of a model whose weights are parameters trains", "[train][trainee]",
                   LORICA_SOME_BACKENDS) {
  using B = TestType;
  B b;
  auto model = test::tiny_model<Parameter<B>>(b);
  train::Everything<B, decltype(model)> everything(model);
  static_assert(train::Trainee<decltype(everything), B>);

  std::vector<std::string> weights, parameters;
  model.for_each_weight([&](const std::string& name, const auto&) { weights.push_back(name); });
  everything.for_each_parameter([&](Parameter<B>& p, double rate) {
    REQUIRE(rate == 1);
    parameters.push_back(p.name);
  });
  REQUIRE(parameters == weights);
  test::StateCopy before(b), after(b);
  everything.visit_state(before);
  REQUIRE(before.numbers.size() == weights.size());

  const train::Windows text(test::tiny_text(400), {.length = 16});
  train::LossCurve curve;
  train::fit(b, model, everything, text, {.steps = 30, .batch = 4, .optimizer = {.lr = 2e-2}}, curve);
  everything.visit_state(after);
  for (const auto& name : weights) {
    CAPTURE(name);
    REQUIRE(before.numbers.at(name) != after.numbers.at(name));
  }
  REQUIRE(curve.loss.back() < 0.9 * curve.loss.front());
}

TEMPLATE_TEST_CASE("a frozen model has nothing that trains", "[train][trainee]", LORICA_SOME_BACKENDS) {
  using B = TestType;
  using Model = nn::Decoder<B>;
  B b;
  Model model = test::tiny_model<Frozen<B>>(b);
  using Trainee = train::Everything<B, Model>;
  REQUIRE_THROWS_WITH(Trainee(model), "Everything: the model's weights are frozen; nothing would train");
}
