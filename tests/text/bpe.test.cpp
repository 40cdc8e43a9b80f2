// SPDX-License-Identifier: MIT
#include <lorica/text/bpe.hpp>

#include <support/catch.hpp>

using namespace lorica;
using text::Part;
using Ids = std::vector<std::int32_t>;

namespace {
using Pairs = std::vector<std::pair<std::string, std::string>>;

text::Vocabulary vocabulary(const std::vector<std::string>& tokens) {
  text::Vocabulary v;
  for (std::size_t i = 0; i < tokens.size(); ++i) v.add(tokens[i], static_cast<std::int64_t>(i));
  return v;
}
std::vector<std::int32_t> ids(const text::Bpe& bpe, std::string_view word) {
  std::vector<Part> parts;
  bpe.cut(word, parts);
  std::vector<std::int32_t> out;
  for (const Part& part : parts) out.push_back(part.id);
  return out;
}
}  // namespace

TEST_CASE("neighbours merge in the order of the merges", "[text][bpe]") {
  const text::Bpe bpe(vocabulary({"a", "b", "c", "ab", "bc", "abc"}),
                      Pairs{{"b", "c"}, {"a", "b"}, {"ab", "c"}}, {});
  CHECK(ids(bpe, "abc") == Ids{0, 4});
  CHECK(ids(bpe, "abab") == Ids{3, 3});
  CHECK(ids(bpe, "abxc") == Ids{0, 4});  // x has no token, and there is no unknown one: dropped
  std::vector<Part> parts;
  bpe.cut("xab", parts);
  CHECK(parts == std::vector<Part>{{3, 1, 3}});
}

TEST_CASE("a character without a token is unknown, or its bytes", "[text][bpe]") {
  const std::vector<std::string> tokens{"a", "?", "<0xC3>", "<0xA9>"};
  CHECK(ids({vocabulary(tokens), {}, {.unknown = "?"}}, "\u00E9xa") == Ids{1, 1, 0});
  CHECK(ids({vocabulary(tokens), {}, {.unknown = "?", .fuse_unknown = true}}, "\u00E9xa") == Ids{1, 0});
  CHECK(ids({vocabulary(tokens), {}, {.unknown = "?", .byte_fallback = true}}, "\u00E9x") == Ids{2, 3, 1});
  CHECK(text::byte_token(0x0A) == "<0x0A>");
}

TEST_CASE("prefixes, suffixes, and words that are tokens", "[text][bpe]") {
  const text::Bpe suffix(vocabulary({"a", "b</w>", "ab</w>"}), Pairs{{"a", "b</w>"}},
                         {.end_of_word = "</w>"});
  CHECK(ids(suffix, "ab") == Ids{2});
  const text::Bpe prefix(vocabulary({"a", "##b", "ab"}), Pairs{{"a", "##b"}}, {.continuation = "##"});
  CHECK(ids(prefix, "ab") == Ids{2});
  const std::vector<std::string> tokens{"a", "b", "ab"};
  CHECK(ids({vocabulary(tokens), {}, {}}, "ab") == Ids{0, 1});
  CHECK(ids({vocabulary(tokens), {}, {.ignore_merges = true}}, "ab") == Ids{2});
}

TEST_CASE("merges must be of tokens", "[text][bpe]") {
  CHECK(test::error_of<ConfigError>([] {
          text::Bpe(vocabulary({"a", "b"}), Pairs{{"a", "b"}}, {});
        }) == "BPE: merge 0 needs \"ab\", which is not in the vocabulary");
  CHECK(test::error_of<ConfigError>([] { text::Bpe(vocabulary({"a"}), {}, {.unknown = "u"}); }) ==
        "BPE: the unknown token \"u\" is not in the vocabulary");
}
