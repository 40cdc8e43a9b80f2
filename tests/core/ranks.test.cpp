// SPDX-License-Identifier: MIT
#include <lorica/core/ranks.hpp>

#include "support/catch.hpp"

#include <cmath>

using Values = std::vector<double>;

TEST_CASE("ranks count from 1, and equal numbers share the mean of their places", "[core][ranks]") {
  CHECK(lorica::mean_ranks(Values{-2, 9, 0.5}) == Values{1, 3, 2});
  CHECK(lorica::mean_ranks(Values{1, 1, 0, 1, 0}) == Values{4, 4, 1.5, 4, 1.5});
  CHECK(lorica::mean_ranks(Values{4}) == Values{1});
  CHECK(lorica::mean_ranks(Values{}).empty());
  CHECK_THROWS_AS(lorica::mean_ranks(Values{1, std::nan(""), 3}), lorica::NumericError);
}
