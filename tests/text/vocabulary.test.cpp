// SPDX-License-Identifier: MIT
#include <lorica/text/vocabulary.hpp>

#include <support/catch.hpp>

using namespace lorica;

TEST_CASE("tokens by id, ids by token", "[text][vocabulary]") {
  text::Vocabulary v;
  v.add("b", 5);
  v.add("abc", 0);
  v.add("b", 5);
  CHECK(v.size() == 6);
  CHECK(v.longest() == 3);
  CHECK(v.id_of("abc") == 0);
  CHECK_FALSE(v.id_of("x").has_value());
  REQUIRE(v.token(5) != nullptr);
  CHECK(*v.token(5) == "b");
  CHECK(v.token(1) == nullptr);
  CHECK(v.token(6) == nullptr);
  CHECK(v.token(-1) == nullptr);
  CHECK(test::error_of<ConfigError>([&] { v.add("c", 5); }) == "tokens \"b\" and \"c\" have the same id 5");
  CHECK(test::error_of<ConfigError>([&] { v.add("c", -2); }) ==
        "token \"c\" has id -2, expected one in [0, 16777216)");
}
