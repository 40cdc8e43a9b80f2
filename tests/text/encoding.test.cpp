// SPDX-License-Identifier: MIT
#include <lorica/text/encoding.hpp>

#include <support/catch.hpp>

using namespace lorica;

namespace {
struct Words {  // a tokenizer of one word
  [[nodiscard]] text::Encoding encode(std::string_view) const { return {{0}, {0}, {{0, 1}}}; }
  [[nodiscard]] std::string decode(std::span<const std::int32_t>) const { return "word"; }
  [[nodiscard]] index_t size() const { return 1; }
};
struct Deaf {
  [[nodiscard]] text::Encoding encode(std::string_view) const { return {}; }
};
}  // namespace

TEST_CASE("an encoding is three lists of equal length", "[text][encoding]") {
  text::Encoding e;
  e.push(7, {0, 3});
  e.push(9, {3, 3}, 1);
  CHECK(e.size() == 2);
  CHECK(e.ids == std::vector<std::int32_t>{7, 9});
  CHECK(e.types == std::vector<std::int32_t>{0, 1});
  CHECK(e.spans == std::vector<text::Span>{{0, 3}, {3, 3}});
}

TEST_CASE("whatever encodes, decodes and has a size is a tokenizer", "[text][encoding]") {
  STATIC_REQUIRE(text::Tokenizer<Words>);
  STATIC_REQUIRE_FALSE(text::Tokenizer<Deaf>);
}
