// SPDX-License-Identifier: MIT
#include <lorica/text/pattern.hpp>

#include <support/catch.hpp>

using namespace lorica;
using text::Pattern;
using text::Span;

namespace {
std::vector<std::string> found(const Pattern& pattern, const std::string& text) {
  std::vector<std::string> out;
  pattern.for_each_match(text, [&](Span s) { out.push_back(text.substr(s.begin, s.end - s.begin)); });
  return out;
}
using Strings = std::vector<std::string>;
}  // namespace

TEST_CASE("a pattern finds its matches from left to right", "[text][pattern]") {
  CHECK(found(Pattern("a+"), "baab a") == Strings{"aa", "a"});
  CHECK(found(Pattern("x*"), "\u00E9xx\u00E9") == Strings{"xx"});  // empty matches are none
  CHECK(found(Pattern(R"(\s+(?!\S)|\s+)"), "a   b  ") == Strings{"  ", " ", "  "});
  CHECK(found(Pattern(R"(\p{N}{1,3})"), "12345") == Strings{"123", "45"});
  CHECK(found(Pattern("(?i:'s)"), "'S '\u017F") == Strings{"'S", "'\u017F"});
  CHECK(found(Pattern::literal("a.b|[c]"), "axb a.b|[c]") == Strings{"a.b|[c]"});
}

TEST_CASE("classes are drawn as the reference draws them", "[text][pattern]") {
  CHECK(found(Pattern(R"(\s)"), "\u180E\u00A0\u3000").size() == 2);
  CHECK(found(Pattern(R"(\S)"), "\u180E\u00A0") == Strings{"\u180E"});
  CHECK(found(Pattern(R"([^\s\w]+)"), "a\u0301_9 \u20AC!") == Strings{"\u20AC!"});
  CHECK(found(Pattern(R"(\w+)"), "e\u0301_\u0661\u200D -") == Strings{"e\u0301_\u0661"});
  CHECK(found(Pattern(R"(\W)"), "a-\u0301") == Strings{"-"});
  CHECK(found(Pattern(R"(\d)"), "\u0661\u00BD") == Strings{"\u0661"});
  CHECK(found(Pattern(R"(\\s\[)"), "\\s[") == Strings{"\\s["});
}

TEST_CASE("classes in brackets", "[text][pattern]") {
  CHECK(found(Pattern(R"([[:digit:]x\]]+)"), "1x]y") == Strings{"1x]"});
  CHECK(found(Pattern(R"([\w]+|\w)"), "a\u00B2") == Strings{"a", "\u00B2"});
  for (const char* const nested : {"[a[bc]]", "[a-z&&[^b]]"}) {
    CHECK(test::error_of<ConfigError>([&] { Pattern p(nested); }).find("has a class within a class") !=
          std::string::npos);
  }
}

TEST_CASE("a pattern survives a very long word", "[text][pattern]") {
  const std::string text(300000, 'x');
  CHECK(found(Pattern("(?:x|y)+|z"), text).front().size() == text.size());
  CHECK(found(Pattern(R"(\s+(?!\S)|\s+)"), std::string(200000, ' ') + "x").size() == 2);
}

TEST_CASE("what is no pattern is refused by name and place", "[text][pattern]") {
  CHECK(test::error_of<ConfigError>([] { Pattern p("a(b"); }) ==
        "the pattern \"a(b\" does not compile: missing closing parenthesis at byte 3");
  CHECK(test::error_of<ConfigError>([] { Pattern p(R"(\h)"); }) ==
        "the pattern \"\\\\h\" has \\h, which is not supported");
  // Half a character would be a piece.
  CHECK(test::error_of<ConfigError>([] { Pattern p(R"(\C)"); }).find("\\\\C") != std::string::npos);
}
