// SPDX-License-Identifier: MIT
/// @file tests/nn/past.test.cpp
/// A sequence that comes in several batches against the same sequence in one.
#include <lorica/nn/past.hpp>

#include <lorica/adapt/attach.hpp>
#include <lorica/nn/generate.hpp>
#include <lorica/nn/models/deberta.hpp>

#include "nn/tiny.hpp"

using namespace lorica;
using Ids = std::vector<std::int32_t>;
using test::Reference;

namespace {
constexpr index_t longest = 24;

nn::TransformerConfig<nn::LlamaBlock> llama(index_t window) {
  auto c = test::tiny<nn::LlamaBlock>();
  c.positions = longest;
  c.block.attention.window = window;
  c.block.attention.window_from = 1;
  c.block.attention.head_norm = nn::RmsNorm{};
  return c;
}
nn::TransformerConfig<nn::Gpt2Block> gpt2() {
  return {.vocabulary = 13,
          .width = 16,
          .layers = 2,
          .positions = longest,
          .learned_positions = true,
          .block = {.attention = {.heads = 2, .kv_heads = 2, .bias = true, .output_bias = true},
                    .feed_forward = {.hidden = 20}}};
}
template <Backend B, class Block> auto model_of(B& b, const nn::TransformerConfig<Block>& c) {
  return nn::Transformer<B, Block>(b, c, test::weights_of(5));
}
/// Adapters of rank 3 at every site, which do something, and whose dropout must not.
template <class M, Backend B, class Model> auto adapted(B& b, const Model& model) {
  M method{};
  method.adapter.dropout = 0.5;
  method.placement.rank = 3;
  auto a = adapt::attach(b, model, method, Seed{8});
  a.for_each_parameter([&](Parameter<B>& p, double) {
    auto v = p.value.template host<double>(b);
    const auto more = normals(Stream(4, "moved", p.name), static_cast<index_t>(v.size()), 0.2);
    for (std::size_t i = 0; i < v.size(); ++i) v[i] += more[i];
    p.value = MasterTensor<B>(b, p.value.rows(), p.value.cols(), v);
  });
  return a;
}

const Ids prompt = {3, 7, 7, 1, 12, 0, 4, 9, 2, 11, 4, 10, 5, 5, 8};

/// The logits after every piece of the sequence, the pieces given one after the other.
template <class Model, class P, Backend B>
double cached_error(B& b, const Model& model, P& policy, const std::vector<std::size_t>& pieces) {
  nn::Past<B> past;
  std::size_t at = 0;
  double worst = 0;
  for (const std::size_t n : pieces) {
    const auto got = nn::next_logits(b, model, policy, std::span(prompt).subspan(at, n), &past);
    at += n;
    CHECK(past.rows() == static_cast<index_t>(at));
    const auto want = nn::next_logits(b, model, policy, std::span(prompt).first(at));
    worst = std::max(worst, test::relative_error(got, want));
  }
  REQUIRE(at == prompt.size());
  return worst;
}
template <class Model, class P, Backend B> void check(B& b, const Model& model, P& policy) {
  CHECK(cached_error(b, model, policy, std::vector<std::size_t>(prompt.size(), 1)) < test::tolerance<B>());
  CHECK(cached_error(b, model, policy, {4, 1, 3, 1, 1, 5}) < test::tolerance<B>());
  // Past the last position the window slides and the past is made anew.
  nn::GenerateConfig c{.tokens = longest, .sampling = {.temperature = 1.5, .seed = 6}};
  const auto cached = nn::generate(b, model, policy, prompt, c);
  c.cached = false;
  CHECK(cached == nn::generate(b, model, policy, prompt, c));
  CHECK(static_cast<index_t>(cached.size()) == longest);
}
}  // namespace

TEMPLATE_TEST_CASE("a sequence in several batches has the logits of the whole", "[nn][past]",
                   LORICA_SOME_BACKENDS) {
  TestType b;
  Bare bare;
  SECTION("grouped heads that are normalised and turned, some of them in a window") {
    for (const index_t window : {0, 1, 4}) {
      CAPTURE(window);
      check(b, model_of(b, llama(window)), bare);
    }
  }
  SECTION("q, k and v by one linear, learned positions") { check(b, model_of(b, gpt2()), bare); }
  SECTION("with adapters") {
    const auto model = model_of(b, llama(4));
    auto lora = adapted<adapt::Lora>(b, model);
    check(b, model, lora);
    auto dora = adapted<adapt::DoraLora>(b, model);
    check(b, model, dora);
    const auto fused = model_of(b, gpt2());
    auto of_fused = adapted<adapt::DoraLora>(b, fused);
    check(b, fused, of_fused);
    const auto bare_logits = nn::next_logits(b, model, bare, prompt);
    CHECK(test::relative_error(nn::next_logits(b, model, lora, prompt), bare_logits) > 1e-3);
  }
}

TEMPLATE_TEST_CASE("a past keeps the rows of every layer in their order", "[nn][past]", LORICA_BACKENDS) {
  TestType b;
  using T = typename TestType::scalar;
  nn::Past<TestType> past;
  CHECK(past.rows() == 0);
  Tape<TestType> tape(b, false);
  std::vector<double> keys, values;
  for (index_t before = 0, n = 1; n < 6; before += n++) {
    const auto more_k = test::rounded<T>(test::random_numbers(2 * n, 3 * n)),
               more_v = test::rounded<T>(test::random_numbers(2 * n + 1, 3 * n));
    keys.insert(keys.end(), more_k.begin(), more_k.end());
    values.insert(values.end(), more_v.begin(), more_v.end());
    const auto k = tape.constant(Tensor<TestType>(b, n, 3, more_k)),
               v = tape.constant(Tensor<TestType>(b, n, 3, more_v));
    past.append(0, before, v, k);
    CHECK(past.rows() == (before == 0 ? n : before));  // of the last layer
    const auto all = past.append(1, before, k, v);
    CHECK(past.rows() == before + n);
    const auto host = [&](MatrixRef<const T> m) {
      REQUIRE(m.contiguous());
      std::vector<T> out(static_cast<std::size_t>(m.size()));
      b.download(m.data, std::span(out));
      return std::vector<double>(out.begin(), out.end());
    };
    CHECK(host(all.k) == keys);
    CHECK(host(all.v) == values);
  }
  past.clear();
  CHECK(past.rows() == 0);
}

TEST_CASE("what cannot continue a past says so", "[nn][past]") {
  Reference b;
  Bare bare;
  nn::Past<Reference> past;
  const auto forward = [&](const auto& model, const nn::Batch<Reference>& batch, bool recording) {
    return test::error_of<Error>([&] {
      Tape<Reference> tape(b, recording);
      (void)model.forward(tape, batch, bare);
    });
  };
  nn::Sequences s;
  s.add(Ids{1, 2, 3}, {});
  const auto model = model_of(b, llama(0));
  CHECK(model.continues());
  SECTION("a tape that records") {
    CHECK(forward(model, nn::Batch<Reference>(b, s, &past), true) ==
          "Past: the tape records gradients, expected Tape(b, false)");
    CHECK(past.rows() == 0);
    CHECK(forward(model, nn::Batch<Reference>(b, s, &past), false) == "no error");
  }
  SECTION("a batch that ran already, or a pass that was broken off") {
    const nn::Batch<Reference> batch(b, s, &past);
    CHECK(forward(model, batch, false) == "no error");
    CHECK(forward(model, batch, false) ==
          "Past: layer 0 holds 3 rows, the batch continues 0: a batch runs once, and after an error the past "
          "is cleared");
    past.clear();
    CHECK(forward(model, batch, false) == "no error");
  }
  SECTION("more rows than positions") {
    nn::Sequences many;
    many.add(Ids(20, 1), {});
    CHECK(forward(model, nn::Batch<Reference>(b, many, &past), false) == "no error");
    CHECK(forward(model, nn::Batch<Reference>(b, many, &past), false) ==
          "forward: sequence 0 has 40 tokens, the model has 24 positions");
  }
  SECTION("a model whose rows see what follows") {
    const std::string want =
        "forward: the batch has a past, and the rows of this model see what follows them: expected a causal "
        "model, or whole sequences";
    const nn::Transformer<Reference, nn::BertBlock> bert(b, test::tiny<nn::BertBlock>(), test::weights_of(5));
    CHECK_FALSE(bert.continues());
    CHECK(forward(bert, nn::Batch<Reference>(b, s, &past), false) == want);
    CHECK(forward(bert, nn::Batch<Reference>(b, s), false) == "no error");
    nn::TransformerConfig<nn::DebertaBlock> c{.vocabulary = 13, .width = 16, .layers = 1, .positions = 6};
    c.block.attention.heads = 2;
    c.block.feed_forward.hidden = 20;
    const nn::Transformer<Reference, nn::DebertaBlock> deberta(b, c, test::weights_of(5));
    CHECK(forward(deberta, nn::Batch<Reference>(b, s, &past), false) == want);
    CHECK(past.rows() == 0);
  }
}
