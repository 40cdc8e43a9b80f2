// SPDX-License-Identifier: MIT
#include <lorica/train/learning_rate.hpp>

#include <support/catch.hpp>

#include <limits>
#include <vector>

using namespace lorica;
using train::Schedule;

namespace {
std::vector<double> over(const Schedule& s, index_t total) {
  std::vector<double> out;
  for (index_t t = 0; t < total; ++t) out.push_back(s(t, total));
  return out;
}
void near(const std::vector<double>& got, const std::vector<double>& want) {
  REQUIRE(got.size() == want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    CAPTURE(i);
    REQUIRE(got[i] == Approx(want[i]).margin(1e-15));
  }
}
}  // namespace

TEST_CASE("a schedule rises over its warm-up and then follows its shape", "[train][learning_rate]") {
  near(over({}, 3), {1, 1, 1});
  near(over({.warmup = 4}, 6), {0.25, 0.5, 0.75, 1, 1, 1});
  near(over({.shape = Schedule::linear}, 4), {1, 0.75, 0.5, 0.25});
  near(over({.shape = Schedule::linear, .warmup = 2, .floor = 0.2}, 6), {0.5, 1, 1, 0.8, 0.6, 0.4});
  near(over({.shape = Schedule::cosine}, 4),
       {1, 0.5 + 0.25 * std::sqrt(2.0), 0.5, 0.5 - 0.25 * std::sqrt(2.0)});
  near(over({.shape = Schedule::cosine, .warmup = 1, .floor = 0.1}, 5),
       {1, 1, 0.1 + 0.9 * (0.5 + 0.25 * std::sqrt(2.0)), 0.55, 0.1 + 0.9 * (0.5 - 0.25 * std::sqrt(2.0))});
}

TEST_CASE("a falling schedule would reach its floor at the step after the last", "[train][learning_rate]") {
  for (const auto shape : {Schedule::linear, Schedule::cosine}) {
    const Schedule s{.shape = shape, .warmup = 3, .floor = 0.25};
    REQUIRE(s(10, 10) == Approx(0.25).margin(1e-15));
    for (index_t t = 3; t < 10; ++t) REQUIRE(s(t, 10) > s(t + 1, 10));
  }
}

TEST_CASE("a run that is all warm-up ends at its peak", "[train][learning_rate]") {
  near(over({.shape = Schedule::cosine, .warmup = 4}, 4), {0.25, 0.5, 0.75, 1});
}

TEST_CASE("a schedule that does not fit its run is refused", "[train][learning_rate]") {
  const Schedule fits{.shape = Schedule::linear, .warmup = 5, .floor = 1};
  REQUIRE_NOTHROW(fits.validate(5));
  const Schedule late{.warmup = 6}, negative{.warmup = -1}, high{.floor = 1.5},
      nan{.floor = std::numeric_limits<double>::quiet_NaN()};
  REQUIRE_THROWS_WITH(late.validate(5), "schedule: a warm-up of 6 steps in a run of 5");
  REQUIRE_THROWS_WITH(negative.validate(5), "schedule: a warm-up of -1 steps in a run of 5");
  REQUIRE_THROWS_WITH(high.validate(5),
                      "schedule: the floor is 1.5, expected 0 to 1 (a multiple of the peak)");
  REQUIRE_THROWS_AS(nan.validate(5), ConfigError);
}
