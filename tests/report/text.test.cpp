// SPDX-License-Identifier: MIT
#include <lorica/report/text.hpp>

#include <support/catch.hpp>

using namespace lorica::report;

TEST_CASE("width counts characters, not bytes", "[report][text]") {
  REQUIRE(display_width("") == 0);
  REQUIRE(display_width("PΛQ") == 3);
  REQUIRE(display_width("\xFFz") == 2);
}

TEST_CASE("padding fills one side, the other, or both", "[report][text]") {
  REQUIRE(pad("Λ", 3) == "Λ  ");
  REQUIRE(pad("Λ", 3, Align::right) == "  Λ");
  REQUIRE(pad("Λ", 4, Align::center) == " Λ  ");
  REQUIRE(pad("long", 2) == "long");
}

TEST_CASE("too long a label keeps its end", "[report][text]") {
  REQUIRE(keep_end("blocks.10.down", 8) == "…10.down");
  REQUIRE(keep_end("short", 5) == "short");
  REQUIRE(keep_end("ΛΛΛΛ", 3) == "…ΛΛ");
  REQUIRE(keep_end("abc", 1) == "…");
  REQUIRE(keep_end("abc", 0).empty());
}

TEST_CASE("one line has no control characters and is UTF-8", "[report][text]") {
  REQUIRE(one_line("a\nb\tc\x1b[0m") == "a b c [0m");
  REQUIRE(one_line("\xFF") == "\xEF\xBF\xBD");
  REQUIRE(one_line("a\xC2\x9B"
                   "2J\xC2\xA0") == "a 2J\xC2\xA0");    // the other set of control characters
  REQUIRE(one_line("\xEF\xBF\xBF") == "\xEF\xBF\xBD");  // no character of XML's
  REQUIRE(repeat("─", 3) == "───");
}
