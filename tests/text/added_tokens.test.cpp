// SPDX-License-Identifier: MIT
#include <lorica/text/added_tokens.hpp>

#include <support/catch.hpp>

using namespace lorica;
using text::AddedToken;
using text::Word;

namespace {
std::vector<Word> split(const std::vector<AddedToken>& tokens, std::string_view text) {
  text::TokenFinder finder;
  for (const AddedToken& token : tokens) finder.add(token);
  text::Words words = text::one_word(text::align(text));
  finder.split(words);
  return words.list;
}
using List = std::vector<Word>;
}  // namespace

TEST_CASE("added tokens are found, the longest first", "[text][added_tokens]") {
  const std::vector<AddedToken> tokens{
      {.content = "<a>", .id = 1}, {.content = "<a>b", .id = 2}, {.content = "", .id = 3}};
  CHECK(split(tokens, "x<a>y") == List{{0, 1}, {1, 4, 1}, {4, 5}});
  CHECK(split(tokens, "<a>b<a>") == List{{0, 4, 2}, {4, 7, 1}});
  CHECK(split(tokens, "<A>") == List{{0, 3}});
  CHECK(split(tokens, "").empty());
  CHECK(text::TokenFinder().empty());
}

TEST_CASE("added tokens take white space with them, or stand as words", "[text][added_tokens]") {
  CHECK(split({{.content = "<m>", .id = 1, .left_strip = true}}, "a \u3000<m> b") ==
        List{{0, 1}, {1, 8, 1}, {8, 10}});
  CHECK(split({{.content = "<m>", .id = 1, .right_strip = true}}, "a <m>  b") ==
        List{{0, 2}, {2, 7, 1}, {7, 8}});
  const AddedToken both{.content = "<m>", .id = 1, .left_strip = true, .right_strip = true};
  CHECK(split({both}, "<m> <m>") == List{{0, 4, 1}, {4, 7, 1}});
  const AddedToken word{.content = "at", .id = 1, .single_word = true};
  CHECK(split({word}, "at cat \u00E9at at1 at.") == List{{0, 2, 1}, {2, 16}, {16, 18, 1}, {18, 19}});
}
