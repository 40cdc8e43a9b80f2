// SPDX-License-Identifier: MIT
#include <lorica/text/load.hpp>

#include <io/scratch.hpp>
#include <text/oracle.hpp>

#include <fstream>

using namespace lorica;
using Ids = std::vector<std::int32_t>;

TEST_CASE("a folder's tokenizer is what is there", "[text][load]") {
  CHECK(text::load(test::tokenizers() / "roberta").single("a").ids.front() == 0);
  CHECK(text::load(test::tokenizers() / "cased").end_of_text() == 3);
  CHECK(text::load(test::tokenizers() / "llama2c").size() == 512);
#if defined(LORICA_SENTENCEPIECE)
  CHECK(text::load(test::tokenizers() / "spm_bpe").size() == 512);
#else
  CHECK(test::error_of<ConfigError>([] {
          return text::load(test::tokenizers() / "spm_bpe");
        }).find("needs the SentencePiece library") != std::string::npos);
#endif
}

TEST_CASE("a text's end is the configured token, or one of the usual names", "[text][load]") {
  const test::Scratch scratch;
  const auto write = [&](const char* name, const std::string& text) {
    std::ofstream(scratch / name) << text;
  };
  write("tokenizer.json",
        R"({"model":{"type":"BPE","vocab":{"a":0,"</s>":1},"merges":[]},)"
        R"("added_tokens":[{"id":2,"content":"<end>","special":true,"normalized":false}]})");
  CHECK(text::load(scratch / ".").end_of_text() == 1);
  write("special_tokens_map.json", R"({"eos_token":"<end>"})");
  CHECK(text::load(scratch / ".").end_of_text() == 2);
  write("tokenizer_config.json", R"({"eos_token":{"content":"a"}})");
  CHECK(text::load(scratch / ".").end_of_text() == 0);
}

TEST_CASE("tokens added to a BERT's list are whole", "[text][load]") {
  const test::Scratch scratch;
  const auto write = [&](const char* name, const std::string& text) {
    std::ofstream(scratch / name) << text;
  };
  write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nent\n[\n]\n");
  const auto ids = [&] { return text::load(scratch / ".").encode("a [ENT] [X]").ids; };
  CHECK(ids() == std::vector<std::int32_t>{5, 7, 6, 8, 7, 1, 8});
  write("added_tokens.json", R"({"[ENT]": 9})");
  CHECK(ids() == std::vector<std::int32_t>{5, 9, 7, 1, 8});
  write("tokenizer_config.json", R"({"added_tokens_decoder": {"10": {"content": "[X]", "special": true}}})");
  CHECK(ids() == std::vector<std::int32_t>{5, 9, 10});
}

TEST_CASE("a folder without a tokenizer is an error that lists what was sought", "[text][load]") {
  const test::Scratch scratch;
  const auto refusal = [&] { return test::error_of<FileError>([&] { return text::load(scratch / "."); }); };
  const std::string nothing = refusal();
  for (const char* name : {"tokenizer.json", "vocab.json", "merges.txt", "vocab.txt", "tokenizer.model",
                           "spm.model", "tok*.bin"}) {
    CHECK(nothing.find(name) != std::string::npos);
  }
  std::ofstream(scratch / "vocab.json") << "{}";
  CHECK(refusal().find("vocab.json without merges.txt") != std::string::npos);
  CHECK(test::error_of<FileError>([&] { return text::load(scratch / "nowhere"); }).find("is not a folder") !=
        std::string::npos);
}
