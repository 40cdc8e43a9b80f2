// SPDX-License-Identifier: MIT
#include <lorica/io/utf8.hpp>

#include <support/catch.hpp>

#include <string>

using namespace lorica::io;

TEST_CASE("well-formed sequences have their length, all others none", "[io][utf8]") {
  REQUIRE(utf8_sequence("a", 0) == 1);
  REQUIRE(utf8_sequence("\xC3\xA9", 0) == 2);
  REQUIRE(utf8_sequence("\xE2\x82\xAC", 0) == 3);
  REQUIRE(utf8_sequence("\xF0\x9F\x98\x80", 0) == 4);
  REQUIRE(utf8_sequence("\xF4\x8F\xBF\xBF", 0) == 4);  // U+10FFFF
  for (const std::string bad :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xC3", "\xC3\x28", "\xE0\x80\x80", "\xE0\x9F\xBF", "\xED\xA0\x80",
        "\xE2\x82", "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xF0\x9F\x98"}) {
    REQUIRE(utf8_sequence(bad, 0) == 0);
    REQUIRE_FALSE(valid_utf8(bad));
  }
  REQUIRE(utf8_sequence("", 0) == 0);
  REQUIRE(valid_utf8(""));
}

TEST_CASE("only what is not UTF-8 is replaced, byte by byte", "[io][utf8]") {
  REQUIRE(to_valid_utf8("a\xFFz\xC3\xA9") == "a\xEF\xBF\xBDz\xC3\xA9");
  REQUIRE(to_valid_utf8("\xE2\x82") == "\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST_CASE("code points are spelled in one to four bytes", "[io][utf8]") {
  std::string out;
  for (const char32_t point : {U'A', U'\u07FF', U'\u0800', U'\uFFFD', U'\U00010000', U'\U0010FFFF'})
    append_utf8(out, point);
  REQUIRE(out == "A\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBD\xF0\x90\x80\x80\xF4\x8F\xBF\xBF");
}
