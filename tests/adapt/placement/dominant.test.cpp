// SPDX-License-Identifier: MIT
#include <lorica/adapt/placement/dominant.hpp>

#include "adapt/toy.hpp"

#include <limits>

using namespace lorica;
using namespace lorica::adapt;
using Ranks = std::vector<index_t>;

namespace {
const auto all = test::sites(2);  // 6
Ranks place(const Dominant& d, const std::vector<double>& scores) { return d.place(all, scores).rank; }
}  // namespace

TEST_CASE("dominant: the site with the highest score, the first among equals",
          "[adapt][placement][dominant]") {
  CHECK(place({}, {1, 2, 3, 4, 3, 2}) == Ranks{0, 0, 0, 8, 0, 0});
  CHECK(place({.rank = 2}, {1, 4, 3, 4, 3, 4}) == Ranks{0, 2, 0, 0, 0, 0});
  CHECK(place({}, {0, 0, 0, 0, 0, 0}) == Ranks{8, 0, 0, 0, 0, 0});
  CHECK(place({}, {-3, -2, -3, -3, -3, -3}) == Ranks{0, 8, 0, 0, 0, 0});
  CHECK(Dominant::asks == grain::site);
}

TEST_CASE("dominant: several, in order of score and then of place", "[adapt][placement][dominant]") {
  CHECK(place({.rank = 1, .top = 2}, {1, 4, 3, 4, 3, 4}) == Ranks{0, 1, 0, 1, 0, 0});
  CHECK(place({.rank = 1, .top = 4}, {1, 4, 3, 4, 3, 4}) == Ranks{0, 1, 1, 1, 0, 1});
  CHECK(place({.rank = 1, .top = 6}, {1, 4, 3, 4, 3, 4}) == Ranks(6, 1));
}

TEST_CASE("dominant: among the candidates that are meant", "[adapt][placement][dominant]") {
  CHECK(place({.sites = {.roles = {Role::down}}}, {9, 9, 1, 9, 9, 2}) == Ranks{0, 0, 0, 0, 0, 8});
  CHECK(place({.sites = {.layers = {0}}}, {1, 2, 1, 9, 9, 9}) == Ranks{0, 8, 0, 0, 0, 0});
  // What no candidate scores does not matter.
  CHECK(place({.sites = {.layers = {0}}}, {1, 2, 1, std::nan(""), 9, 9}) == Ranks{0, 8, 0, 0, 0, 0});
}

TEST_CASE("dominant: scores and counts that cannot be right", "[adapt][placement][dominant]") {
  const auto config = [](const Dominant& d, const std::vector<double>& s) {
    return test::error_of<ConfigError>([&] { (void)place(d, s); });
  };
  const auto numeric = [](const std::vector<double>& s) {
    return test::error_of<NumericError>([&] { (void)place({}, s); });
  };
  CHECK(config({}, {1, 2}) == "Dominant: 2 scores for 6 sites");
  CHECK(config({.top = 0}, {1, 2, 3, 4, 5, 6}) == "Dominant: top is 0, expected 1 to 6");
  CHECK(config({.top = 3, .sites = {.roles = {Role::down}}}, {1, 2, 3, 4, 5, 6}) ==
        "Dominant: top is 3, expected 1 to 2");
  CHECK(numeric({1, 2, 3, std::nan(""), 5, 6}) == "Dominant: the score of blocks.1.q is nan");
  CHECK(numeric({1, std::numeric_limits<double>::infinity(), 3, 4, 5, 6}) ==
        "Dominant: the score of blocks.0.v is inf");
}
