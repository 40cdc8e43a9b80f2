// SPDX-License-Identifier: MIT
#include <lorica/text/aligned.hpp>

#include <support/catch.hpp>

using namespace lorica;
using text::Span;

TEST_CASE("characters are read forwards and backwards", "[text][aligned]") {
  const std::string_view all = "a\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80";
  std::vector<char32_t> points;
  text::for_each_character(all, [&](const text::Character& c) { points.push_back(c.point); });
  CHECK(points == std::vector<char32_t>{U'a', 0xE9, 0x4E2D, 0x1F600});
  CHECK(text::count_characters(all) == 4);
  CHECK(text::character_before(all, all.size()).point == 0x1F600);
  CHECK(text::character_before(all, all.size()).begin == 6);
  CHECK(text::character_before(all, 3).point == 0xE9);
  CHECK(text::is_ascii("plain\x7F"));
  CHECK_FALSE(text::is_ascii(all));
}

TEST_CASE("bytes that are not UTF-8 become U+FFFD, and every byte knows its source", "[text][aligned]") {
  const auto a = text::align("x\xC3\xA9");
  CHECK(a.text == "x\xC3\xA9");
  CHECK(a.from == std::vector<Span>{{0, 1}, {1, 3}, {1, 3}});
  CHECK(a.source(0, 3) == Span{0, 3});

  // As much as could have become a character is one replacement, as in Python and in browsers.
  const auto replaced = [](std::string_view text) {
    std::vector<Span> out;
    const auto aligned = text::align(text);
    text::for_each_character(aligned.text, [&](const text::Character& c) {
      if (c.point == 0xFFFD) out.push_back(aligned.from[c.begin]);
    });
    return out;
  };
  CHECK(replaced("\xFF") == std::vector<Span>{{0, 1}});
  CHECK(replaced("\xE2\x82") == std::vector<Span>{{0, 2}});
  CHECK(replaced("\xE2\x82x") == std::vector<Span>{{0, 2}});
  CHECK(replaced("\xF0\x9F\x98 ") == std::vector<Span>{{0, 3}});
  CHECK(replaced("\xC0\x80") == std::vector<Span>{{0, 1}, {1, 2}});
  CHECK(replaced("\xED\xA0\x80") == std::vector<Span>{{0, 1}, {1, 2}, {2, 3}});
  CHECK(replaced("\xF4\x90\x80\x80").size() == 4);
  CHECK(replaced("\xE2\xE2\x82\xAC") == std::vector<Span>{{0, 1}});
}

TEST_CASE("characters of the input, whole or broken", "[text][aligned]") {
  const std::string_view input = "a\xC3\xA9\xE2\x82\xFF";
  CHECK(text::source_character(input, 1) == 2);
  CHECK(text::source_character(input, 3) == 2);
  CHECK(text::source_character_before(input, 6) == 1);
  CHECK(text::source_character_before(input, 5) == 2);
  CHECK(text::source_character_before(input, 3) == 2);
  CHECK(text::source_character_before(input, 1) == 1);
}

TEST_CASE("parts of an aligned text keep their sources", "[text][aligned]") {
  const auto a = text::align("abc");
  text::Aligned out;
  out.append("--", {7, 9});
  out.append(a, 1, 3);
  out.append(U'\u00E9', Span{2, 3});
  CHECK(out.text == "--bc\xC3\xA9");
  CHECK(out.from == std::vector<Span>{{7, 9}, {7, 9}, {1, 2}, {2, 3}, {2, 3}, {2, 3}});
}
