// SPDX-License-Identifier: MIT
#include "support/catch.hpp"

#include <lorica/report/site_map.hpp>

using namespace lorica;

TEST_CASE("a site map has a row for every layer and a column for every role that occurs", "[report]") {
  const auto site = [](index_t ordinal, index_t layer, Role role) {
    return SiteInfo{ordinal, layer, role, 4, 4, "x"};
  };
  const adapt::SiteScores scores{
      {site(0, 0, Role::down), site(1, 0, Role::query), site(2, 2, Role::query), site(3, 2, Role::query)},
      {5, 1, 2, 3}};
  const auto map = report::site_map("PAGE", scores);
  CHECK(map.row_labels == std::vector<std::string>{"block 0", "block 1", "block 2"});
  CHECK(map.column_labels == std::vector<std::string>{"q", "down"});
  REQUIRE(map.values.size() == 6);
  CHECK(map.values[0] == 1);
  CHECK(map.values[1] == 5);
  CHECK(std::isnan(map.values[2]));
  CHECK(std::isnan(map.values[3]));
  CHECK(map.values[4] == 5);  // two sites of one cell add
  CHECK(std::isnan(map.values[5]));
}
