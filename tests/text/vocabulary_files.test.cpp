// SPDX-License-Identifier: MIT
#include <lorica/text/vocabulary_files.hpp>

#include <io/scratch.hpp>
#include <support/data.hpp>
#include <text/oracle.hpp>

#include <fstream>

using namespace lorica;

namespace {
text::Pipeline gpt2(const std::filesystem::path& data) {
  return text::Pipeline(text::byte_level_parts(data / "tokenizers/gpt2"));
}
text::Pipeline bert(const std::filesystem::path& data) {
  return text::Pipeline(text::bert_parts(data / "tokenizers/bert/bert-base-uncased-vocab.txt"));
}

/// The sum over what the reference script tokenised of a file: its lines, or the columns of its lines.
void same_sums(const text::Pipeline& tokenizer, const char* name, const std::filesystem::path& data) {
  const io::json::Value real = io::json::read(test::tokenizers() / "real.json");
  for (const io::json::Value& row : real.at("files").as_array()) {
    const std::filesystem::path file = data / row.at("file").as_string();
    const std::string all = io::read_text(file);
    const std::string_view ends = file.extension() == ".tsv" ? "\t\n" : "\n";
    test::Fnv fnv;
    std::int64_t pieces = 0, ids = 0;
    for (std::size_t begin = 0; begin <= all.size(); ++pieces) {
      const std::size_t end = std::min(all.find_first_of(ends, begin), all.size());
      const auto e = tokenizer.encode(std::string_view(all).substr(begin, end - begin));
      fnv.add(static_cast<std::int64_t>(e.size()));
      for (const std::int32_t id : e.ids) fnv.add(id);
      ids += static_cast<std::int64_t>(e.size());
      begin = end + 1;
    }
    INFO(file);
    CHECK(pieces == row.at("pieces").as_integer());
    CHECK(ids == row.at(name).at("ids").as_integer());
    CHECK(fnv.hex() == row.at(name).at("fnv").as_string());
  }
}
}  // namespace

TEST_CASE("GPT-2's vocabulary gives the reference's ids", "[text][vocabulary_files]") {
  const auto data = test::data_folder();
  if (!data) return;
  const text::Pipeline tokenizer = gpt2(*data);
  test::same_on_hard_cases(tokenizer, io::json::read(test::tokenizers() / "real.json").at("gpt2"));
  CHECK(tokenizer.end_of_text() == 50256);
  same_sums(tokenizer, "gpt2", *data);
}

TEST_CASE("BERT's vocabulary gives the reference's ids", "[text][vocabulary_files]") {
  const auto data = test::data_folder();
  if (!data) return;
  const text::Pipeline tokenizer = bert(*data);
  test::same_on_hard_cases(tokenizer, io::json::read(test::tokenizers() / "real.json").at("bert"));
  CHECK(tokenizer.id_of("[MASK]") == 103);
  same_sums(tokenizer, "bert", *data);
}

TEST_CASE("a cased BERT from vocab.txt and its configuration", "[text][vocabulary_files]") {
  const auto folder = test::tokenizers() / "cased";
  const text::Pipeline tokenizer(
      text::bert_parts(folder / "vocab.txt", text::detail::tokenizer_config(folder)));
  test::same_on_hard_cases(tokenizer, io::json::read(folder / "expected.json"));
}

TEST_CASE("the older folders of byte-level models", "[text][vocabulary_files]") {
  const test::Scratch scratch;
  const auto write = [&](const char* name, const std::string& text) {
    std::ofstream(scratch / name) << text;
  };
  std::string vocabulary = R"({"<s>":0,"</s>":1,"<mask>":2,"<|endoftext|>":3,"1":4,"2":5,"12":6,)"
                           R"("\u0120":7,"\u00c3":8,"\u00a9":9,"e":10,"\u00cc":11,"\u0123":12})";
  write("vocab.json", vocabulary);
  write("merges.txt", "#version: 0.2\r\n1 2\r\n");
  const auto with = [&](const std::string& config) {
    return text::Pipeline(text::byte_level_parts(scratch / ".", io::json::parse(config)));
  };
  using Ids = std::vector<std::int32_t>;
  CHECK(with("{}").encode("12<|endoftext|> 1").ids == Ids{6, 3, 7, 4});
  CHECK(with("{}").single("1").ids == Ids{4});
  CHECK(with(R"({"tokenizer_class":"RobertaTokenizerFast"})").single("1 <mask>").ids == Ids{0, 4, 2, 1});
  CHECK(with(R"({"tokenizer_class":"RobertaTokenizer"})").pair("1", "2").ids == Ids{0, 4, 1, 1, 5, 1});
  // Qwen2: a digit a word, and normal form C.
  const auto qwen =
      with(R"({"tokenizer_class":"Qwen2Tokenizer","eos_token":{"content":"<|im_end|>"},)"
           R"("added_tokens_decoder":{"13":{"content":"<|im_end|>","special":true,"normalized":false}}})");
  CHECK(qwen.encode("12e\u0301<|im_end|>").ids == Ids{4, 5, 8, 9, 13});
  CHECK(qwen.decode(Ids{4, 13}) == "1");

  CHECK(test::error_of<ConfigError>([&] {
          with(R"({"tokenizer_class":"T5Tokenizer"})");
        }).starts_with("tokenizer_config.json: tokenizer_class \"T5Tokenizer\" cannot be read"));
  write("merges.txt", "1 2 3\n");
  CHECK(test::error_of<FileError>([&] { return with("{}"); }).find("line 1 is \"1 2 3\"") !=
        std::string::npos);
  write("vocab.txt", "[UNK]\n[CLS]\na\n");
  CHECK(test::error_of<FileError>([&] {
          return text::bert_parts(scratch / "vocab.txt");
        }).find("has no [SEP]") != std::string::npos);
}
