// SPDX-License-Identifier: MIT
#include <lorica/io/nearest.hpp>

#include <support/catch.hpp>

#include <string>
#include <vector>

using namespace lorica::io;

TEST_CASE("edit distances are Levenshtein's", "[io][nearest]") {
  REQUIRE(edit_distance("kitten", "sitting") == 3);
  REQUIRE(edit_distance("", "abc") == 3);
  REQUIRE(edit_distance("abc", "") == 3);
  REQUIRE(edit_distance("same", "same") == 0);
  REQUIRE(edit_distance("flaw", "lawn") == 2);
}

TEST_CASE("the nearest name is found, the first of equals, none among none", "[io][nearest]") {
  REQUIRE(nearest("dmolora", {"lora", "domlora", "adalora"}) == "domlora");
  REQUIRE(nearest("x", {"a", "b"}) == "a");
  REQUIRE(nearest("anything", std::vector<std::string>{}).empty());
  REQUIRE(nearest("blocks.1.dwon", std::vector<std::string>{"blocks.11.up", "blocks.1.down"}) ==
          "blocks.1.down");
}
