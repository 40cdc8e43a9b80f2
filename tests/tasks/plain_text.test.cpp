// SPDX-License-Identifier: MIT
#include <lorica/tasks/plain_text.hpp>

#include <io/scratch.hpp>
#include <lorica/text/bytes.hpp>
#include <support/catch.hpp>
#include <support/data.hpp>

using namespace lorica;

TEST_CASE("a text file is windows of tokens", "[tasks][text]") {
  const test::Scratch folder;
  const auto text = tasks::plain_text(text::Bytes(), folder.file("a.txt", "abcdefghi"), {.length = 4});
  CHECK(text.tokens == 9);
  CHECK(text.bytes_per_token() == 1);
  REQUIRE(text.windows.size() == 2);
  nn::Sequences s;
  text.windows.append(s, 1);
  CHECK(s.ids == std::vector<std::int32_t>{'e', 'f', 'g', 'h'});
  CHECK(s.targets == std::vector<std::int32_t>{'f', 'g', 'h', 'i'});
  const auto said = test::thrown<ConfigError>([&] {
    static_cast<void>(tasks::plain_text(text::Bytes(), folder.file("b.txt", "abc"), {.length = 4}));
  });
  CHECK(test::has(said, "b.txt': windows: 3 tokens are too few for one window of 4"));
}

TEST_CASE("tinyshakespeare has its published size", "[tasks][text]") {
  const auto data = test::data_folder();
  if (!data) return;
  const auto text = tasks::plain_text(text::Bytes(), *data / "text/tinyshakespeare.txt", {.length = 256});
  CHECK(text.tokens == 1115394);
  CHECK(text.windows.size() == 1115393 / 256);
}
