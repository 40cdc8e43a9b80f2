// SPDX-License-Identifier: MIT
#include <lorica/text/tokenizer_json.hpp>

#include <io/scratch.hpp>
#include <text/oracle.hpp>

using namespace lorica;

namespace {
/// What is said of a tokenizer.json with this component.
std::string refusal(const std::string& key, const std::string& value) {
  std::string text =
      R"({"model":{"type":"WordPiece","vocab":{"[UNK]":0}},)" + io::json::quote(key) + ':' + value + '}';
  if (key == "model") text = R"({"model":)" + value + '}';
  return test::error_of<Error>([&] { return text::tokenizer_parts(io::json::parse(text)); });
}
}  // namespace

TEST_CASE("trained tokenizers give the reference's ids, places and text", "[text][tokenizer_json]") {
  for (const char* name : {"llama3", "qwen2", "roberta", "llama2", "metaspace", "wordpiece", "unigram"}) {
    INFO(name);
    const auto folder = test::tokenizers() / name;
    const text::Pipeline tokenizer(text::tokenizer_parts(folder / "tokenizer.json"));
    test::same_on_hard_cases(tokenizer, io::json::read(folder / "expected.json"));
  }
}

TEST_CASE("a component that is not known is an error naming it", "[text][tokenizer_json]") {
  const char* const split = R"({"type":"Split","pattern":{"String":"a"},"behavior":"Both"})";
  CHECK(refusal("normalizer", R"({"type":"Precompiled","precompiled_charsmap":""})") ==
        "normalizer \"Precompiled\" is not supported, expected one of BertNormalizer, NFC, NFD, NFKC, NFKD, "
        "Lowercase, StripAccents, Strip, Replace, Prepend, Sequence");
  CHECK(refusal("pre_tokenizer", R"({"type":"Sequence","pretokenizers":[{"type":"UnicodeScripts"}]})")
            .starts_with("pre_tokenizer \"UnicodeScripts\" is not supported"));
  CHECK(refusal("pre_tokenizer", split).starts_with("pre_tokenizer: behavior \"Both\" is not known"));
  CHECK(refusal("decoder", R"({"type":"Metaspace","replacement":""})") ==
        "decoder: replacement is \"\", expected one character");
  CHECK(refusal("decoder", R"({"type":"CTC"})").starts_with("decoder \"CTC\" is not supported"));
  CHECK(
      refusal("post_processor", R"({"type":"New"})").starts_with("post_processor \"New\" is not supported"));
  CHECK(refusal("model", R"({"type":"WordLevel","vocab":{}})") ==
        "model \"WordLevel\" is not supported, expected one of WordPiece, BPE, Unigram");
  CHECK(refusal("model", R"({"type":"BPE","dropout":0.1,"vocab":{},"merges":[]})")
            .starts_with("model BPE: dropout"));
  CHECK(refusal("model", R"({"type":"BPE","vocab":{},"merges":["a b c"]})") ==
        "model BPE: merge 0 is \"a b c\", expected two tokens with a space between");
  CHECK(refusal("model", R"({"type":"BPE","vocab":{},"merges":[["a"]]})") ==
        "model BPE: a merge is a list of 1, expected 2");
  CHECK(refusal("post_processor", R"({"type":"BertProcessing","sep":["[SEP]"],"cls":["[CLS]",1]})") ==
        "sep is a list of 1, expected 2");
  CHECK(refusal("normalizer", "null") == "no error");
}

TEST_CASE("merges may be pairs, and old files do not name their model", "[text][tokenizer_json]") {
  const char* const file = R"({"model":{"vocab":{"a":0,"b c":1,"ab c":2},"merges":[["a","b c"]]}})";
  const text::Pipeline t(text::tokenizer_parts(io::json::parse(file)));
  CHECK(t.id_of("ab c") == 2);
  CHECK(t.encode("a").ids == std::vector<std::int32_t>{0});
}

TEST_CASE("errors name the file", "[text][tokenizer_json]") {
  const test::Scratch folder;
  const auto file = folder.file("without-model.json", R"({"version":"1.0"})");
  const std::string said = test::error_of<ConfigError>([&] { return text::tokenizer_parts(file); });
  CHECK(said.find(file.string()) == 1);
  CHECK(said.find("no member \"model\"") != std::string::npos);
}
