// SPDX-License-Identifier: MIT
// What its models compute is tests/io/families.test.cpp.
#include <lorica/io/model_folder.hpp>

#include "io/scratch.hpp"
#include "io/tiny_llama2c.hpp"
#include "io/tiny_models.hpp"
#include "support/data.hpp"

#include <lorica/io/json.hpp>
#include <lorica/nn/generate.hpp>

using namespace lorica;
using B = cpu::EigenBackend<float>;
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

TEST_CASE("a folder of llama2.c, or its file, is transformers' Llama", "[io][model_folder]") {
  const test::Scratch scratch;
  (void)scratch.file("some.bin", test::tiny_llama2c());
  (void)scratch.file("tok5.bin", "pieces");
  B b;
  const auto numbers = [](std::size_t first, std::size_t n) {
    std::vector<float> out;
    for (std::size_t i = first; i < first + n; ++i) out.push_back(test::tiny_llama2c_number(i));
    return out;
  };
  for (const auto& at : {scratch.folder(), scratch / "some.bin"}) {
    const io::ModelFolder folder(at);
    CHECK(folder.path == scratch.folder());
    CHECK(folder.file == scratch / "some.bin");
    CHECK(folder.language_model);
    CHECK(folder.what.names.module("blocks.1.q") == "model.layers.1.self_attn.q_proj");
    index_t tensors = 0;
    folder.weights->for_each([&](const io::SafeTensors&, const io::TensorInfo&) { ++tensors; });
    CHECK(tensors == 1 + 2 * 9 + 1);
    const auto from = folder.source();
    CHECK(from("embedding.weight", {5, 8}).list() == numbers(0, 40));
    CHECK(from("blocks.1.norm_1.weight", {1, 8}).list() == numbers(48, 8));
    CHECK(from("blocks.1.o.weight", {8, 8}).list() == numbers(40 + 16 + 128 + 64 + 64 + 64, 64));
    CHECK(from("blocks.0.down.weight", {8, 12}).list() ==
          numbers(40 + 16 + 128 + 64 + 64 + 128 + 16 + 192, 96));
    // Heads of 4 rows: theirs are 0, 1, 2, 3, ours 0, 2, 1, 3.
    const auto k = from("blocks.1.k.weight", {4, 8}).list();
    const std::size_t first = 40 + 16 + 128 + 32;
    for (std::size_t row = 0; row < 4; ++row)
      CHECK(
          std::vector<float>(k.begin() + std::ptrdiff_t(row) * 8, k.begin() + std::ptrdiff_t(row + 1) * 8) ==
          numbers(first + 8 * (row == 1 || row == 2 ? 3 - row : row), 8));
    const auto one = io::load_model(b, folder);
    const auto other = io::load_llama2c(b, scratch / "some.bin");
    nn::Sequences s;
    s.add(std::vector<std::int32_t>{3, 1, 4}, {});
    const nn::Batch<B> batch(b, s);
    const auto states = [&](const auto& model) {
      Tape<B> tape(b, false);
      Bare policy;
      return model.forward(tape, batch, policy).value().template host<float>(b);
    };
    CHECK(states(one) == states(other));
  }
  (void)scratch.file("some.bin", test::tiny_llama2c(false));
  const io::ModelFolder untied(scratch.folder());
  CHECK(untied.language_model);
  CHECK(untied.weights->numbers("lm_head.weight", {5, 8}).list() == numbers(40 + 992 + 8 + 24, 40));
}

TEST_CASE("a tied model with another head in its file has that head, as in transformers",
          "[io][model_folder]") {
  const auto from = test::tiny_model_folder("gpt2");
  const io::SafeTensors in(from / "model.safetensors");
  B b;
  nn::Sequences s;
  s.add(std::vector<std::int32_t>{3, 9, 4}, {});
  const nn::Batch<B> batch(b, s);
  const auto logits = [&](float factor) {
    const test::Scratch scratch;
    fs::copy(from / "config.json", scratch / "config.json");
    io::SafeTensorsWriter out;
    for (const auto& t : in.tensors()) {
      auto numbers = in.read<float>(t.name);
      out.add(t.name, t.shape, numbers);
      if (!t.name.ends_with("wte.weight") || factor == 0) continue;
      for (float& x : numbers) x *= factor;
      out.add("lm_head.weight", t.shape, numbers);
    }
    out.write(scratch / "model.safetensors");
    const io::ModelFolder folder(scratch.folder());
    const auto model = io::load_model(b, folder);
    Tape<B> tape(b, false);
    Bare policy;
    const auto h = model.forward(tape, batch, policy);
    MasterTensor<B> z(b, 3, model.config().vocabulary);
    b.multiply(h.value().cref(), model.head().packed(), Trans::yes, 0, z.ref());
    return z.host(b);
  };
  const auto tied = logits(0), same = logits(1), twice = logits(2);
  CHECK(same == tied);
  for (std::size_t i = 0; i < tied.size(); ++i) CHECK(twice[i] == 2 * tied[i]);
}

TEST_CASE("the real stories260K is a folder", "[io][model_folder]") {
  const auto data = test::data_folder();
  if (!data) return;
  const io::ModelFolder folder(*data / "weights/stories260K");
  CHECK(folder.file.filename() == "stories260K.bin");
  cpu::EigenBackend<double> b;
  const auto model = io::load_model(b, folder);
  CHECK(model.config().vocabulary == 512);
  CHECK(model.site_count() == 5 * 7);
  Bare bare;  // " Once upon a", in the ids of tok512
  CHECK(model.visit([&](const auto& m) { return nn::generate(b, m, bare, {1}, 3); }) ==
        std::vector<std::int32_t>{403, 407, 261});
}

TEST_CASE("a folder that holds no model says what was looked for", "[io][model_folder]") {
  const test::Scratch scratch;
  const auto refusal = [](const fs::path& path) {
    return test::thrown<FileError>([&] { io::ModelFolder{path}; });
  };
  const auto empty = refusal(scratch.folder());
  CHECK(test::has(empty, scratch.folder().string()));
  CHECK(test::has(empty,
                  "or one .bin beside a tok*.bin (llama2.c's); it has no config.json, 0 .bin and 0 tok*"));
  (void)scratch.file("a.bin", test::tiny_llama2c());
  CHECK(test::has(refusal(scratch.folder()), "1 .bin and 0 tok*.bin"));
  (void)scratch.file("tok.bin", "pieces");
  CHECK(refusal(scratch.folder()) == "nothing thrown");
  (void)scratch.file("b.bin", test::tiny_llama2c());
  CHECK(test::has(refusal(scratch.folder()), "2 .bin and 1 tok*.bin"));
  CHECK(refusal(scratch / "b.bin") == "nothing thrown");
  CHECK(test::has(refusal(scratch / "none"), "is no folder: a model's folder has config.json"));
  CHECK(test::has(refusal(scratch.file("model.safetensors", "x")), "is a file, expected a folder"));
}

TEST_CASE("the real MiniLM encoder gives the sentence embeddings of transformers",
          "[io][model_folder][oracle]") {
  const auto folder = test::minilm_folder();
  if (!folder) return;
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
