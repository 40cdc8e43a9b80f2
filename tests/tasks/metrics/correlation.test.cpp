// SPDX-License-Identifier: MIT
#include <lorica/tasks/metrics/correlation.hpp>

#include <support/catch.hpp>
#include <tasks/oracle.hpp>

using namespace lorica;
using Numbers = std::vector<double>;

TEST_CASE("correlations are SciPy's", "[tasks][metrics]") {
  for (const auto& c : test::oracle("metrics.json").at("correlation").as_array()) {
    CAPTURE(c.at("name").as_string());
    const Numbers x = test::numbers(c.at("x")), y = test::numbers(c.at("y"));
    CHECK(test::same(tasks::pearson(x, y), test::number(c.at("pearson"))));
    CHECK(test::same(tasks::spearman(x, y), test::number(c.at("spearman"))));
  }
}

TEST_CASE("ties share the mean of their ranks, and what is no number is refused", "[tasks][metrics]") {
  CHECK(lorica::mean_ranks(Numbers{3, 1, 3, 2, 3}) == Numbers{4, 1, 4, 2, 4});
  CHECK(lorica::mean_ranks({}).empty());
  CHECK_THROWS_WITH(tasks::pearson(Numbers{1}, Numbers{1}),
                    "Pearson's correlation: 1 numbers against 1, expected as many, and at least two");
  CHECK_THROWS_AS(tasks::spearman(Numbers{1, 2}, Numbers{1, 2, 3}), ConfigError);
  CHECK_THROWS_AS(tasks::spearman(Numbers{1, 2}, Numbers{1, NAN}), NumericError);
}
