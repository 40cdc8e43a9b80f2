// SPDX-License-Identifier: MIT
#include <lorica/adapt/placement/proportional.hpp>

#include "adapt/toy.hpp"

#include <limits>

using namespace lorica;
using namespace lorica::adapt;
using Ranks = std::vector<index_t>;

namespace {
const auto all = test::sites(2);  // 6 sites of 8 by 8: q, v, down of two layers
Ranks place(const Proportional& p, const std::vector<double>& scores) { return p.place(all, scores).rank; }
index_t sum(const Ranks& r) {
  index_t s = 0;
  for (const index_t v : r) s += v;
  return s;
}
}  // namespace

TEST_CASE("proportional: ranks follow the scores where they divide evenly",
          "[adapt][placement][proportional]") {
  CHECK(place({.budget = 12}, {1, 2, 3, 3, 2, 1}) == Ranks{1, 2, 3, 3, 2, 1});
  CHECK(place({.budget = 24}, {1, 2, 3, 3, 2, 1}) == Ranks{2, 4, 6, 6, 4, 2});
  CHECK(place({.budget = 4}, {0, 0, 7, 7, 0, 0}) == Ranks{0, 0, 2, 2, 0, 0});
  CHECK(Proportional::asks == grain::site);
}

TEST_CASE("proportional: what is left over goes by largest remainder, the first among equals",
          "[adapt][placement][proportional]") {
  // Shares 2.5, 1.25, 1.25, 0, 0, 0 of 5.
  CHECK(place({.budget = 5}, {2, 1, 1, 0, 0, 0}) == Ranks{3, 1, 1, 0, 0, 0});
  // Shares 0.5 each of 3.
  CHECK(place({.budget = 3}, {1, 1, 1, 1, 1, 1}) == Ranks{1, 1, 1, 0, 0, 0});
  // Shares 1.4, 1.4, 1.2 and 0 of 4: both remainders of 0.4 before that of 0.2, one direction to give.
  CHECK(place({.budget = 4}, {1.2, 1.4, 1.4, 0, 0, 0}) == Ranks{1, 2, 1, 0, 0, 0});
}

TEST_CASE("proportional: a site takes at most min(d_in, d_out), the rest is shared out again",
          "[adapt][placement][proportional]") {
  // 20 of 100, 1, 1, 1, 1, 1: the first takes 8, the others share 12 in five.
  CHECK(place({.budget = 20}, {100, 1, 1, 1, 1, 1}) == Ranks{8, 3, 3, 2, 2, 2});
  // What the first cannot take fills the second too, and that leaves 4 to the third and fourth, 3 to 1.
  CHECK(place({.budget = 20}, {1000, 100, 3, 1, 0, 0}) == Ranks{8, 8, 3, 1, 0, 0});
  CHECK(place({.budget = 48}, {1, 2, 3, 4, 5, 6}) == Ranks(6, 8));
  auto narrow = all;
  narrow[0].out = 3;
  CHECK(Proportional{.budget = 20}.place(narrow, std::vector<double>{9, 1, 0, 9, 1, 0}).rank ==
        Ranks{3, 5, 0, 8, 4, 0});
}

TEST_CASE("proportional: the ranks always sum to the budget, within what sites can take",
          "[adapt][placement][proportional]") {
  for (Seed seed = 0; seed < 300; ++seed) {
    const Stream r(seed, "proportional", "");
    auto sites = test::sites(5);
    std::vector<double> scores;
    index_t room = 0;
    for (std::size_t i = 0; i < sites.size(); ++i) {
      sites[i].in = 1 + static_cast<index_t>(r.below(20, 3 * i));
      sites[i].out = 1 + static_cast<index_t>(r.below(20, 3 * i + 1));
      scores.push_back(r.bits(9 * i) % 4 == 0 ? 0 : std::exp(9 * r.normal(i)));
      if (scores.back() > 0) room += std::min(sites[i].in, sites[i].out);
    }
    for (const index_t budget : {index_t{1}, room / 3 + 1, room / 2 + 1, room - 1, room}) {
      const auto rank = Proportional{.budget = budget}.place(sites, scores).rank;
      CHECK(sum(rank) == budget);
      for (std::size_t i = 0; i < sites.size(); ++i) {
        CHECK(rank[i] >= 0);
        CHECK(rank[i] <= std::min(sites[i].in, sites[i].out));
        if (scores[i] == 0) CHECK(rank[i] == 0);
        for (std::size_t j = 0; j < sites.size(); ++j)  // no site is passed over for one that is worth less
          if (scores[i] > scores[j] && rank[i] < rank[j])
            CHECK(rank[i] == std::min(sites[i].in, sites[i].out));
      }
    }
  }
  // The scale of the scores does not matter, nor that their sum would overflow.
  const std::vector<double> one = {1, 2, 3, 4, 5, 6};
  std::vector<double> huge = one, little = one;
  for (double& v : huge) v *= 2.5e307;
  for (double& v : little) v *= 1e-300;
  CHECK(place({.budget = 17}, huge) == place({.budget = 17}, one));
  CHECK(place({.budget = 17}, little) == place({.budget = 17}, one));
}

TEST_CASE("proportional: among the candidates that are meant", "[adapt][placement][proportional]") {
  CHECK(place({.budget = 6, .sites = {.roles = {Role::down}}}, {9, 9, 1, 9, 9, 2}) ==
        Ranks{0, 0, 2, 0, 0, 4});
  // What no candidate scores does not matter.
  CHECK(place({.budget = 2, .sites = {.layers = {0}}}, {1, 1, 0, std::nan(""), -9, 9}) ==
        Ranks{1, 1, 0, 0, 0, 0});
}

TEST_CASE("proportional: budgets and scores that cannot be right", "[adapt][placement][proportional]") {
  const auto config = [](const Proportional& p, const std::vector<double>& s) {
    return test::error_of<ConfigError>([&] { (void)place(p, s); });
  };
  const auto numeric = [](const std::vector<double>& s) {
    return test::error_of<NumericError>([&] { (void)place({}, s); });
  };
  CHECK(config({}, {1, 2}) == "Proportional: 2 scores for 6 sites");
  CHECK(config({.budget = 0}, {1, 2, 3, 4, 5, 6}) ==
        "Proportional: a budget of 0 directions, expected at least 1");
  CHECK(config({.budget = 17}, {1, 0, 3, 0, 0, 0}) ==
        "Proportional: a budget of 17 directions, but the 2 candidate sites with a score above 0 "
        "hold at most 16");
  CHECK(config({}, {0, 0, 0, 0, 0, 0}) ==
        "Proportional: the scores of all 6 candidate sites (blocks.0.q ... blocks.1.down) are 0: no "
        "gradient reached them; probe samples that have targets, under a loss that reads these sites");
  CHECK(config({}, {1, -2, 3, 4, 5, 6}) ==
        "Proportional: the score of blocks.0.v is -2, expected at least 0");
  CHECK(numeric({1, 2, 3, std::nan(""), 5, 6}) == "Proportional: the score of blocks.1.q is nan");
  CHECK(numeric({1, std::numeric_limits<double>::infinity(), 3, 4, 5, 6}) ==
        "Proportional: the score of blocks.0.v is inf");
}
