// SPDX-License-Identifier: MIT
// What its models compute is tests/io/families.test.cpp.
#include <lorica/io/model_folder.hpp>

#include "io/scratch.hpp"
#include "io/tiny_models.hpp"
#include "support/data.hpp"

#include <lorica/io/json.hpp>

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

TEST_CASE("the real MiniLM encoder gives the sentence embeddings of transformers",
          "[io][model_folder][oracle]") {
  const auto folder = test::minilm_folder();
  if (!folder) return;
  using B = cpu::EigenBackend<float>;
  B b;
  const auto model = io::load_model(b, *folder);
  const auto oracle = io::json::read(fs::path(LORICA_TESTS_DIR) / "oracle/minilm.json");
  nn::Sequences all;
  std::vector<double> want;
  for (const auto& one : oracle.as_array()) {
    std::vector<std::int32_t> ids;
    for (const auto& id : one.at("ids").as_array()) ids.push_back(static_cast<std::int32_t>(id.as_integer()));
    all.add(ids, {});
    for (const auto& x : one.at("embedding").as_array()) want.push_back(x.as_number());
  }
  const nn::Batch<B> batch(b, all);
  Tape<B> tape(b, false);
  Bare bare;
  auto got =
      pool(model.forward(tape, batch, bare), batch.where, Pooling::mean).value().template host<double>(b);
  for (std::size_t first = 0; first < got.size(); first += 384) {
    double squares = 0;
    for (std::size_t j = 0; j < 384; ++j) squares += got[first + j] * got[first + j];
    for (std::size_t j = 0; j < 384; ++j) got[first + j] /= std::sqrt(squares);
  }
  CHECK(test::relative_error(got, want) < 1e-5);
}
