// SPDX-License-Identifier: MIT
#include <lorica/text/words.hpp>

#include <support/catch.hpp>

using namespace lorica;
using text::Delimiter;
using text::Words;
using Strings = std::vector<std::string>;

namespace {
Strings strings(const Words& words) {
  Strings out;
  for (const text::Word& word : words.list)
    out.push_back(words.text.text.substr(word.begin, word.end - word.begin));
  return out;
}
Strings split(std::string_view text, Delimiter what, bool inverted = false) {
  Words words = text::one_word(text::align(text));
  const auto dashes = [](std::string_view piece, auto&& report) {
    for (std::size_t i = 0; i < piece.size(); ++i) {
      if (piece[i] == '-') report(text::Span{i, i + 1});
    }
  };
  words.split(dashes, what, inverted);
  return strings(words);
}
}  // namespace

TEST_CASE("a delimiter cuts in five ways", "[text][words]") {
  const char* const text = "the-final--countdown";
  CHECK(split(text, Delimiter::removed) == Strings{"the", "final", "countdown"});
  CHECK(split(text, Delimiter::isolated) == Strings{"the", "-", "final", "-", "-", "countdown"});
  CHECK(split(text, Delimiter::merged_with_previous) == Strings{"the-", "final-", "-", "countdown"});
  CHECK(split(text, Delimiter::merged_with_next) == Strings{"the", "-final", "-", "-countdown"});
  CHECK(split(text, Delimiter::contiguous) == Strings{"the", "-", "final", "--", "countdown"});
  CHECK(split("-a", Delimiter::merged_with_previous) == Strings{"-", "a"});
  CHECK(split("a-", Delimiter::merged_with_next) == Strings{"a", "-"});
  CHECK(split(text, Delimiter::removed, true) == Strings{"-", "-", "-"});
  CHECK(split("", Delimiter::isolated).empty());
}

TEST_CASE("words that are tokens are left alone", "[text][words]") {
  Words words = text::one_word(text::align("a-b"));
  words.list = {{0, 2, 7}, {2, 3}};
  words.split(
      [](std::string_view piece, auto&& report) {
        report(text::Span{0, piece.size()});
      },
      Delimiter::removed);
  CHECK(words.list == std::vector<text::Word>{{0, 2, 7}});
  words.rewrite([](const text::Aligned&, const text::Word&, text::Aligned& out) { out.append("never", {}); });
  CHECK(strings(words) == Strings{"a-"});
}

TEST_CASE("words are written anew, and an empty one is gone", "[text][words]") {
  Words words = text::one_word(text::align("abc"));
  words.list = {{0, 1}, {1, 2}, {2, 3}};
  words.rewrite([](const text::Aligned& text, const text::Word& word, text::Aligned& out) {
    if (text.text[word.begin] == 'b') return;
    out.append(text, word.begin, word.end);
    out.append(text, word.begin, word.end);
  });
  CHECK(strings(words) == Strings{"aa", "cc"});
  CHECK(words.text.from[3] == text::Span{2, 3});
  CHECK(words.text.from.size() == 4);
}
