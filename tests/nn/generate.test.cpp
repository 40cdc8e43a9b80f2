// SPDX-License-Identifier: MIT
#include <lorica/nn/generate.hpp>

#include "nn/tiny.hpp"

using namespace lorica;
using B = test::Reference;
using Ids = std::vector<std::int32_t>;

namespace {
/// After every token its successor is likeliest, 0 after the last; after `torn`, tokens 2 and 4 are equally
/// likely. It answers by the last row alone, and a past of it holds its rows, unless it is forgetful.
struct Successor {
  struct config_type {
    index_t vocabulary = 6, positions = 4;
  };
  B& b;
  index_t torn = 5;
  mutable std::vector<Ids> seen = {};
  bool forgetful = false;
  mutable bool recorded = false;
  Tensor<B> table = one_hot();
  Frozen<B> out = successors();

  config_type config() const { return {}; }
  template <class P> Var<B> forward(Tape<B>& tape, const nn::Batch<B>& batch, P& policy) const {
    seen.push_back(batch.ids.host);
    recorded = recorded || tape.recording();
    (void)policy;
    auto rows = embedding(tape, table, batch.ids);
    if (batch.past != nullptr && !forgetful) batch.past->append(0, batch.where.before, rows, rows);
    return rows;
  }
  const Frozen<B>& head() const { return out; }

 private:
  Tensor<B> one_hot() const {
    std::vector<double> v(36);
    for (std::size_t i = 0; i < 6; ++i) v[i * 6 + i] = 1;
    return Tensor<B>(b, 6, 6, v);
  }
  Frozen<B> successors() const {
    std::vector<double> v(36);  // [next, token]
    for (index_t t = 0; t < 6; ++t) {
      if (t == torn)
        v[static_cast<std::size_t>(2 * 6 + t)] = v[static_cast<std::size_t>(4 * 6 + t)] = 3;
      else
        v[static_cast<std::size_t>((t + 1) % 6 * 6 + t)] = 2;
    }
    return Frozen<B>(b, Tensor<B>(b, 6, 6, v));
  }
};
struct Trained : Bare {
  std::vector<bool> training = {};
  void phase(std::optional<std::uint64_t> draw) { training.push_back(draw.has_value()); }
};
}  // namespace

TEST_CASE("generation takes the likeliest token, the first among equals, from the last positions",
          "[nn][generate]") {
  B b;
  const Successor model{.b = b};
  Bare bare;
  CHECK(nn::generate(b, model, bare, {3}, 3) == Ids{4, 5, 2});
  model.seen.clear();
  CHECK(nn::generate(b, model, bare, {0, 1, 2}, nn::GenerateConfig{.tokens = 4, .cached = false}) ==
        Ids{3, 4, 5, 2});
  CHECK(model.seen == std::vector<Ids>{{0, 1, 2}, {0, 1, 2, 3}, {1, 2, 3, 4}, {2, 3, 4, 5}});
  model.seen.clear();
  CHECK(nn::generate(b, model, bare, {0, 1}, 5) ==
        Ids{2, 3, 4, 5, 2});  // each row once, until the window slides
  CHECK(model.seen == std::vector<Ids>{{0, 1}, {2}, {3}, {1, 2, 3, 4}, {2, 3, 4, 5}});
  CHECK_FALSE(model.recorded);
  CHECK(nn::generate(b, model, bare, {0}, 0).empty());
}

TEST_CASE("generation ends at an end token, or when its listener has enough", "[nn][generate]") {
  B b;
  const Successor model{.b = b};
  Bare bare;
  Ids heard;
  const auto listen = [&](std::int32_t id) {
    heard.push_back(id);
    return id != 4;
  };
  CHECK(nn::generate(b, model, bare, {0}, nn::GenerateConfig{.tokens = 9, .end = {5, 3}}) == Ids{1, 2});
  CHECK(nn::generate(b, model, bare, {2}, nn::GenerateConfig{.tokens = 9, .end = {3}}).empty());
  CHECK(nn::generate(b, model, bare, {1}, nn::GenerateConfig{.tokens = 9}, listen) == Ids{2, 3, 4});
  CHECK(heard == Ids{2, 3, 4});
  heard.clear();
  CHECK(nn::generate(b, model, bare, {1}, nn::GenerateConfig{.tokens = 9, .end = {3}}, listen) == Ids{2});
  CHECK(heard == Ids{2});
}

TEST_CASE("a seed has one text, and another seed another", "[nn][generate]") {
  B b;
  const Successor model{.b = b};
  Bare bare;
  const auto text = [&](Seed seed) {
    return nn::generate(b, model, bare, {0},
                        nn::GenerateConfig{.tokens = 40, .sampling = {.temperature = 2, .seed = seed}});
  };
  CHECK(text(1) == text(1));
  CHECK(text(1) != text(2));
  const auto first = nn::generate(b, model, bare, {0},
                                  nn::GenerateConfig{.tokens = 7, .sampling = {.temperature = 2, .seed = 1}});
  auto longer = text(1);
  longer.resize(7);
  CHECK(longer == first);  // a step's token does not depend on how many follow
}

TEST_CASE("the logits are those of the last row", "[nn][generate]") {
  B b;
  const Successor model{.b = b};
  Bare bare;
  const Ids tokens = {5, 0};
  CHECK(nn::next_logits(b, model, bare, tokens) == std::vector<double>{0, 2, 0, 0, 0, 0});
}

TEST_CASE("a policy is told that generation does not train", "[nn][generate]") {
  B b;
  const Successor model{.b = b};
  Trained policy;
  (void)nn::generate(b, model, policy, {1}, 2);
  CHECK(policy.training == std::vector<bool>{false, false});
}

TEST_CASE("an empty prompt is an error", "[nn][generate]") {
  B b;
  const Successor model{.b = b};
  Bare bare;
  CHECK(test::error_of<ConfigError>([&] { (void)nn::generate(b, model, bare, {}, 1); }) ==
        "generate: the prompt is empty, expected at least one token");
}

TEST_CASE("a configuration that cannot be, and a model that keeps no past, are errors", "[nn][generate]") {
  B b;
  const Successor model{.b = b}, forgetful{.b = b, .forgetful = true};
  Bare bare;
  const auto error = [&](const Successor& m, const nn::GenerateConfig& c) {
    return test::error_of<ConfigError>([&] { (void)nn::generate(b, m, bare, {1, 2}, c); });
  };
  CHECK(error(model, {.tokens = -1}) == "GenerateConfig: -1 tokens, expected 0 or more");
  CHECK(error(model, {.tokens = 0, .sampling = {.top_p = 2}}) == "Sampling: top_p is 2, expected 0 to 1");
  CHECK(error(forgetful, {}) ==
        "next_logits: of 2 rows the model left 0 in the past, expected all: its "
        "attention keeps none; go without");
  CHECK(error(forgetful, {.tokens = 1, .cached = false}) == "no error");
}
