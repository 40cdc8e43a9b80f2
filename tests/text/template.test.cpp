// SPDX-License-Identifier: MIT
#include <lorica/text/template.hpp>

#include <text/oracle.hpp>

using namespace lorica;
using text::Slot;

namespace {
text::Encoding some(std::int32_t first, std::size_t count) {
  text::Encoding e;
  for (std::size_t i = 0; i < count; ++i) e.push(first + static_cast<std::int32_t>(i), {i, i + 1});
  return e;
}
}  // namespace

TEST_CASE("a template stands around one text and around two", "[text][template]") {
  const text::Around bert = text::bert_around(101, 102);
  const auto pair = text::join(bert.two, some(1, 2), some(5, 3));
  CHECK(pair.ids == std::vector<std::int32_t>{101, 1, 2, 102, 5, 6, 7, 102});
  CHECK(pair.types == std::vector<std::int32_t>{0, 0, 0, 0, 1, 1, 1, 1});
  CHECK(pair.spans[0] == text::Span{});
  CHECK(pair.spans[5] == text::Span{1, 2});
  CHECK(bert.one.added() == 2);
  CHECK(bert.two.added() == 3);
  CHECK(bert.two.begin(Slot::Kind::first, 2, 3) == std::size_t{1});
  CHECK(bert.two.begin(Slot::Kind::second, 2, 3) == std::size_t{4});
  CHECK_FALSE(bert.one.begin(Slot::Kind::second, 2).has_value());

  CHECK(text::join(text::roberta_around(0, 2).two, some(7, 1), some(8, 1)).ids ==
        std::vector<std::int32_t>{0, 7, 2, 2, 8, 2});
  CHECK(text::join(text::roberta_around(0, 2).two, some(7, 1), some(8, 1)).types ==
        std::vector<std::int32_t>(6, 0));
  CHECK(text::join(text::begin_around(1).one, some(7, 2)).ids == std::vector<std::int32_t>{1, 7, 8});
  CHECK(text::join(text::Around{}.two, some(7, 1), some(8, 1)).types == std::vector<std::int32_t>{0, 1});
}

TEST_CASE("the longer of two texts gives way, as in the reference", "[text][template]") {
  const io::json::Value rows = io::json::read(test::tokenizers() / "truncation.json");
  REQUIRE(rows.as_array().size() == 392);
  for (const io::json::Value& row : rows.as_array()) {
    const auto at = [&](std::size_t i) { return static_cast<std::size_t>(row.as_array()[i].as_integer()); };
    INFO(at(0) << " and " << at(1) << " tokens in " << at(2));
    CHECK(text::longest_first(at(0), at(1), at(2)) == std::pair{at(3), at(4)});
  }
  auto text = some(0, 5);
  text::truncate(text, 3);
  CHECK(text == some(0, 3));
  text::truncate(text, 9);
  CHECK(text == some(0, 3));
}
