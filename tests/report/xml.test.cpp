// SPDX-License-Identifier: MIT
#include <lorica/report/xml.hpp>

#include <support/catch.hpp>

using namespace lorica::report;

TEST_CASE("nothing in a text is markup", "[report][xml]") {
  REQUIRE(xml("") == "");
  REQUIRE(xml("a<b>&\"c\"'") == "a&lt;b&gt;&amp;&quot;c&quot;&apos;");
  REQUIRE(xml("&amp;") == "&amp;amp;");
  REQUIRE(xml("a\nb\x01") == "a b ");
  REQUIRE(xml("r\xC3\xA9sum\xC3\xA9") == "r\xC3\xA9sum\xC3\xA9");
  REQUIRE(xml("\xFF") == "\xEF\xBF\xBD");
}

TEST_CASE("lines stay lines where they are asked for", "[report][xml]") {
  REQUIRE(xml_lines("a\n\n<b>\t") == "a\n\n&lt;b&gt; ");
  REQUIRE(xml_lines("a\n") == "a\n");
  REQUIRE(xml_lines("") == "");
}
