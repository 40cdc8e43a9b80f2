// SPDX-License-Identifier: MIT
#include <lorica/report/table.hpp>

#include <support/catch.hpp>

using namespace lorica::report;

namespace {
Table example() {
  Table table({{"method"}, {"trainable", Align::right}, {"where", Align::center}});
  table.add({"LoRA", "12.3 k", "all"});
  table.add({"PΛQ", "1.23 M", "one|two"});
  return table;
}
}  // namespace

TEST_CASE("a table stands in columns on a terminal", "[report][table]") {
  REQUIRE(example().to_terminal() ==
          "method  trainable   where\n"
          "──────  ─────────  ───────\n"
          "LoRA       12.3 k    all\n"
          "PΛQ        1.23 M  one|two\n");
}

TEST_CASE("a table is a Markdown table, its bars escaped", "[report][table]") {
  REQUIRE(example().to_markdown() ==
          "| method | trainable |  where   |\n"
          "| ------ | ---------:|:--------:|\n"
          "| LoRA   |    12.3 k |   all    |\n"
          "| PΛQ    |    1.23 M | one\\|two |\n");
}

TEST_CASE("a Markdown cell is text, not markup", "[report][table]") {
  Table table({{"sites"}});
  table.add({"blocks.*.q <b> a\\b"});
  REQUIRE(table.to_markdown() ==
          "| sites                 |\n| --------------------- |\n| blocks.\\*.q \\<b> a\\\\b |\n");
}

TEST_CASE("a cell is one line, a row as long as the titles, a table never without columns",
          "[report][table]") {
  Table table({{"a"}, {"b"}});
  table.add({"1\n2", ""});
  REQUIRE(table.to_terminal() == "a    b\n───  ─\n1 2\n");
  REQUIRE(Table({{"a"}}).to_markdown() == "| a   |\n| --- |\n");
  REQUIRE_THROWS_AS(table.add({"1"}), lorica::ConfigError);
  REQUIRE_THROWS_AS(Table({}), lorica::ConfigError);
}

TEST_CASE("an HTML table has its titles, its alignments and no markup of its cells", "[report][table]") {
  Table table({{"site <s>"}, {"rank", Align::right}, {"on", Align::center}});
  table.add({"a & b", "8", ""});
  REQUIRE(
      table.to_html() ==
      "<table>\n"
      "<thead><tr><th>site &lt;s&gt;</th><th class=\"right\">rank</th><th class=\"center\">on</th></tr></thead>\n"
      "<tbody>\n"
      "<tr><td>a &amp; b</td><td class=\"right\">8</td><td class=\"center\"></td></tr>\n"
      "</tbody>\n"
      "</table>\n");
}
