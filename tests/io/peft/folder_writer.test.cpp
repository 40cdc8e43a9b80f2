// SPDX-License-Identifier: MIT
#include <lorica/io/peft/folder_writer.hpp>

#include "io/scratch.hpp"
#include "support/catch.hpp"

#include <lorica/io/safetensors_reader.hpp>

#include <limits>

using namespace lorica;
using namespace lorica::io;
using namespace lorica::io::peft;
using test::contents;
using test::has;
using test::Scratch;
using test::thrown;

namespace {
const Config config{.targets = {.modules = Names{{"q"}}}, .r = 2};
std::vector<ModuleUpdate> one() {
  return {{{"m.q"}, {2, 3, {1, 2, 3, 4, 5, 1.0 / 3}}, {1, 2, {7, 8}}, {}, {9}, {}}};
}
}  // namespace

TEST_CASE("tensors have PEFT's names and shapes", "[io][peft]") {
  const Scratch scratch;
  const std::vector<SavedTensor> saved = {{"classifier.weight", {2, 1}, {1, 2}}};
  write_folder(scratch / "new", config, one(), saved);
  const SafeTensors file(scratch / "new" / "adapter_model.safetensors");
  CHECK(file.metadata() == std::map<std::string, std::string>{{"format", "pt"}});
  CHECK(file.tensors().size() == 4);
  CHECK(file.info("base_model.model.m.q.lora_A.weight").shape == std::vector<index_t>{2, 3});
  CHECK(file.info("base_model.model.m.q.lora_A.weight").dtype == Dtype::F32);
  CHECK(file.read<float>("base_model.model.m.q.lora_B.weight", {1, 2}) == std::vector<float>{7, 8});
  CHECK(file.read<float>("base_model.model.m.q.lora_magnitude_vector", {1}) == std::vector<float>{9});
  CHECK(file.read<float>("base_model.model.classifier.weight", {2, 1}) == std::vector<float>{1, 2});
  CHECK(contents(scratch / "new" / "adapter_config.json") == config_text(config));
  auto updates = one();
  updates[0].e = {5, 6};
  updates[0].magnitude.clear();
  updates[0].bias = {4};
  Config ada = config;
  ada.adalora = true;
  ada.ada.total_step = 1;
  write_folder(scratch / "new", ada, updates, {}, Dtype::F64);
  const SafeTensors again(scratch / "new" / "adapter_model.safetensors");
  CHECK(again.read<double>("base_model.model.m.q.lora_E", {2, 1}) == std::vector<double>{5, 6});
  CHECK(again.read<double>("base_model.model.m.q.lora_A", {2, 3}).back() == 1.0 / 3);
  CHECK(again.read<double>("base_model.model.m.q.lora_B", {1, 2}) == std::vector<double>{7, 8});
  CHECK(again.read<double>("base_model.model.m.q.lora_B.bias", {1}) == std::vector<double>{4});
  write_folder(scratch / "new", config, one(), {}, Dtype::BF16);
  CHECK(SafeTensors(scratch / "new" / "adapter_model.safetensors")
            .info("base_model.model.m.q.lora_A.weight")
            .dtype == Dtype::BF16);
}

TEST_CASE("a folder that cannot be written stays as it was", "[io][peft]") {
  const Scratch scratch;
  const auto folder = scratch / "a";
  auto bad = one();
  bad[0].b(0, 1) = std::numeric_limits<double>::infinity();
  const auto refused = [&] { return thrown<NumericError>([&] { write_folder(folder, config, bad); }); };
  CHECK(has(refused(), "element 1 of base_model.model.m.q.lora_B.weight is inf"));
  CHECK(scratch.entries() == 0);
  bad[0].b(0, 1) = 1e300;  // no float
  CHECK(has(refused(), "is 1e+300"));
  CHECK(has(thrown<ConfigError>([&] { write_folder(folder, config, one(), {}, Dtype::I32); }),
            "I32 is not offered"));
  CHECK(scratch.entries() == 0);
  std::filesystem::create_directory(folder);
  static_cast<void>(scratch.file("a/adapter_model.safetensors", "old"));
  std::filesystem::create_directory(folder / "adapter_config.json");  // in the way
  CHECK(has(thrown<FileError>([&] { write_folder(folder, config, one()); }), "it is a directory"));
  CHECK(contents(folder / "adapter_model.safetensors") == "old");
  CHECK(std::distance(std::filesystem::directory_iterator(folder), {}) == 2);
  static_cast<void>(scratch.file("file", "x"));
  CHECK(has(thrown<FileError>([&] { write_folder(scratch / "file", config, one()); }), "it is no folder"));
}
