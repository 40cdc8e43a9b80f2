// SPDX-License-Identifier: MIT
#include <lorica/nn/generate.hpp>

#include "nn/tiny.hpp"

using namespace lorica;
using B = test::Reference;
using Ids = std::vector<std::int32_t>;

namespace {
/// After every token its successor is likeliest, 0 after the last; after `torn`, tokens 2 and 4 are equally
/// likely. It answers by the last row alone.
struct Successor {
  struct config_type {
    index_t vocabulary = 6, positions = 4;
  };
  B& b;
  index_t torn = 5;
  mutable std::vector<Ids> seen = {};
  mutable bool recorded = false;
  Tensor<B> table = one_hot();
  Frozen<B> out = successors();

  config_type config() const { return {}; }
  template <class P> Var<B> forward(Tape<B>& tape, const nn::Batch<B>& batch, P& policy) const {
    seen.push_back(batch.ids.host);
    recorded = recorded || tape.recording();
    (void)policy;
    return embedding(tape, table, batch.ids);
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
  CHECK(nn::generate(b, model, bare, {0, 1, 2}, 4) == Ids{3, 4, 5, 2});
  CHECK(model.seen == std::vector<Ids>{{0, 1, 2}, {0, 1, 2, 3}, {1, 2, 3, 4}, {2, 3, 4, 5}});
  CHECK_FALSE(model.recorded);
  CHECK(nn::generate(b, model, bare, {0}, 0).empty());
}

TEST_CASE("the logits are those of the last row", "[nn][generate]") {
  B b;
  const Successor model{.b = b};
  Bare bare;
  const Ids tokens = {5, 0};
  CHECK(nn::next_logits(b, model, bare, tokens) == std::vector<float>{0, 2, 0, 0, 0, 0});
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
