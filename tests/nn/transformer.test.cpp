// SPDX-License-Identifier: MIT
#include <lorica/nn/transformer.hpp>

#include <lorica/adapt/attach.hpp>
#include <lorica/adapt/probe.hpp>
#include <lorica/nn/convolution.hpp>
#include <lorica/nn/disentangled_attention.hpp>
#include <lorica/nn/head_objectives.hpp>
#include <lorica/nn/objective.hpp>

#include "adapt/toy.hpp"

#include <numeric>

using namespace lorica;
using test::Reference;

namespace {

template <Backend B, class Block, class W = Frozen<B>>
nn::Transformer<B, Block, W> model_of(B& b, Seed seed = 9) {
  return nn::Transformer<B, Block, W>(b, test::tiny<Block>(), test::weights_of(seed));
}
template <class Model, Backend B>
std::vector<double> states(B& b, const Model& model, const nn::Sequences& s) {
  const nn::Batch<B> batch(b, s);
  Tape<B> tape(b, false);
  return model.forward(tape, batch).value().template host<double>(b);
}

/// The states, the loss and every gradient of a model whose weights train, by name.
template <Backend B, class Block> std::map<std::string, std::vector<double>> all_of() {
  B b;
  auto model = model_of<B, Block, Parameter<B>>(b);
  const auto sequences = test::sequences();
  const nn::Batch<B> batch(b, sequences);
  std::map<std::string, std::vector<double>> out;
  out["states"] = states(b, model, sequences);
  Tape<B> tape(b);
  Bare bare;
  const auto loss = nn::NextToken{}.loss(tape, model, bare, batch);
  out["loss"] = loss.sum.value().template host<double>(b);
  tape.backward(loss.sum);
  model.for_each_parameter(
      [&](Parameter<B>& p) { out["gradient of " + p.name] = p.grad.template host<double>(b); });
  const auto frozen = model_of<B, Block>(b);
  out["frozen states"] = states(b, frozen, sequences);
  return out;
}
template <Backend B, class Block> void agrees_with_reference(const char* family) {
  const auto got = all_of<B, Block>();
  const auto want = all_of<Reference, Block>();
  REQUIRE(got.size() == want.size());
  for (const auto& [what, numbers] : want) {
    INFO(family << ", " << what);
    if (what == "gradient of blocks.0.k.bias" || what == "gradient of blocks.1.k.bias") {
      // Softmax does not see what is added to all keys: this gradient is 0, and rounding all there is of it.
      CHECK(test::relative_error(got.at(what), std::vector<double>(numbers.size())) <
            20 * test::tolerance<B>());
      continue;
    }
    CHECK(test::relative_error(got.at(what), numbers) < 20 * test::tolerance<B>());
  }
  CHECK(test::relative_error(got.at("frozen states"), got.at("states")) < 20 * test::tolerance<B>());
}

/// Central differences of the whole model's loss by the weights whose names are given.
template <class Block> double gradient_error_of(const std::vector<std::string>& names) {
  Reference b;
  auto model = model_of<Reference, Block, Parameter<Reference>>(b);
  const nn::Batch<Reference> batch(b, test::sequences());
  std::vector<Parameter<Reference>*> chosen;
  model.for_each_parameter([&](Parameter<Reference>& p) {
    if (std::ranges::find(names, p.name) != names.end()) chosen.push_back(&p);
  });
  REQUIRE(chosen.size() == names.size());
  return gradient_error(b, std::span<Parameter<Reference>* const>(chosen), [&](Tape<Reference>& tape) {
    Bare bare;
    return nn::NextToken{}.loss(tape, model, bare, batch).sum;
  });
}

template <class Block> double ragged_error() {
  Reference b;
  const auto model = model_of<Reference, Block>(b);
  const auto all = test::sequences();
  std::vector<double> one_by_one;
  for (index_t s = 0; s < all.count(); ++s) {
    const auto rows = states(b, model, test::only(all, s));
    one_by_one.insert(one_by_one.end(), rows.begin(), rows.end());
  }
  return test::relative_error(states(b, model, all), one_by_one);
}

/// Three layers of a family: the last one is never recomputed.
template <class Block> nn::TransformerConfig<Block> deeper() {
  if constexpr (std::same_as<Block, nn::DebertaBlock>) {
    nn::TransformerConfig<Block> c{
        .vocabulary = 13,
        .width = 12,
        .layers = 3,
        .positions = 20,
        .embedding_norm = true,
        .block = {.attention = {.heads = 3, .positions = {.buckets = 4, .longest = 12}},
                  .feed_forward = {.hidden = 8}}};
    c.block.beside.emplace();
    return c;
  } else {
    auto c = test::tiny<Block>();
    c.layers = 3;
    return c;
  }
}
nn::Sequences ragged(Seed seed, index_t sequences, index_t most) {
  const Stream random(seed, "ragged", "");
  nn::Sequences s;
  std::uint64_t drawn = 0;
  for (index_t i = 0; i < sequences; ++i) {
    std::vector<std::int32_t> ids, targets;
    const auto n = 1 + random.below(static_cast<std::uint64_t>(most), drawn++);
    for (std::uint64_t j = 0; j < n; ++j) {
      ids.push_back(static_cast<std::int32_t>(random.below(13, drawn++)));
      targets.push_back(random.below(4, drawn++) == 0 ? no_target
                                                      : static_cast<std::int32_t>(random.below(13, drawn++)));
    }
    targets[0] = 3;
    s.add(ids, targets);
  }
  return s;
}
/// The loss and the gradients of what a trainee shows, by name; the account of the tape into `saved`.
template <Backend B, class Model, class T>
std::map<std::string, std::vector<double>> pass(B& b, const Model& model, T& trainee, const nn::Sequences& s,
                                                Blocks blocks, std::size_t* saved = nullptr) {
  std::map<std::string, std::vector<double>> out;
  const auto each = [&](const auto& f) { trainee.for_each_parameter([&](auto& p, auto...) { f(p); }); };
  each([](Parameter<B>& p) { p.grad = {}; });
  const nn::Batch<B> batch(b, s);
  Tape<B> tape(b, blocks);
  const auto loss = nn::NextToken{}.loss(tape, model, trainee, batch);
  out["the loss"] = loss.sum.value().template host<double>(b);
  tape.backward(loss.sum);
  each([&](Parameter<B>& p) { out[p.name] = p.grad.template host<double>(b); });
  CHECK(tape.size() == 0);
  if (saved != nullptr) *saved = tape.saved_bytes();
  return out;
}
/// A policy of a model whose weights train.
template <class Model> struct Bared : Bare {
  Model& model;
  template <class F> void for_each_parameter(F f) { model.for_each_parameter(f); }
};
/// Adapters with dropout, all sites and one; weights that train; a probe: the same bits.
template <Backend B, class Block> void recomputes_the_same(const char* family) {
  B b;
  const nn::Transformer<B, Block, Frozen<B>> frozen(b, deeper<Block>(), test::weights_of(4));
  nn::Transformer<B, Block, Parameter<B>> trained(b, deeper<Block>(), test::weights_of(4));
  auto everywhere =
      adapt::attach(b, frozen, adapt::Lora{.adapter = {.dropout = 0.3}, .placement = {.rank = 2}}, 3);
  auto one = adapt::attach(b, frozen,
                           adapt::SvdLora{.adapter = {.dropout = 0.1},
                                          .placement = {.rank = 2, .sites = {.paths = {"blocks.1.down"}}}},
                           3);
  test::stir(b, everywhere), test::stir(b, one);
  Bared<decltype(trained)> all{{}, trained};
  for (Seed seed = 1; seed <= 4; ++seed) {
    INFO(family << ", seed " << seed);
    const auto s = ragged(seed, static_cast<index_t>(seed), 6);
    everywhere.phase(seed), one.phase(seed);
    CHECK(pass(b, frozen, everywhere, s, Blocks::recomputed) == pass(b, frozen, everywhere, s, Blocks::kept));
    CHECK(pass(b, frozen, one, s, Blocks::recomputed) == pass(b, frozen, one, s, Blocks::kept));
    CHECK(pass(b, trained, all, s, Blocks::recomputed) == pass(b, trained, all, s, Blocks::kept));
    const auto scores = [&](Blocks blocks) {
      return adapt::probe(b, frozen, s, adapt::Page{.rank = 2}, nn::NextToken{}, 2, blocks).values;
    };
    CHECK(scores(Blocks::recomputed) == scores(Blocks::kept));
  }
}

/// A model that is not told which rows are read.
template <class Model> struct EveryRow {
  const Model& model;
  template <Backend B, class P> Var<B> forward(Tape<B>& tape, const nn::Batch<B>& batch, P& policy) const {
    return model.forward(tape, batch, policy);
  }
  [[nodiscard]] const auto& head() const { return model.head(); }
  template <class F> void for_each_site(F f) const { model.for_each_site(f); }
  [[nodiscard]] bool meets_sites_again() const { return model.meets_sites_again(); }
};
/// The largest relative error of the numbers under any name; what is small beside the rest is measured
/// against a hundredth of it: where a row sees itself alone, its query's gradient is 0, and rounding all
/// there is.
template <class A, class C> double difference(const A& got, const C& want) {
  REQUIRE(got.size() == want.size());
  const auto norm = [](const std::vector<double>& v) {
    return std::sqrt(std::inner_product(v.begin(), v.end(), v.begin(), 0.0));
  };
  double largest = 0, worst = 0;
  for (const auto& [name, numbers] : want) largest = std::max(largest, norm(numbers));
  for (const auto& [name, numbers] : want) {
    std::vector<double> apart = got.at(name);
    REQUIRE(apart.size() == numbers.size());
    for (std::size_t i = 0; i < apart.size(); ++i) apart[i] -= numbers[i];
    worst = std::max(worst, norm(apart) / std::max(norm(numbers), 1e-2 * largest));
  }
  return worst;
}
/// Few targets, and a head that pools: loss, gradients and scores are those of all rows.
template <Backend B, class Block> void reads_the_same(const char* family, index_t layers) {
  B b;
  auto config = deeper<Block>();
  config.layers = layers;
  const nn::Transformer<B, Block, Frozen<B>> frozen(b, config, test::weights_of(4));
  nn::Transformer<B, Block, Parameter<B>> trained(b, config, test::weights_of(4));
  const EveryRow<decltype(frozen)> all_of_frozen{frozen};
  const EveryRow<decltype(trained)> all_of_trained{trained};
  auto lora = adapt::attach(b, frozen, adapt::Lora{.placement = {.rank = 2}}, 3);
  test::stir(b, lora);
  Bared<decltype(trained)> bare{{}, trained};
  const double tolerance = 20 * test::tolerance<B>();
  for (Seed seed = 1; seed <= 3; ++seed) {
    INFO(family << ", " << layers << " layers, seed " << seed);
    nn::Sequences s = ragged(seed, 2 + static_cast<index_t>(seed), 6);
    for (std::size_t i = 0; i < s.targets.size(); ++i)
      if ((i + seed) % 3 != 0) s.targets[i] = no_target;
    const auto read = pass(b, frozen, lora, s, Blocks::kept);
    CHECK(difference(read, pass(b, all_of_frozen, lora, s, Blocks::kept)) < tolerance);
    CHECK(pass(b, frozen, lora, s, Blocks::recomputed) == read);
    CHECK(difference(pass(b, trained, bare, s, Blocks::kept),
                     pass(b, all_of_trained, bare, s, Blocks::kept)) < tolerance);
    const auto scores = [&](const auto& model) {
      return adapt::probe(b, model, s, adapt::Page{.rank = 2}, nn::NextToken{}, 2).values;
    };
    CHECK(test::relative_error(scores(frozen), scores(all_of_frozen)) < tolerance);

    s.labels.resize(static_cast<std::size_t>(s.count()), {.category = 1});
    for (const auto pooling : {Pooling::first, Pooling::last, Pooling::mean}) {
      nn::HeadConfig of = nn::decoder_head(3);
      of.pooling = pooling;
      nn::Head<B> head(b, of, config.width, nn::initial_head(1));
      const nn::Classification<B> objective{{&head}};
      const auto step = [&](const auto& model) {
        std::map<std::string, std::vector<double>> out;
        lora.for_each_parameter([](Parameter<B>& p, double) { p.grad = {}; });
        const nn::Batch<B> batch(b, s);
        Tape<B> tape(b);
        const auto loss = objective.loss(tape, model, lora, batch);
        tape.backward(loss.sum);
        out["the loss"] = loss.sum.value().template host<double>(b);
        lora.for_each_parameter(
            [&](Parameter<B>& p, double) { out[p.name] = p.grad.template host<double>(b); });
        return out;
      };
      CHECK(difference(step(frozen), step(all_of_frozen)) < tolerance);
    }
  }
}

std::vector<std::string> weight_names(const auto& model) {
  std::vector<std::string> names;
  model.for_each_weight([&](const std::string& name, const auto&) { names.push_back(name); });
  return names;
}

}  // namespace

TEMPLATE_TEST_CASE("models answer and learn alike on every backend, frozen or not", "[nn][transformer]",
                   LORICA_SOME_BACKENDS) {
  agrees_with_reference<TestType, nn::LlamaBlock>("llama");
  agrees_with_reference<TestType, test::GptBlock>("gpt");
  agrees_with_reference<TestType, nn::BertBlock>("bert");
}

TEST_CASE("the gradients of whole models are those of central differences", "[nn][transformer]") {
  CHECK(gradient_error_of<nn::LlamaBlock>({"embedding.weight", "blocks.0.norm_1.weight", "blocks.0.q.weight",
                                           "blocks.0.k.weight", "blocks.1.gate.weight",
                                           "blocks.1.down.weight", "final_norm.weight"}) < 1e-7);
  CHECK(gradient_error_of<test::GptBlock>({"positions.weight", "blocks.0.norm_2.bias", "blocks.0.v.weight",
                                           "blocks.0.v.bias", "blocks.1.up.weight", "blocks.1.down.bias",
                                           "final_norm.bias"}) < 1e-7);
  CHECK(gradient_error_of<nn::BertBlock>({"embedding.weight", "embedding.norm.weight", "blocks.0.q.weight",
                                          "blocks.0.o.bias", "blocks.1.norm_1.weight", "blocks.1.up.weight",
                                          "blocks.1.norm_2.bias"}) < 1e-7);
}

TEST_CASE("a ragged batch is its sequences one by one", "[nn][transformer]") {
  CHECK(ragged_error<nn::LlamaBlock>() < 1e-13);
  CHECK(ragged_error<test::GptBlock>() < 1e-13);
  CHECK(ragged_error<nn::BertBlock>() < 1e-13);
}

TEMPLATE_TEST_CASE("blocks that are recomputed give the same loss, gradients and scores, bit for bit",
                   "[nn][transformer][recomputed]", LORICA_SOME_BACKENDS) {
  recomputes_the_same<TestType, nn::LlamaBlock>("llama");
}
TEST_CASE("and so in every family", "[nn][transformer][recomputed]") {
  recomputes_the_same<Reference, test::GptBlock>("gpt");
  recomputes_the_same<Reference, nn::BertBlock>("bert");
  recomputes_the_same<Reference, nn::DebertaBlock>("deberta");
}

TEMPLATE_TEST_CASE("the last block may compute the rows that are read alone", "[nn][transformer]",
                   LORICA_SOME_BACKENDS) {
  reads_the_same<TestType, nn::LlamaBlock>("llama", 2);
  reads_the_same<TestType, nn::BertBlock>("bert", 2);
}
TEST_CASE("and so in every family, and where it is the first block as well", "[nn][transformer]") {
  reads_the_same<Reference, test::GptBlock>("gpt", 2);
  reads_the_same<Reference, nn::DebertaBlock>("deberta", 2);
  reads_the_same<Reference, nn::DebertaBlock>("deberta", 1);
  reads_the_same<Reference, nn::LlamaBlock>("llama", 1);
}
TEST_CASE("the rows that are read leave the model, and no others", "[nn][transformer]") {
  Reference b;
  const auto model = model_of<Reference, nn::BertBlock>(b);
  nn::Sequences s = test::sequences();
  s.labels.resize(3);
  const nn::Batch<Reference> batch(b, s);
  Tape<Reference> tape(b, false);
  Bare bare;
  const auto all = test::matrix(b, model.forward(tape, batch, bare).value());
  const auto* last = batch.read_by(Pooling::last);
  const auto read = test::matrix(b, model.forward(tape, batch, bare, last).value());
  const index_t ends[] = {3, 4, 10};
  const auto want = test::matrix_of(3, 16, [&](index_t i, index_t j) { return all(ends[i], j); });
  CHECK(read.rows == 3);
  CHECK(test::relative_error(read.numbers, want.numbers) < 1e-14);
}

TEST_CASE("of blocks that are recomputed their input is saved, and the inside of the last",
          "[nn][transformer][recomputed][memory]") {
  Reference b;
  auto config = test::tiny<nn::LlamaBlock>();
  const auto s = ragged(1, 5, 6);
  const auto saved = [&](index_t layers, Blocks blocks, adapt::Select sites = {}) {
    config.layers = layers;
    const nn::Transformer<Reference, nn::LlamaBlock> model(b, config, test::weights_of(4));
    auto lora = adapt::attach(b, model, adapt::Lora{.placement = {.rank = 2, .sites = std::move(sites)}});
    std::size_t bytes = 0;
    (void)pass(b, model, lora, s, blocks, &bytes);
    return bytes;
  };
  const std::size_t input = static_cast<std::size_t>(s.rows() * config.width) * sizeof(double);
  const std::size_t one = saved(1, Blocks::kept), two = saved(2, Blocks::recomputed);
  CHECK(saved(1, Blocks::recomputed) == one);
  // A first block over a frozen embedding saves a little less than the others.
  CHECK(two > one + input);
  CHECK(100 * two < 115 * (one + input));
  CHECK(saved(8, Blocks::recomputed) == two + 6 * input);
  const std::size_t block = saved(3, Blocks::kept) - saved(2, Blocks::kept);
  CHECK(saved(8, Blocks::kept) == saved(2, Blocks::kept) + 6 * block);
  CHECK(block > 6 * input);
  // Nothing needs a gradient below the first adapter: not even an input is kept of those blocks.
  CHECK(saved(8, Blocks::recomputed, {.layers = {5, 6, 7}}) == two + input);
}

TEST_CASE("a decoder does not see the future and an encoder does", "[nn][transformer]") {
  Reference b;
  const std::vector<std::int32_t> tokens = {1, 2, 3}, changed = {1, 2, 4};
  nn::Sequences s, t;
  s.add(tokens, {});
  t.add(changed, {});
  const auto first_rows = [](std::vector<double> v) {
    v.resize(32);  // of 3, each 16 wide
    return v;
  };
  const auto llama = model_of<Reference, nn::LlamaBlock>(b);
  const auto bert = model_of<Reference, nn::BertBlock>(b);
  CHECK(test::relative_error(first_rows(states(b, llama, s)), first_rows(states(b, llama, t))) < 1e-14);
  CHECK(test::relative_error(first_rows(states(b, bert, s)), first_rows(states(b, bert, t))) > 1e-3);
}

TEST_CASE("a model knows its sites, their roles and their order", "[nn][transformer]") {
  Reference b;
  const auto llama = model_of<Reference, nn::LlamaBlock>(b);
  std::vector<std::string> paths;
  std::vector<Role> roles;
  llama.for_each_site([&](const SiteInfo& site, const WeightView<Reference>& w) {
    CHECK(site.ordinal == static_cast<index_t>(paths.size()));
    CHECK(w.shape() == Shape{site.out, site.in});
    paths.push_back(site.path);
    roles.push_back(site.role);
  });
  CHECK(paths == std::vector<std::string>{"blocks.0.q", "blocks.0.k", "blocks.0.v", "blocks.0.o",
                                          "blocks.0.gate", "blocks.0.up", "blocks.0.down", "blocks.1.q",
                                          "blocks.1.k", "blocks.1.v", "blocks.1.o", "blocks.1.gate",
                                          "blocks.1.up", "blocks.1.down"});
  CHECK(roles[1] == Role::key);
  CHECK(roles[13] == Role::down);
  CHECK(llama.site_count() == 14);
  CHECK(model_of<Reference, test::GptBlock>(b).site_count() == 12);
}

TEST_CASE("a model names its weights", "[nn][transformer]") {
  Reference b;
  const auto llama = weight_names(model_of<Reference, nn::LlamaBlock>(b)),
             gpt = weight_names(model_of<Reference, test::GptBlock>(b)),
             bert = weight_names(model_of<Reference, nn::BertBlock>(b));
  CHECK(llama.size() == 1 + 2 * 9 + 1);
  CHECK(llama.front() == "embedding.weight");
  CHECK(llama[3] == "blocks.0.q.weight");
  CHECK(llama.back() == "final_norm.weight");
  CHECK(gpt.size() == 2 + 2 * 16 + 2);
  CHECK(gpt[1] == "positions.weight");
  CHECK(bert.size() == 4 + 2 * 16);
  CHECK(bert[2] == "embedding.norm.weight");
  CHECK(bert.back() == "blocks.1.down.bias");
}

TEST_CASE("a frozen model has nothing that trains and records nothing", "[nn][transformer]") {
  Reference b;
  auto model = model_of<Reference, nn::LlamaBlock>(b);
  model.for_each_parameter([](auto&) { FAIL("a frozen model showed a parameter"); });
  const nn::Batch<Reference> batch(b, test::sequences());
  Tape<Reference> tape(b);
  CHECK_FALSE(model.forward(tape, batch).needs_grad());
  CHECK(tape.size() == 0);
}

TEST_CASE("a model may move and answers as before", "[nn][transformer]") {
  Reference b;
  auto model = model_of<Reference, test::GptBlock>(b);
  const auto before = states(b, model, test::sequences());
  const auto head = model.head().dense(b).host<double>(b);
  const auto moved = std::move(model);
  CHECK(states(b, moved, test::sequences()) == before);
  CHECK(moved.head().dense(b).host<double>(b) == head);
}

TEST_CASE("the head is the embedding", "[nn][transformer]") {
  Reference b;
  const auto frozen = model_of<Reference, nn::LlamaBlock>(b);
  const auto trained = model_of<Reference, nn::LlamaBlock, Parameter<Reference>>(b);
  const auto want = test::matrix(test::weights_of(9), "embedding.weight", 13, 16).numbers;
  CHECK(frozen.head().dense(b).host<double>(b) == want);
  CHECK(trained.head().value.host<double>(b) == want);
  CHECK(trained.head().name == "embedding.weight");
}

TEST_CASE("sequences that are too long and tokens that are not there are errors", "[nn][transformer]") {
  Reference b;
  const auto model = model_of<Reference, nn::LlamaBlock>(b);
  const auto error = [&](const std::vector<std::int32_t>& tokens) {
    nn::Sequences s = test::sequences();
    s.add(tokens, {});
    return test::error_of<ConfigError>([&] { (void)states(b, model, s); });
  };
  CHECK(error({1, 2, 3, 4, 5, 6}) == "no error");
  CHECK(error({1, 2, 3, 4, 5, 6, 7}) == "forward: sequence 3 has 7 tokens, the model has 6 positions");
  CHECK(error({1, 13}) == "forward: token 12 is 13, the vocabulary has 13");
  CHECK(error({-1}) == "forward: token 11 is -1, the vocabulary has 13");
}

TEST_CASE("a model without layers is an error", "[nn][transformer]") {
  Reference b;
  auto config = test::tiny<nn::LlamaBlock>();
  config.layers = 0;
  CHECK(test::error_of<ConfigError>([&] {
          (void)nn::Transformer<Reference, nn::LlamaBlock>(b, config, test::weights_of(1));
        }) == "Transformer: vocabulary 13, width 16, layers 0, positions 6; all must be above 0");
}
