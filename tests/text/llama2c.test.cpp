// SPDX-License-Identifier: MIT
#include <lorica/text/llama2c.hpp>

#include <io/scratch.hpp>
#include <support/data.hpp>
#include <text/oracle.hpp>

#include <fstream>

using namespace lorica;
using Ids = std::vector<std::int32_t>;

TEST_CASE("llama2.c's tokenizers merge as its encoder does", "[text][llama2c]") {
  const text::Llama2c tokenizer(test::tokenizers() / "llama2c" / "tok.bin");
  test::same_on_hard_cases(tokenizer, io::json::read(test::tokenizers() / "llama2c" / "expected.json"));
  for (const std::string& text : test::hard_cases())
    CHECK(tokenizer.decode(tokenizer.encode(text).ids) == text);
  CHECK(tokenizer.single("a").ids.front() == 1);
  CHECK(tokenizer.end_of_text() == 2);
  CHECK(tokenizer.decode(Ids{1, 2, 0, -5, 9999}) == "");
  CHECK(tokenizer.encode("").size() == 0);
}

TEST_CASE("the tokenizer of stories260K", "[text][llama2c]") {
  const auto data = test::data_folder();
  if (!data) return;
  const text::Llama2c tokenizer(*data / "weights/stories260K/tok512.bin");
  test::same_on_hard_cases(tokenizer, io::json::read(test::tokenizers() / "real.json").at("tok512"));
  CHECK(tokenizer.single("Once upon a time").ids == Ids{1, 403, 407, 261, 378});
}

TEST_CASE("a file that is no tokenizer of llama2.c is refused", "[text][llama2c]") {
  const test::Scratch scratch;
  const auto refusal = [&](const std::string& bytes) {
    std::ofstream(scratch / "tok.bin", std::ios::binary) << bytes;
    return test::error_of<FileError>([&] { text::Llama2c t(scratch / "tok.bin"); });
  };
  const std::string longest("\x04\0\0\0", 4), score("\0\0\0\0", 4);
  CHECK(refusal(longest + score + std::string("\x02\0\0\0a", 5)).find("ends within token 0") !=
        std::string::npos);
  CHECK(refusal(longest + score + std::string("\x09\0\0\0", 4)).find("token 0 has 9 bytes") !=
        std::string::npos);
  CHECK(
      refusal(longest + score + std::string("\x01\0\0\0a", 5)).find("has 1 tokens, expected at least 259") !=
      std::string::npos);
}
