// SPDX-License-Identifier: MIT
#include <lorica/adapt/attach.hpp>

#include "adapt/toy.hpp"

using namespace lorica;
using namespace lorica::adapt;
using test::Reference;
using R = Reference;

namespace {

template <Backend B> using Model = nn::Transformer<B, nn::LlamaBlock>;
template <Backend B> Model<B> llama(B& b) {
  return Model<B>(b, test::tiny<nn::LlamaBlock>(), test::weights_of(9));
}

/// The loss and all gradients of one training step of a method, its adapters away from their start; its
/// placement.
struct Step {
  std::map<std::string, std::vector<double>> numbers;
  std::vector<index_t> rank;
};
template <Backend B, class M> Step step(const M& method) {
  B b;
  const auto model = llama(b);
  const auto scores = probe(b, model, test::sequences(), Page{.form = Form::closed, .rank = 2});
  auto adapted = attach(b, model, method, scores, 3);
  test::stir(b, adapted);
  adapted.phase(1);
  Step out{{}, adapted.placement().rank};
  out.numbers["loss"] = {test::backward(b, model, adapted, test::sequences())};
  Tape<B> tape(b);
  if (const auto penalty = adapted.penalty(tape)) tape.backward(*penalty);
  for (auto& [name, g] : test::gradients(b, adapted)) out.numbers["gradient of " + name] = std::move(g);
  out.numbers["scores"] = scores.values;
  return out;
}
template <Backend B, class M> void agrees_with_reference(const char* name, const M& method) {
  const auto got = step<B>(method), want = step<Reference>(method);
  CHECK(got.rank == want.rank);
  REQUIRE(got.numbers.size() == want.numbers.size());
  for (const auto& [what, numbers] : want.numbers) {
    INFO(name << ", " << what);
    CHECK(test::relative_error(got.numbers.at(what), numbers) < 50 * test::tolerance<B>());
  }
}

}  // namespace

TEMPLATE_TEST_CASE("a training step of every method has the same gradients on every backend",
                   "[adapt][attach]", LORICA_SOME_BACKENDS) {
  agrees_with_reference<TestType>("LoRA", Lora{.adapter = {.dropout = 0.2}, .placement = {.rank = 3}});
  agrees_with_reference<TestType>("SVD", SvdLora{.placement = {.rank = 2}});
  agrees_with_reference<TestType>("DomLoRA", DomLora<>{.placement = {.rank = 4}});
}

TEST_CASE("attaching does not touch the model", "[adapt][attach]") {
  Reference b;
  const auto model = llama(b);
  Bare bare;
  const auto before = test::states(b, model, bare, test::sequences());
  auto adapted = attach(b, model, Lora{.placement = {.rank = 2}});
  CHECK(adapted.slots().size() == 14);
  CHECK(test::states(b, model, adapted, test::sequences()) == before);
  test::stir(b, adapted);
  test::backward(b, model, adapted, test::sequences());
  CHECK(test::states(b, model, bare, test::sequences()) == before);
}

TEST_CASE("the dominant site's adapter is the one it would have among all", "[adapt][attach]") {
  Reference b;
  const auto model = llama(b);
  const auto scores = probe(b, model, test::sequences(), Page{.rank = 2});
  auto one = attach(b, model, DomLora<>{.placement = {.rank = 2}}, scores, 6);
  REQUIRE(one.slots().size() == 1);
  const auto& path = scores.sites[scores.dominant()].path;
  CHECK(one.slots()[0].site.path == path);
  auto all = attach(b, model, Lora{.placement = {.rank = 2}}, 6);
  CHECK(test::values(b, one).at(path + ".A") == test::values(b, all).at(path + ".A"));
}

TEST_CASE("attach_at takes a placement as it is", "[adapt][attach]") {
  Reference b;
  const test::Toy<Reference> model(b);
  const auto adapted = attach_at(b, model, DomLora<>{}, Placement{{0, 2, 0, 1}}, 1);
  REQUIRE(adapted.slots().size() == 2);
  CHECK(adapted.slots()[1].rank == 1);
}

TEST_CASE("scores of another model are an error", "[adapt][attach]") {
  Reference b;
  const test::Toy<Reference> model(b);
  const auto scores = probe(b, model, test::sequences(), Page{.rank = 2});
  CHECK(test::error_of<ConfigError>([&] {
          (void)attach(b, llama(b), DomLora<>{.placement = {.rank = 2}}, scores);
        }) == "Dominant: 4 scores for 14 sites");
}

TEST_CASE("whatever adapter a method has can stand at the dominant site alone", "[adapt][attach][domlora]") {
  R b;
  const test::Toy<R> model(b);
  const auto scores = probe(b, model, test::sequences(), Page{});
  const auto check = [&](auto method) {
    auto adapted = attach(b, model, method, scores, 3);
    REQUIRE(adapted.slots().size() == 1);
    CHECK(adapted.slots()[0].site.ordinal == static_cast<index_t>(scores.dominant()));
    test::backward(b, model, adapted, test::sequences());
    double energy = 0;
    adapted.for_each_parameter([&](Parameter<R>& p, double) {
      if (!p.grad.empty()) energy += b.sum_squares(p.grad.cref().data, p.grad.size());
    });
    CHECK(energy > 0);
  };
  check(DomLora<>{.placement = {.rank = 4}});
  check(DomLora<RsLora>{.placement = {.rank = 4}});
  check(DomLora<DoraLora>{.placement = {.rank = 4}});
  check(DomLora<PissaLora>{.placement = {.rank = 4}});
  check(DomLora<OloraLora>{.placement = {.rank = 4}});
  check(DomLora<LoraPlus>{.placement = {.rank = 4}});
  check(DomLora<LoraFa>{.placement = {.rank = 4}});
  check(DomLora<SvdLora>{.placement = {.rank = 4}});
}
