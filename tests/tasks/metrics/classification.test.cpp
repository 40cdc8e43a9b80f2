// SPDX-License-Identifier: MIT
#include <lorica/tasks/metrics/classification.hpp>

#include <support/catch.hpp>
#include <tasks/oracle.hpp>

using namespace lorica;
using Ids = std::vector<std::int32_t>;

TEST_CASE("metrics of classes are scikit-learn's", "[tasks][metrics]") {
  for (const auto& c : test::oracle("metrics.json").at("classification").as_array()) {
    CAPTURE(c.at("name").as_string());
    const Ids p = test::integers(c.at("predicted")), e = test::integers(c.at("expected"));
    CHECK(test::same(tasks::accuracy(p, e), test::number(c.at("accuracy"))));
    CHECK(test::same(tasks::f1(p, e), test::number(c.at("f1"))));
    CHECK(test::same(tasks::macro_f1(p, e), test::number(c.at("macro_f1"))));
    CHECK(test::same(tasks::matthews(p, e), test::number(c.at("matthews"))));
  }
}

TEST_CASE("the positive class is a choice, and nothing has no metric", "[tasks][metrics]") {
  const Ids p = {0, 0, 1}, e = {0, 1, 1};
  CHECK(tasks::f1(p, e, 0) == 2.0 / 3);
  CHECK(tasks::f1(p, e, 7) == 0);
  CHECK_THROWS_WITH(tasks::accuracy(p, Ids{0, 1}),
                    "accuracy: 3 predictions for 2 labels, expected as many, and at least one");
  CHECK_THROWS_AS(tasks::f1({}, {}), ConfigError);
  CHECK_THROWS_AS(tasks::macro_f1({}, {}), ConfigError);
  CHECK_THROWS_AS(tasks::matthews({}, {}), ConfigError);
}
