// SPDX-License-Identifier: MIT
#include <lorica/io/json_value.hpp>

#include <io/scratch.hpp>
#include <support/catch.hpp>

#include <cstdint>
#include <limits>
#include <string>

using namespace lorica;
using namespace lorica::io;
using test::has;
using test::thrown;

TEST_CASE("text is quoted so that JSON and UTF-8 survive", "[io][json]") {
  REQUIRE(json::quote("plain") == "\"plain\"");
  REQUIRE(json::quote("a\"b\\c/d") == "\"a\\\"b\\\\c/d\"");
  REQUIRE(json::quote("\n\r\t") == "\"\\n\\r\\t\"");
  REQUIRE(json::quote(std::string("\0\x1F\x7F", 3)) == "\"\\u0000\\u001f\\u007f\"");
  REQUIRE(json::quote("P\xCE\x9BQ") == "\"P\xCE\x9BQ\"");
  REQUIRE(json::quote("\xFF") == "\"\xEF\xBF\xBD\"");
}

TEST_CASE("a value is of the kind it was made from", "[io][json]") {
  REQUIRE(json::Value().is_null());
  REQUIRE(json::Value(true).as_bool());
  REQUIRE(json::Value("text").as_string() == "text");  // and not true
  REQUIRE(json::Value(7).is_integer());
  REQUIRE(json::Value(7U).as_integer() == 7);
  REQUIRE(json::Value(7).as_number() == 7.0);
  REQUIRE_FALSE(json::Value(7.0).is_integer());
  REQUIRE(json::Value(7.0).is_number());
  REQUIRE(json::Value(json::Array{1, "a"}).as_array().size() == 2);
  REQUIRE(json::Value(json::Object{{"a", 1}}).as_object()[0].key == "a");
  REQUIRE_THROWS_AS(json::Value(std::numeric_limits<std::uint64_t>::max()), ConfigError);
}

TEST_CASE("a value of another kind says what it is and what was wanted", "[io][json]") {
  const json::Value text("x");
  REQUIRE(has(thrown<json::JsonError>([&] { static_cast<void>(text.as_integer()); }),
              "found a string, expected an integer"));
  REQUIRE(has(thrown<json::JsonError>([&] { static_cast<void>(text.as_number()); }), "expected a number"));
  REQUIRE(has(thrown<json::JsonError>([&] { static_cast<void>(text.as_object()); }), "expected an object"));
  REQUIRE(has(thrown<json::JsonError>([&] { static_cast<void>(json::Value(1.5).as_integer()); }),
              "found a number, expected an integer"));
  REQUIRE_THROWS_AS(text.find("a"), json::JsonError);
}

TEST_CASE("members are found by name, and the nearest is offered", "[io][json]") {
  const json::Value config(json::Object{{"hidden_size", 64}, {"layers", 2}});
  REQUIRE(config.at("layers").as_integer() == 2);
  REQUIRE(config.find("heads") == nullptr);
  const std::string why = thrown<json::JsonError>([&] { static_cast<void>(config.at("hiden_size")); });
  REQUIRE(has(why, "\"hiden_size\""));
  REQUIRE(has(why, "nearest is \"hidden_size\""));
  REQUIRE_THROWS_AS(json::Value(json::Object{}).at("a"), json::JsonError);
}

TEST_CASE("dump is one compact line that keeps order and kind", "[io][json]") {
  const json::Object all{{"z", nullptr},      {"a", true},  {"i", -3},
                         {"d", 2.0},          {"s", "x\n"}, {"l", json::Array{1, 0.1, json::Object{}}},
                         {"e", json::Array{}}};
  REQUIRE(json::dump(all) == R"({"z":null,"a":true,"i":-3,"d":2.0,"s":"x\n","l":[1,0.1,{}],"e":[]})");
  REQUIRE(json::dump(std::numeric_limits<double>::quiet_NaN()) == "null");
  REQUIRE(json::dump(-std::numeric_limits<double>::infinity()) == "null");
  REQUIRE(json::dump(std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
  REQUIRE(json::dump(1e300) == "1e+300");
  REQUIRE(json::dump(-0.0) == "-0.0");
}
