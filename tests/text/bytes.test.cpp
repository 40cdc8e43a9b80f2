// SPDX-License-Identifier: MIT
#include <lorica/text/bytes.hpp>

#include <support/catch.hpp>

using namespace lorica;

TEST_CASE("every byte is a token", "[text][bytes]") {
  const text::Bytes bytes;
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(static_cast<unsigned char>(i));
  const auto e = bytes.encode(all);
  REQUIRE(e.size() == 256);
  for (std::size_t i = 0; i < 256; ++i) {
    CHECK(e.ids[i] == static_cast<std::int32_t>(i));
    CHECK(e.spans[i] == text::Span{i, i + 1});
  }
  CHECK(bytes.decode(e.ids) == all);
  CHECK(bytes.size() == 256);
  CHECK(bytes.single("ab") == bytes.encode("ab"));
  CHECK(bytes.pair("a", "b").types == std::vector<std::int32_t>{0, 1});
  CHECK(bytes.id_of("\xFF") == 255);
  CHECK_FALSE(bytes.id_of("ab").has_value());
  CHECK_FALSE(bytes.end_of_text().has_value());
  CHECK(test::error_of<ConfigError>([&] {
          return bytes.decode(std::vector<std::int32_t>{65, 256});
        }) == "bytes: token 256 is not in [0, 256)");
}
