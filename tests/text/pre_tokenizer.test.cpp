// SPDX-License-Identifier: MIT
#include <lorica/text/pre_tokenizer.hpp>
#include <lorica/text/tokenizer_json.hpp>

#include <text/oracle.hpp>

using namespace lorica;
using Strings = std::vector<std::string>;

namespace {
Strings words_of(const text::PreTokenizer& step, std::string_view text) {
  text::Words words = text::one_word(text::align(text));
  step(words);
  Strings out;
  for (const text::Word& word : words.list)
    out.push_back(words.text.text.substr(word.begin, word.end - word.begin));
  return out;
}
}  // namespace

TEST_CASE("words in each of the usual ways", "[text][pre_tokenizer]") {
  CHECK(words_of(text::split_as_bert, "a, b\u3000c$") == Strings{"a", ",", "b", "c", "$"});
  CHECK(words_of(text::SplitDigits{true}, "a12") == Strings{"a", "1", "2"});
  CHECK(words_of(text::SplitDigits{false}, "a12") == Strings{"a", "12"});
  CHECK(words_of(text::ByteLevel(false), "it's  \u00E9") ==
        Strings{"it", "'s", "\u0120", "\u0120\u00C3\u00A9"});
  CHECK(words_of(text::ByteLevel(true, false), "a b") == Strings{"\u0120a\u0120b"});
  CHECK(words_of(text::Metaspace{}, "a b") == Strings{"\u2581a", "\u2581b"});
  CHECK(words_of(text::Metaspace{.prefix = text::Metaspace::Prefix::never, .split = false}, "a b") ==
        Strings{"a\u2581b"});
}

TEST_CASE("the byte alphabet is 256 characters and knows them", "[text][pre_tokenizer]") {
  std::string token;
  for (const char32_t c : text::byte_alphabet.points) io::append_utf8(token, c);
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(static_cast<unsigned char>(i));
  CHECK(text::byte_alphabet.read(token) == bytes);
  CHECK_FALSE(text::byte_alphabet.read("a b").has_value());
  CHECK_FALSE(text::byte_alphabet.read("\u4E2D").has_value());
}

TEST_CASE("hard cases fall into the reference's words, whatever the pre-tokenizer", "[text][pre_tokenizer]") {
  const io::json::Value rows = io::json::read(test::tokenizers() / "splits.json");
  const auto texts = test::hard_cases();
  REQUIRE(rows.as_array().size() > 100);
  for (const io::json::Value& row : rows.as_array()) {
    const io::json::Value& step = row.at("pre_tokenizer");
    INFO(io::json::dump(step));
    const text::PreTokenizer pre_tokenizer = text::detail::read_pre_tokenizer({step, "pre_tokenizer"});
    test::Fnv fnv;
    std::int64_t count = 0;
    for (const std::string& text : texts) {
      text::Words words = text::one_word(text::align(text));
      pre_tokenizer(words);
      fnv.add(2 * static_cast<std::int64_t>(words.list.size()));
      for (const text::Word& word : words.list) {
        const text::Span span = words.text.source(word.begin, word.end);
        fnv.add(static_cast<std::int64_t>(span.begin));
        fnv.add(static_cast<std::int64_t>(span.end));
        ++count;
      }
    }
    CHECK(count == row.at("words").as_integer());
    CHECK(fnv.hex() == row.at("fnv").as_string());
  }
}
