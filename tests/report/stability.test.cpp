// SPDX-License-Identifier: MIT
#include <lorica/report/stability.hpp>

#include "adapt/toy.hpp"

using namespace lorica;
using namespace lorica::report;

namespace {
const auto sites = test::sites(1);
const auto common = adapt::stability({{sites, {1, 2, 7}}, {sites, {5, 3, 2}}, {sites, {0, 0, 0}}});
}  // namespace

TEST_CASE("stability as a table: a row a run", "[report][stability]") {
  CHECK(stability_table(common, {"one", "two", "flat"}).to_markdown() ==
        "| run  | dominant      |  share |  Gini |    one |    two | flat |\n"
        "| ---- | ------------- | ------:| -----:| ------:| ------:| ----:|\n"
        "| one  | blocks.0.down | 70.0 % | 0.400 |  1.000 | -1.000 |    - |\n"
        "| two  | blocks.0.q    | 50.0 % | 0.200 | -1.000 |  1.000 |    - |\n"
        "| flat | blocks.0.q    |  0.0 % |     - |      - |      - |    - |\n");
  CHECK(test::error_of<ConfigError>([] { (void)stability_table(common, {"one"}); }) ==
        "stability_table: 1 names for 3 runs");
}

TEST_CASE("stability in a sentence", "[report][stability]") {
  CHECK(stability_line(common) ==
        "blocks.0.q is dominant in 2 of 3 runs; two runs agree with probability 0.33; least "
        "rank correlation -");
}
