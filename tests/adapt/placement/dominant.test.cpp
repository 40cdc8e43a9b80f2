// SPDX-License-Identifier: MIT
#include <lorica/adapt/placement/dominant.hpp>

#include "adapt/toy.hpp"

#include <lorica/adapt/placement/uniform.hpp>

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
  CHECK(config({}, {0, 0, 0, 0, 0, 0}) ==
        "Dominant: the scores of all 6 candidate sites (blocks.0.q ... blocks.1.down) are 0: no gradient "
        "reached them; probe samples that have targets, under a loss that reads these sites");
  CHECK(
      config({.sites = {.layers = {1}}}, {1, 2, 3, 0, 0, 0})
          .starts_with("Dominant: the scores of all 3 candidate sites (blocks.1.q ... blocks.1.down) are 0"));
}

TEST_CASE("dominant: one down-projection against LoRA on all linears, in the shapes of known models",
          "[adapt][placement][dominant]") {
  struct Known {
    const char* name;
    index_t layers, width, queries, keys, hidden;
    double percent;
  };
  for (const Known& m : {Known{"Llama-3.1-8B, Mistral-7B", 32, 4096, 4096, 1024, 14336, 0.703},
                         Known{"Qwen3-8B", 36, 4096, 4096, 1024, 12288, 0.601},
                         Known{"Qwen2.5-7B", 28, 3584, 3584, 512, 18944, 0.893},
                         Known{"Llama-3.2-1B", 16, 2048, 2048, 512, 8192, 1.45}}) {
    INFO(m.name);
    std::vector<SiteInfo> sites;
    nn::SiteCounter site;
    for (index_t l = 0; l < m.layers; ++l) {
      sites.push_back(site(l, Role::query, m.width, m.queries));
      sites.push_back(site(l, Role::key, m.width, m.keys));
      sites.push_back(site(l, Role::value, m.width, m.keys));
      sites.push_back(site(l, Role::output, m.queries, m.width));
      sites.push_back(site(l, Role::gate, m.width, m.hidden));
      sites.push_back(site(l, Role::up, m.width, m.hidden));
      sites.push_back(site(l, Role::down, m.hidden, m.width));
    }
    const auto parameters = [&](const Placement& p) {
      index_t n = 0;
      for (std::size_t i = 0; i < sites.size(); ++i) n += p.rank[i] * (sites[i].in + sites[i].out);
      return double(n);
    };
    std::vector<double> scores(sites.size(), 1);
    scores[13] = 60;  // the second block's down-projection
    const auto one = Dominant{.rank = 16}.place(sites, scores);
    CHECK(one.rank[13] == 16);
    const double percent = 100 * parameters(one) / parameters(Uniform{.rank = 16}.place(sites, {}));
    // To the digits that are stated.
    CHECK(std::abs(percent - m.percent) < (m.percent < 1 ? 0.0005 : 0.005));
  }
}
