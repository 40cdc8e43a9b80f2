// SPDX-License-Identifier: MIT
#include <lorica/io/model_head.hpp>

#include <io/scratch.hpp>
#include <support/catch.hpp>

#include <filesystem>

using namespace lorica;

namespace {
std::filesystem::path model(const char* name) {
  return std::filesystem::path(LORICA_TESTS_DIR) / "oracle/models" / name;
}
nn::Numbers nothing(const std::string& name, Shape) { throw ConfigError("asked for " + name); }
}  // namespace

TEST_CASE("a folder's head is known by its tensors", "[io][head]") {
  const auto bert = io::head_of(io::ModelFolder(model("bert")));
  REQUIRE(bert);
  CHECK(bert->outputs == 3);
  CHECK(bert->dense_name == "bert.pooler.dense");
  const auto span = io::head_of(io::ModelFolder(model("bert_span")));
  REQUIRE(span);
  CHECK_FALSE(span->pooling);
  CHECK(io::head_of(io::ModelFolder(model("roberta_regression")))->outputs == 1);
  CHECK(io::head_of(io::ModelFolder(model("gpt2_score")))->output_name == "score");
  CHECK_FALSE(io::head_of(io::ModelFolder(model("llama2"))));
}

TEST_CASE("a head that answers every token is none of a sequence", "[io][head]") {
  const test::Scratch scratch;
  std::filesystem::copy(model("bert") / "model.safetensors", scratch / "model.safetensors");
  auto config = io::read_text(model("bert") / "config.json");
  const std::string of_sequences = "BertForSequenceClassification";
  REQUIRE(config.find(of_sequences) != std::string::npos);
  config.replace(config.find(of_sequences), of_sequences.size(), "BertForTokenClassification");
  (void)scratch.file("config.json", config);
  CHECK_FALSE(io::head_of(io::ModelFolder(scratch.folder())));
}

TEST_CASE("a folder names the categories of its head", "[io][head]") {
  CHECK(io::labels_of(io::ModelFolder(model("bert"))) ==
        std::vector<std::string>{"LABEL_0", "LABEL_1", "LABEL_2"});
  CHECK(io::labels_of(io::ModelFolder(model("llama2"))).empty());
}

TEST_CASE("an adapter's head is known by its tensors", "[io][head]") {
  const io::peft::SavedTensor saved[] = {{"classifier.out_proj.weight", {5, 16}, {}}};
  CHECK(io::head_of(nn::roberta_names, saved)->outputs == 5);
  CHECK_FALSE(io::head_of(nn::bert_names, saved));
  const io::peft::SavedTensor scalar[] = {{"classifier.weight", {}, {1}}};
  CHECK_FALSE(io::head_of(nn::bert_names, scalar));
}

TEST_CASE("parts of a head come from the adapter, then the folder, then a beginning", "[io][head]") {
  const io::ModelFolder folder(model("bert"));
  const std::vector<io::peft::SavedTensor> saved = {
      {"classifier.weight", {2, 16}, std::vector<float>(32, 0.5F)}, {"classifier.bias", {3}, {1, 2, 3}}};
  const auto from = io::head_source(folder, saved, nothing);
  CHECK(from("classifier.weight", {2, 16}).list() == std::vector<float>(32, 0.5F));
  CHECK(from("bert.pooler.dense.weight", {16, 16}).list() ==
        folder.weights->numbers("bert.pooler.dense.weight", {16, 16}).list());
  CHECK(test::thrown<FileError>([&] {
          (void)from("classifier.bias", {1, 2});
        }) == "the adapter's tensor \"classifier.bias\" is [3], the head needs [2]");
  const auto bare = io::head_source(folder, {}, nothing);
  CHECK(bare("classifier.bias", {1, 3}).size() == 3);  // the folder's, for as many classes
  CHECK(test::thrown<ConfigError>([&] {
          (void)bare("classifier.bias", {1, 2});
        }) == "asked for classifier.bias");
  CHECK(test::has(test::thrown<FileError>([&] {
                    (void)io::no_other_source(folder)("classifier.bias", {1, 2});
                  }),
                  "has the tensor \"classifier.bias\", which the head needs"));
}
