// SPDX-License-Identifier: MIT
#include <lorica/text/any.hpp>
#include <lorica/text/bytes.hpp>

#include <support/catch.hpp>

using namespace lorica;

TEST_CASE("any tokenizer is what it holds", "[text][any]") {
  const text::Bytes bytes;
  const text::AnyTokenizer any = bytes;
  const text::AnyTokenizer copy = any;
  CHECK(copy.encode("ab") == bytes.encode("ab"));
  CHECK(copy.decode(std::vector<std::int32_t>{65, 66}) == "AB");
  CHECK(copy.size() == 256);
  CHECK(copy.single("a") == bytes.single("a"));
  CHECK(copy.pair("a", "b") == bytes.pair("a", "b"));
  CHECK(copy.around().two.added() == 0);
  CHECK(copy.id_of("a") == 97);
  CHECK_FALSE(copy.end_of_text().has_value());
  STATIC_REQUIRE_FALSE(std::is_convertible_v<int, text::AnyTokenizer>);
}
