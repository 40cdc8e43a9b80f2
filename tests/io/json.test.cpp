// SPDX-License-Identifier: MIT
#include <lorica/io/json.hpp>

#include <io/scratch.hpp>
#include <support/catch.hpp>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>

using namespace lorica;
using namespace lorica::io;
using test::has;
using test::Scratch;
using test::thrown;

TEST_CASE("every kind of value is read", "[io][json]") {
  const json::Value all =
      json::parse(" { \"a\" : [ 1 , -2.5e1 , true , false , null , \"x\" ] ,\n\t\"b\":{}}\r\n");
  const json::Array& list = all.at("a").as_array();
  REQUIRE(list[0].as_integer() == 1);
  REQUIRE(list[1].as_number() == -25.0);
  REQUIRE(list[2].as_bool());
  REQUIRE_FALSE(list[3].as_bool());
  REQUIRE(list[4].is_null());
  REQUIRE(list[5].as_string() == "x");
  REQUIRE(all.at("b").as_object().empty());
  REQUIRE(all.as_object()[0].key == "a");
  REQUIRE(list[1].offset == 15);
}

TEST_CASE("integers are exact to the ends of 64 bits, and doubles beyond", "[io][json]") {
  REQUIRE(json::parse("9223372036854775807").as_integer() == std::numeric_limits<std::int64_t>::max());
  REQUIRE(json::parse("-9223372036854775808").as_integer() == std::numeric_limits<std::int64_t>::min());
  REQUIRE_FALSE(json::parse("9223372036854775808").is_integer());
  REQUIRE(json::parse("9223372036854775808").as_number() == 0x1p63);
  REQUIRE_FALSE(json::parse("1.0").is_integer());
  REQUIRE_FALSE(json::parse("1e3").is_integer());
  REQUIRE(json::parse("0").is_integer());
  REQUIRE(std::signbit(json::parse("-0").as_number()));
  REQUIRE(json::parse("0.1").as_number() == 0.1);
  REQUIRE(json::parse("5e-324").as_number() == 5e-324);
  REQUIRE(json::parse("1.7976931348623157E+308").as_number() == std::numeric_limits<double>::max());
}

TEST_CASE("escapes and surrogate pairs become UTF-8", "[io][json]") {
  REQUIRE(json::parse(R"("\"\\\/\b\f\n\r\t")").as_string() == "\"\\/\b\f\n\r\t");
  REQUIRE(json::parse(R"("\u0041\u00e9\u20AC")").as_string() == "A\xC3\xA9\xE2\x82\xAC");
  REQUIRE(json::parse(R"("\ud83d\ude00")").as_string() == "\xF0\x9F\x98\x80");
  REQUIRE(json::parse(R"("\u0000")").as_string() == std::string(1, '\0'));
  REQUIRE(json::parse("\"\xE2\x82\xAC\"").as_string() == "\xE2\x82\xAC");
}

TEST_CASE("what is almost JSON is refused, with the byte where it shows", "[io][json]") {
  struct Case {
    std::string text;
    std::size_t offset;
    std::string part;
  };
  const Case cases[] = {
      {"", 0, "end of text"},
      {"  ", 2, "end of text"},
      {"{} x", 3, "after the value"},
      {"1 2", 2, "after the value"},
      {"[1,]", 3, "expected a value"},
      {"[1 2]", 3, "expected \",\" or \"]\""},
      {"[1", 2, "end of text"},
      {"{\"a\":1,}", 7, "member's name"},
      {"{\"a\" 1}", 5, "expected \":\""},
      {"{\"a\":1", 6, "end of text"},
      {"{a:1}", 1, "member's name"},
      {"{\"a\":1,\"b\":2,\"a\":3}", 17, "member \"a\" given twice"},
      {"{\"a\":1,\"\\u0061\":3}", 16, "member \"a\" given twice"},
      {"'a'", 0, "expected a value"},
      {"nul", 0, "expected null"},
      {"True", 0, "expected a value"},
      {"NaN", 0, "expected a value"},
      {"Infinity", 0, "expected a value"},
      {"+1", 0, "expected a value"},
      {".5", 0, "expected a value"},
      {"-", 1, "expected a digit"},
      {"01", 0, "leading zero"},
      {"-01", 0, "leading zero"},
      {"1.", 2, "expected a digit"},
      {"1e", 2, "expected a digit"},
      {"1e+", 3, "expected a digit"},
      {"0x10", 1, "after the value"},
      {"1e999", 0, "no double can hold"},
      {"\"abc", 0, "without an end"},
      {"\"a\nb\"", 2, "control character"},
      {"\"\\x\"", 1, "unknown escape"},
      {"\"\\", 1, "unknown escape"},
      {"\"\\u12\"", 3, "four hexadecimal"},
      {"\"\\u12G4\"", 3, "four hexadecimal"},
      {"\"\\ud83d\"", 1, "surrogate"},
      {"\"\\ud83dx\"", 1, "surrogate"},
      {"\"\\ud83d\\u0041\"", 1, "surrogate"},
      {"\"\\ude00\"", 1, "surrogate"},
      {"\"\xFF\"", 1, "not UTF-8"},
      {"\xEF\xBB\xBF{}", 0, "expected a value"},
      {"/* a */ 1", 0, "expected a value"},
      {std::string("1\0", 2), 1, "after the value"},
  };
  for (const Case& one : cases) {
    INFO(one.text);
    try {
      static_cast<void>(json::parse(one.text));
      FAIL("nothing thrown");
    } catch (const json::JsonError& error) {
      INFO(error.what());
      REQUIRE(error.offset == one.offset);
      REQUIRE(has(error.what(), one.part));
      REQUIRE(has(error.what(), " at byte " + std::to_string(one.offset)));
    }
  }
}

TEST_CASE("nesting has a limit that is counted and given back", "[io][json]") {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  REQUIRE_NOTHROW(json::parse(nested(64)));
  REQUIRE(has(thrown<json::JsonError>([&] { static_cast<void>(json::parse(nested(65))); }), "too deeply"));
  REQUIRE_THROWS_AS(json::parse(std::string(1'000'000, '[')), json::JsonError);
  REQUIRE_NOTHROW(json::parse("[[],[],{}]", 2));
  REQUIRE_THROWS_AS(json::parse("[[[]]]", 2), json::JsonError);
}

TEST_CASE("what is dumped is read back the same", "[io][json]") {
  std::mt19937_64 random(7);
  for (int i = 0; i < 2000; ++i) {
    const double value = std::bit_cast<double>(random());
    if (!std::isfinite(value)) continue;
    const json::Value back = json::parse(json::dump(value));
    REQUIRE(std::bit_cast<std::uint64_t>(back.as_number()) == std::bit_cast<std::uint64_t>(value));
    REQUIRE_FALSE(back.is_integer());
    const auto whole = static_cast<std::int64_t>(random());
    REQUIRE(json::parse(json::dump(whole)).as_integer() == whole);
  }
  const std::string text = R"({"b":[1,2.5,-0.0,{"x":null}],"a":"\"é\u0001"})";
  REQUIRE(json::dump(json::parse(text)) == text);
  std::string bytes(256, ' ');
  for (std::size_t i = 0; i < 128; ++i) bytes[i] = static_cast<char>(i);
  REQUIRE(json::parse(json::quote(bytes)).as_string() == bytes);
}

TEST_CASE("a file that is not JSON is named", "[io][json]") {
  const Scratch scratch;
  REQUIRE(json::read(scratch.file("good.json", "{\"a\":1}")).at("a").as_integer() == 1);
  const auto path = scratch.file("bad.json", "{\"a\":}");
  const std::string why = thrown<FileError>([&] { static_cast<void>(json::read(path)); });
  REQUIRE(has(why, path.string()));
  REQUIRE(has(why, "at byte 5"));
}
