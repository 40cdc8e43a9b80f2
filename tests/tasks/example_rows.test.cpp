// SPDX-License-Identifier: MIT
#include <lorica/tasks/example_rows.hpp>

#include <lorica/text/bytes.hpp>
#include <support/catch.hpp>
#include <tasks/words.hpp>

using namespace lorica;
using tasks::Example;
using tasks::Truncate;
using Ids = std::vector<std::int32_t>;

TEST_CASE("one text or two, in the tokenizer's frame", "[tasks][rows]") {
  const test::Words words;
  const auto shown = [&](const Example& e, bool pair, tasks::RowsConfig c = {}) {
    return words.decode(tasks::encode(words, e, pair, c).ids);
  };
  CHECK(shown({"a b", ""}, false) == "[CLS] a b [SEP]");
  CHECK(shown({"a b", "c!"}, true) == "[CLS] a b [SEP] c ! [SEP]");
  CHECK(tasks::encode(words, {"a b", "c"}, true).types == Ids{0, 0, 0, 0, 1, 1});
  CHECK(shown({"a b c", ""}, false, {.max_length = 4}) == "[CLS] a b [SEP]");
  CHECK(shown({"a b c d e", "f g"}, true, {.max_length = 7}) == "[CLS] a b [SEP] f g [SEP]");
  CHECK(shown({"a b c d e", "f g"}, true, {.max_length = 9, .truncate = Truncate::only_first}) ==
        "[CLS] a b c d [SEP] f g [SEP]");
  CHECK(shown({"a b c", "f g h"}, true, {.max_length = 7, .truncate = Truncate::only_second}) ==
        "[CLS] a b c [SEP] f [SEP]");
  CHECK_THROWS_WITH(shown({"a b c", "f"}, true, {.max_length = 6, .truncate = Truncate::only_second}),
                    "rows: texts of 3 and 1 tokens and 3 special ones, expected at most 6");
  CHECK_THROWS_AS(shown({"a b c", ""}, false, {.max_length = 4, .truncate = Truncate::refuse}), ConfigError);
  CHECK_THROWS_WITH(shown({"a", ""}, false, {.max_length = 2}),
                    "rows: 2 tokens leave no room beside 2 special ones");
}

TEST_CASE("a task's examples carry their labels into the batch", "[tasks][rows]") {
  const test::Words words;
  const std::vector<Example> examples = {{"a", "b c", 1, 0}, {"d e f", "g", 0, 0}};
  const auto rows = tasks::example_rows(words, tasks::glue("RTE"), examples);
  REQUIRE(rows.size() == 2);
  nn::Sequences s;
  rows.append(s, 0);
  rows.append(s, 1);
  CHECK(s.offsets == std::vector<index_t>{0, 6, 13});
  CHECK(s.types == Ids{0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 1, 1});
  CHECK(s.labels[0].category == 1);
  CHECK(s.targets_in(0) == 0);
  const std::vector<Example> scored = {{"a", "b", -1, 2.5}};
  nn::Sequences t;
  tasks::example_rows(words, tasks::glue("STS-B"), scored).append(t, 0);
  CHECK(t.labels[0].value == 2.5f);
  CHECK(t.labels[0].category == -1);
  // Without special tokens an empty text is no sequence.
  const std::vector<Example> empty = {{"x", "", 0, 0}, {"", "", 0, 0}};
  CHECK_THROWS_WITH(tasks::example_rows(text::Bytes(), tasks::glue("SST-2"), empty),
                    "SST-2: example 1 has no tokens, expected at least one");
}
