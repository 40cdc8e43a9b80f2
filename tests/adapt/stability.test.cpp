// SPDX-License-Identifier: MIT
#include <lorica/adapt/stability.hpp>

#include "adapt/toy.hpp"

using namespace lorica;
using namespace lorica::adapt;
using Values = std::vector<double>;
using R = test::Reference;

TEST_CASE("equal values share the mean of their ranks", "[adapt][stability]") {
  CHECK(mean_ranks(Values{30, 10, 20}) == Values{3, 1, 2});
  CHECK(mean_ranks(Values{5, 1, 5, 5, 2}) == Values{4, 1, 4, 4, 2});
  CHECK(mean_ranks(Values{7, 7}) == Values{1.5, 1.5});
  CHECK(mean_ranks(Values{}).empty());
}

TEST_CASE("Spearman's correlation, with and without ties", "[adapt][stability]") {
  CHECK(spearman(Values{1, 2, 3, 4}, Values{10, 200, 3000, 40000}) == Approx(1));
  CHECK(spearman(Values{1, 2, 3, 4}, Values{4, 3, 2, 1}) == Approx(-1));
  // 1 - 6 sum d^2 / (n (n^2 - 1)) without ties: d = 1, -1, 1, -1, 0, n = 5
  CHECK(spearman(Values{1, 2, 3, 4, 5}, Values{2, 1, 4, 3, 5}) == Approx(1 - 6 * 4.0 / (5 * 24)));
  // Ranks 1, 2.5, 2.5, 4 against 1, 3, 2, 4: covariance 4.5, variances 4.5 and 5.
  CHECK(spearman(Values{1, 2, 2, 3}, Values{1, 3, 2, 4}) == Approx(4.5 / std::sqrt(4.5 * 5)));
  CHECK(std::isnan(spearman(Values{1, 1, 1}, Values{1, 2, 3})));
  CHECK(test::error_of<ConfigError>([] {
          (void)spearman(Values{1}, Values{1, 2});
        }) == "spearman: 1 values against 2");
}

TEST_CASE("Gini's coefficient: equal, one has all, in between", "[adapt][stability]") {
  CHECK(gini(Values{2, 2, 2}) == Approx(0).margin(1e-15));
  CHECK(gini(Values{0, 0, 5, 0}) == Approx(0.75));
  CHECK(gini(Values{4, 1, 2, 3}) == Approx(0.25));  // sum |x - y| / (2 n^2 mean) = 20 / (2 16 2.5)
  CHECK(std::isnan(gini(Values{0, 0})));
  CHECK(std::isnan(gini(Values{-1, 2})));
  CHECK(std::isnan(gini(Values{})));
}

TEST_CASE("what several runs have in common", "[adapt][stability]") {
  const auto sites = test::sites(1);  // q, v, down
  const std::vector<SiteScores> runs = {
      {sites, {1, 2, 7}}, {sites, {1, 3, 4}}, {sites, {5, 3, 2}}, {sites, {1, 2, 9}}};
  const auto s = stability(runs);
  CHECK(s.runs() == 4);
  CHECK(s.dominant == std::vector<std::size_t>{2, 2, 0, 2});
  CHECK(s.usual == 2);
  CHECK(s.usual_share == 0.75);
  CHECK(s.agreement == 0.5);  // 3 of 6 pairs
  CHECK(test::relative_error(s.top_share, {0.7, 0.5, 0.5, 0.75}) < 1e-15);
  CHECK(s.gini[0] == Approx(gini(Values{1, 2, 7})));
  for (std::size_t a = 0; a < 4; ++a)
    for (std::size_t b = 0; b < 4; ++b) {
      CHECK(s.correlation_of(a, b) == Approx(spearman(runs[a].values, runs[b].values)));
      CHECK(s.correlation_of(a, b) == s.correlation_of(b, a));
    }
  CHECK(s.correlation_of(1, 1) == Approx(1));
  CHECK(s.least_correlation() == Approx(-1));
}

TEST_CASE("one run agrees with itself, a run that ranks nothing has no correlation", "[adapt][stability]") {
  const auto sites = test::sites(1);
  const auto one = stability({{sites, {1, 2, 7}}});
  CHECK(one.agreement == 1);
  CHECK(one.usual_share == 1);
  CHECK(one.least_correlation() == Approx(1));
  const auto flat = stability({{sites, {1, 2, 7}}, {sites, {0, 0, 0}}});
  CHECK(std::isnan(flat.correlation_of(0, 1)));
  CHECK(std::isnan(flat.least_correlation()));
  CHECK(std::isnan(flat.gini[1]));
  CHECK(flat.top_share[1] == 0);
  CHECK(flat.usual == 0);  // once each: the first
}

TEST_CASE("PAGE over draws ranks a toy's sites much as its closed form does", "[adapt][stability]") {
  R b;
  const test::Toy<R> model(b);
  std::vector<SiteScores> runs = {probe(b, model, test::sequences(), Page{.form = Form::closed})};
  for (Seed seed = 0; seed < 3; ++seed)
    runs.push_back(probe(b, model, test::sequences(), Page{.draws = 50, .seed = seed}));
  const auto s = stability(runs);
  CHECK(s.usual == runs[0].dominant());
  CHECK(s.agreement == 1);
  CHECK(s.least_correlation() > 0.7);
}

TEST_CASE("runs that cannot be compared are errors", "[adapt][stability]") {
  const auto error = [](const std::vector<SiteScores>& runs) {
    return test::error_of<ConfigError>([&] { (void)stability(runs); });
  };
  const auto sites = test::sites(1);
  auto renamed = sites;
  renamed[1].path = "blocks.0.k";
  CHECK(error({}) == "stability: no scores");
  CHECK(error({SiteScores{}}) == "stability: the scores are of no site");
  CHECK(error({{sites, {1, 2, 3}}, {sites, {1, 2}}}) ==
        "stability: run 1 has 2 scores of 3 sites, expected 3");
  CHECK(error({{sites, {1, 2, 3}}, {renamed, {1, 2, 3}}}) ==
        "stability: site 1 of run 1 is blocks.0.k, expected blocks.0.v");
  CHECK(test::error_of<NumericError>([&] {
          (void)stability({{sites, {1, 2, std::nan("")}}});
        }) == "stability: the score of blocks.0.down in run 0 is nan");
}
