// SPDX-License-Identifier: MIT
#include <lorica/tasks/unicode.hpp>

#include <support/catch.hpp>
#include <tasks/oracle.hpp>

using namespace lorica;

TEST_CASE("lower case is Python's", "[tasks][unicode]") {
  for (const auto& c : test::oracle("metrics.json").at("lower").as_array()) {
    CAPTURE(c.at("text").as_string());
    CHECK(tasks::lower(c.at("text").as_string()) == c.at("lower").as_string());
  }
  CHECK(tasks::lower("A\xFFZ") == "a\xFFz");  // not UTF-8: as it was
  CHECK(tasks::lower(char32_t{0x410}) == 0x430);
  CHECK(tasks::lower(char32_t{0x10FFFF}) == 0x10FFFF);
}

TEST_CASE("code points, white space and the characters of words", "[tasks][unicode]") {
  CHECK(tasks::code_point("\xF0\x9F\x98\x80!", 0).value == 0x1F600);
  CHECK(tasks::code_point("\xF0\x9F\x98\x80!", 0).bytes == 4);
  CHECK(tasks::code_point("\xE2\x82", 0).value == 0xFFFD);
  CHECK(tasks::code_points("n\xC3\xA9\xE2\x82\xAC\xFF") == 4);
  CHECK(tasks::split(" a\xC2\xA0"
                     "b\xE3\x80\x80\xE2\x80\x89 c\n") == std::vector<std::string_view>{"a", "b", "c"});
  CHECK(tasks::split(" \t").empty());
  for (const char32_t c :
       {U'a', U'Z', U'0', U'_', U'é', U'ß', U'ª', U'Ω', U'Я', U'中', U'²', char32_t{0x1D7D8}})
    CHECK(tasks::of_a_word(c));
  for (const char32_t c :
       {U' ', U'-', U'–', U'“', U'£', U'€', U'×', U'÷', U'。', U'→', char32_t{0x301}, char32_t{0x1F600}})
    CHECK_FALSE(tasks::of_a_word(c));
}
