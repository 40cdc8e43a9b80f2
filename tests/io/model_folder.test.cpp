// SPDX-License-Identifier: MIT
// What its models compute is tests/io/families.test.cpp.
#include <lorica/io/model_folder.hpp>

#include "io/scratch.hpp"
#include "io/tiny_models.hpp"

using namespace lorica;
namespace fs = std::filesystem;

TEST_CASE("a folder says what it holds before any weight is read", "[io][model_folder]") {
  const io::ModelFolder gpt2(test::tiny_model_folder("gpt2")), bert(test::tiny_model_folder("bert"));
  CHECK(gpt2.what.names.family == "gpt2");
  CHECK(gpt2.language_model);
  CHECK(bert.what.names.family == "bert");
  CHECK_FALSE(bert.language_model);
  const io::ModelFolder scored(test::tiny_model_folder("gpt2_score"));
  CHECK(scored.language_model);  // its head is its embedding
}

TEST_CASE("a causal model saved without its head has states and no logits", "[io][model_folder]") {
  const test::Scratch scratch;
  const auto from = test::tiny_model_folder("llama2");
  fs::copy(from / "config.json", scratch / "config.json");
  io::SafeTensorsWriter out;
  const io::SafeTensors in(from / "model.safetensors");
  for (const auto& t : in.tensors())
    if (t.name != "lm_head.weight") out.add(t.name, t.shape, in.read<float>(t.name));
  out.write(scratch / "model.safetensors");
  const io::ModelFolder whole(from), bare(scratch.folder());
  CHECK(whole.language_model);
  CHECK_FALSE(bare.language_model);
  cpu::EigenBackend<float> b;
  const auto one = io::load_model(b, whole), other = io::load_model(b, bare);
  nn::Sequences s;
  s.add(std::vector<std::int32_t>{3, 9, 4}, {});
  const nn::Batch<cpu::EigenBackend<float>> batch(b, s);
  const auto states = [&](const auto& model) {
    Tape<cpu::EigenBackend<float>> tape(b, false);
    Bare policy;
    return model.forward(tape, batch, policy).value().template host<float>(b);
  };
  CHECK(states(one) == states(other));
}
