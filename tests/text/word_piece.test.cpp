// SPDX-License-Identifier: MIT
#include <lorica/text/word_piece.hpp>

#include <support/catch.hpp>

using namespace lorica;
using text::Part;

namespace {
text::Vocabulary vocabulary() {
  text::Vocabulary v;
  std::int64_t id = 0;
  for (const char* token : {"[UNK]", "un", "##aff", "##able", "unaff", "##\u00E9", "##f", "a"})
    v.add(token, id++);
  return v;
}
std::vector<Part> cut(std::string_view word, text::WordPieceConfig config = {}) {
  std::vector<Part> out;
  text::WordPiece(vocabulary(), config).cut(word, out);
  return out;
}
}  // namespace

TEST_CASE("WordPiece takes the longest token, then the longest continuation", "[text][word_piece]") {
  CHECK(cut("unaffable") == std::vector<Part>{{4, 0, 5}, {3, 5, 9}});
  CHECK(cut("unable") == std::vector<Part>{{1, 0, 2}, {3, 2, 6}});
  CHECK(cut("a\u00E9f") == std::vector<Part>{{7, 0, 1}, {5, 1, 3}, {6, 3, 4}});
  CHECK(cut("unx") == std::vector<Part>{{0, 0, 3}});
  CHECK(cut("aff") == std::vector<Part>{{7, 0, 1}, {6, 1, 2}, {6, 2, 3}});
  CHECK(cut("\u00E9") == std::vector<Part>{{0, 0, 2}});
}

TEST_CASE("a word is unknown when it is too long, counted in characters", "[text][word_piece]") {
  const text::WordPieceConfig config{.longest_word = 3};
  CHECK(cut("a\u00E9\u00E9", config).size() == 3);
  CHECK(cut("a\u00E9\u00E9f", config) == std::vector<Part>{{0, 0, 6}});
  CHECK(test::error_of<ConfigError>([] { return cut("a", {.unknown = "<unk>"}); }) ==
        "WordPiece: the unknown token \"<unk>\" is not in the vocabulary");
}
