// SPDX-License-Identifier: MIT
#include <lorica/tasks/pattern.hpp>

#include <support/catch.hpp>

using namespace lorica;
using tasks::Pattern;

TEST_CASE("names in braces are filled in, braces written twice are themselves", "[tasks][pattern]") {
  const auto upper = [](std::string_view name) { return "<" + std::string(name) + ">"; };
  CHECK(Pattern("Q: {a.b} and {c}{d}!").fill(upper) == "Q: <a.b> and <c><d>!");
  CHECK(Pattern("{{x}} {{{y}}}").fill(upper) == "{x} {<y>}");
  CHECK(Pattern("").fill(upper).empty());
  const Pattern p("before {content} after");
  CHECK(p.before() == "before ");
  CHECK(p.after() == " after");
  CHECK(p.names() == std::vector<std::string_view>{"content"});
}

TEST_CASE("a brace without its fellow is refused", "[tasks][pattern]") {
  CHECK_THROWS_WITH(Pattern("a {b"),
                    "pattern \"a {b\": found \"{\" at byte 2, expected a name and \"}\" after it, or \"{{\"");
  CHECK_THROWS_WITH(Pattern("a } b"),
                    "pattern \"a } b\": found \"}\" at byte 2 without a \"{\" before it, expected \"}}\"");
  CHECK_THROWS_AS(Pattern("{}"), ConfigError);
  CHECK_THROWS_AS(Pattern("{a{b}}"), ConfigError);
}
