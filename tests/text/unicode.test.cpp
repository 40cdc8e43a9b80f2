// SPDX-License-Identifier: MIT
#include <lorica/text/unicode.hpp>

#include <support/catch.hpp>

#include <algorithm>

using namespace lorica;

namespace {
/// How many code points an answer is yes for.
template <class Is> int count(Is is) {
  int out = 0;
  for (char32_t c = 0; c < 0x110000; ++c) out += is(c) ? 1 : 0;
  return out;
}
}  // namespace

TEST_CASE("characters are of the kinds that Unicode says", "[text][unicode]") {
  CHECK(count(text::is_space) == 25);
  CHECK(text::is_space(0x3000));
  CHECK_FALSE(text::is_space(0x180E));
  CHECK_FALSE(text::is_space(0x200B));
  CHECK(text::is_punctuation(0x2014));
  CHECK_FALSE(text::is_punctuation('$'));
  CHECK(text::is_bert_punctuation('$'));
  CHECK(text::is_bert_punctuation('~'));
  CHECK_FALSE(text::is_bert_punctuation(' '));
  CHECK_FALSE(text::is_bert_punctuation('a'));
  CHECK_FALSE(text::is_bert_punctuation(0x20AC));
  CHECK(text::is_numeric(0xBD));
  CHECK(text::is_numeric(0x2167));
  CHECK(text::is_mark(0x903));
  CHECK(text::is_nonspacing_mark(0x301));
  CHECK_FALSE(text::is_nonspacing_mark(0x903));
  CHECK(text::is_control(0x200B));
  CHECK(text::is_control(0xE000));
  CHECK_FALSE(text::is_control('\t'));
  CHECK_FALSE(text::is_control(0x378));
  CHECK(text::is_chinese(0x20000));
  CHECK_FALSE(text::is_chinese(0x3042));
  for (const char32_t c : {U'a', U'0', U'_', U'\u0301', U'\u2167', U'\u24B6', U'\u200D'})
    CHECK(text::is_word(c));
  for (const char32_t c : {U'-', U' ', U'\u00BD', U'\u20AC'}) CHECK_FALSE(text::is_word(c));
}

TEST_CASE("lower case is one character, but two for the dotted I", "[text][unicode]") {
  CHECK(text::lower('Q').first == 'q');
  CHECK(text::lower('[').first == '[');
  CHECK(text::lower(0x1E9E).first == 0xDF);
  CHECK(text::lower(0x3A3).first == 0x3C3);
  CHECK(text::lower(0x130).first == 'i');
  CHECK(text::lower(0x130).second == 0x307);
  CHECK(count([](char32_t c) { return text::lower(c).second != 0; }) == 1);
}

TEST_CASE("pairs compose unless Unicode excludes them", "[text][unicode]") {
  CHECK(text::compose('e', 0x301) == char32_t{0xE9});
  CHECK(text::compose(0x1112, 0x1161) == char32_t{0xD558});
  CHECK_FALSE(text::compose('q', 0x301).has_value());
  CHECK_FALSE(text::compose(0x915, 0x93C).has_value());  // U+0958 is never composed
  CHECK(text::combining_class(0x301) == 230);
  CHECK(text::combining_class('a') == 0);
}
