// SPDX-License-Identifier: MIT
#include <lorica/io/peft/folder_reader.hpp>

#include "io/scratch.hpp"
#include "support/catch.hpp"

#include <lorica/io/safetensors_writer.hpp>

#include <limits>

using namespace lorica;
using namespace lorica::io;
using test::has;
using test::Scratch;
using test::thrown;

namespace {
using Tensors = std::vector<std::pair<std::string, std::vector<index_t>>>;

/// A folder of such tensors, all numbers 1, and more members of the configuration.
struct Made {
  Scratch scratch;
  explicit Made(const Tensors& tensors, const std::string& members = "", const char* type = "LORA",
                float value = 1) {
    static_cast<void>(scratch.file(
        "adapter_config.json", message("{\"peft_type\": \"", type, "\", \"total_step\": 1", members, "}")));
    SafeTensorsWriter file;
    for (const auto& [name, shape] : tensors) {
      std::size_t n = 1;
      for (const auto extent : shape) n *= static_cast<std::size_t>(extent);
      file.add(name, shape, std::vector<float>(n, value));
    }
    file.write(scratch / "adapter_model.safetensors");
  }
  [[nodiscard]] peft::Folder read() const { return peft::read_folder(scratch.folder()); }
  [[nodiscard]] std::string refused() const {
    const auto what = thrown<FileError>([&] { static_cast<void>(read()); });
    CHECK(has(what, "'" + scratch.folder().string()));
    return what;
  }
};
const std::string at = "base_model.model.m.q.";
const Tensors pair = {{at + "lora_A.weight", {2, 3}}, {at + "lora_B.weight", {4, 2}}};
Tensors with(const std::string& name, std::vector<index_t> shape) {
  Tensors out = pair;
  out.push_back({name, std::move(shape)});
  return out;
}
}  // namespace

TEST_CASE("tensors by module, with or without PEFT's prefix", "[io][peft]") {
  const auto f = Made(pair).read();
  REQUIRE(f.modules.size() == 1);
  CHECK(f.modules[0].path == "m.q");
  CHECK(f.modules[0].b == at + "lora_B.weight");
  const auto bare = Made({{"m.q.lora_A.weight", {2, 3}}, {"m.q.lora_B.weight", {4, 2}}}).read();
  CHECK(bare.modules[0].path == "m.q");
  const auto ada =
      Made({{at + "lora_A", {0, 3}}, {at + "lora_B", {4, 0}}, {at + "lora_E", {0, 1}}}, "", "ADALORA").read();
  CHECK(ada.modules[0].e == at + "lora_E");
  const auto dora = Made(with(at + "lora_magnitude_vector", {4}), ", \"use_dora\": true").read();
  CHECK(dora.modules[0].magnitude == at + "lora_magnitude_vector");
  const auto bias = Made(with(at + "lora_B.bias", {4}), ", \"lora_bias\": true").read();
  CHECK(bias.modules[0].bias == at + "lora_B.bias");
}

TEST_CASE("heads come along", "[io][peft]") {
  const auto head = with("base_model.model.classifier.weight", {2, 1});
  for (const char* members : {", \"modules_to_save\": [\"classifier\"]", ", \"task_type\": \"SEQ_CLS\""}) {
    const auto f = Made(head, members).read();
    REQUIRE(f.saved.size() == 1);
    CHECK(f.saved[0].name == "classifier.weight");
    CHECK(f.saved[0].shape == std::vector<index_t>{2, 1});
    CHECK(f.saved[0].values == std::vector<float>{1, 1});
  }
  const auto old =
      Made(with("base_model.model.classifier.modules_to_save.weight", {1}), ", \"task_type\": \"SEQ_CLS\"");
  CHECK(old.read().saved[0].name == "classifier.weight");
  CHECK(
      has(Made(head).refused(), "tensor \"base_model.model.classifier.weight\" is neither an adapter's nor"));
}

TEST_CASE("tensors without which the answers would be wrong are refused by name", "[io][peft]") {
  CHECK(has(Made(with(at + "base_layer.bias", {4}), ", \"bias\": \"lora_only\"").refused(),
            "belongs to the base model"));
  CHECK(has(Made(with("base_model.model.e.lora_embedding_A", {2, 9})).refused(),
            "\"lora_embedding_A\" of LORA is not supported"));
  CHECK(has(Made(with("base_model.model.e.token_adapter.trainable_tokens_delta", {2, 9})).refused(),
            "is not supported"));
  CHECK(has(Made(with(at + "lora_diag", {2})).refused(), "\"lora_diag\""));
  CHECK(has(Made(with(at + "lora_magnitude_vector", {4})).refused(),
            "has a lora_magnitude_vector, expected none in LORA"));
  CHECK(has(Made(pair, ", \"use_dora\": true").refused(),
            "lacks lora_magnitude_vector, expected one in LORA with use_dora"));
  CHECK(has(Made({pair[0]}).refused(), "the module \"m.q\" lacks lora_B"));
  CHECK(has(Made(with("m.q.lora_A.weight", {2, 3})).refused(), "is there twice"));
  CHECK(
      has(Made({{at + "lora_A", {1, 3}}, {at + "lora_B", {4, 1}}}, "", "ADALORA").refused(), "lacks lora_E"));
  CHECK(has(Made({}).refused(), "holds no adapter"));
  CHECK(has(Made(with("base_model.model.score.weight", {1}), ", \"task_type\": \"SEQ_CLS\"", "LORA",
                 std::numeric_limits<float>::infinity())
                .refused(),
            "tensor \"base_model.model.score.weight\": element 0 is inf"));
}

TEST_CASE("a pickle is no adapter_model.safetensors", "[io][peft]") {
  const Made made(pair);
  std::filesystem::rename(made.scratch / "adapter_model.safetensors", made.scratch / "adapter_model.bin");
  CHECK(has(made.refused(), "adapter_model.bin, a pickle, which is not read"));
  std::filesystem::remove(made.scratch / "adapter_model.bin");
  CHECK(has(made.refused(), "adapter_model.safetensors"));
}
