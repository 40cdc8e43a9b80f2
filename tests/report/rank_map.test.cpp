// SPDX-License-Identifier: MIT
#include <lorica/report/rank_map.hpp>

#include <support/catch.hpp>

#include <cmath>
#include <string>
#include <vector>

using namespace lorica;

namespace {

std::vector<SiteInfo> sites() {
  return {{0, 0, Role::query, 4, 4, "blocks.0.q"},
          {1, 0, Role::down, 4, 4, "blocks.0.down"},
          {2, 1, Role::down, 4, 4, "blocks.1.down"}};
}

adapt::Cut cut(index_t step, std::vector<index_t> rank) {
  return {.step = step, .kept = 0, .threshold = 0.5, .rank = std::move(rank)};
}

}  // namespace

TEST_CASE("a rank map reads ranks by ordinal", "[report][rank_map]") {
  auto some = sites();
  std::swap(some[0], some[2]);  // the order of the list is not the order of the ranks
  const std::vector<index_t> ranks{8, 3, 0};
  const auto map = report::rank_map("rank", some, ranks);
  CHECK(map.column_labels == std::vector<std::string>{"q", "down"});
  CHECK(map.row_labels == std::vector<std::string>{"block 0", "block 1"});
  REQUIRE(map.values.size() == 4);
  CHECK(map.values[0] == 8);
  CHECK(map.values[1] == 3);
  CHECK(std::isnan(map.values[2]));  // no such site, which is not a rank of 0
  CHECK(map.values[3] == 0);
  CHECK(report::to_terminal(map, {.width = 40}) ==
        "rank\n"
        "           q  down\n"
        "block 0 ██ 8* ▒▒ 3\n"
        "block 1    ·     0\n"
        "0   ░░▒▒▓▓██ 8\n"
        "* brightest block 0, q: 8\n");
  CHECK(report::to_svg(map).find("<title>block 0, down: 3</title>") != std::string::npos);
}

TEST_CASE("a history has a row a site and a column a cut", "[report][rank_map]") {
  const std::vector<adapt::Cut> cuts{cut(9, {4, 4, 4}), cut(19, {4, 2, 3}), cut(29, {1, 0, 3})};
  const auto map = report::rank_history("ranks", sites(), cuts);
  CHECK(map.row_labels == std::vector<std::string>{"block 0 q", "block 0 down", "block 1 down"});
  CHECK(map.column_labels == std::vector<std::string>{"10", "20", "30"});
  CHECK(map.values == std::vector<double>{4, 4, 1, 4, 2, 0, 4, 3, 3});
  CHECK(map.scale == report::Scale::linear);
}

TEST_CASE("sites that share layer and role are told apart by their paths", "[report][rank_map]") {
  auto some = sites();
  some[1].role = Role::query;
  const std::vector<adapt::Cut> cuts{cut(0, {4, 3, 2})};
  const auto map = report::rank_history("", some, cuts);
  CHECK(map.row_labels == std::vector<std::string>{"blocks.0.q", "blocks.0.down", "block 1 down"});
  CHECK(map.values == std::vector<double>{4, 3, 2});
  CHECK(report::rank_map("", some, cuts[0].rank).values[0] == 7);
}

TEST_CASE("a long history keeps its first and its last cut", "[report][rank_map]") {
  std::vector<adapt::Cut> cuts;
  for (index_t c = 0; c < 1000; ++c) cuts.push_back(cut(c, {c, 0, 0}));
  const auto map = report::rank_history("", sites(), cuts);
  REQUIRE(map.column_labels.size() == 60);
  CHECK(map.column_labels.front() == "1");
  CHECK(map.column_labels.back() == "1000");
  CHECK(map.values[0] == 0);
  CHECK(map.values[59] == 999);
  for (std::size_t i = 1; i < 60; ++i) {
    const double apart = map.values[i] - map.values[i - 1];
    REQUIRE((apart == 16 || apart == 17));
  }
  CHECK(report::evenly(5, 3) == std::vector<std::size_t>{0, 2, 4});
  CHECK(report::evenly(2, 60) == std::vector<std::size_t>{0, 1});
  CHECK(report::evenly(1, 60) == std::vector<std::size_t>{0});
  CHECK(report::evenly(0, 60).empty());
}

TEST_CASE("ranks, sites and cuts that are missing are named", "[report][rank_map]") {
  const std::vector<index_t> two{1, 2};
  CHECK_THROWS_WITH(report::rank_map("", sites(), two),
                    "rank map: 2 ranks, expected one for site 2 (blocks.1.down) as well");
  const std::vector<adapt::Cut> cuts{cut(0, {1, 2})};
  CHECK_THROWS_AS(report::rank_history("", sites(), cuts), ShapeError);
  CHECK_THROWS_AS(report::rank_history("", sites(), {}), ConfigError);
  CHECK_THROWS_AS(report::rank_history("", {}, cuts), ConfigError);
  CHECK_THROWS_AS(report::rank_map("", {}, two), ConfigError);
}
