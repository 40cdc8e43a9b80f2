// SPDX-License-Identifier: MIT
#include <lorica/adapt/budget/schedule.hpp>

#include "support/catch.hpp"

using namespace lorica;
using namespace lorica::adapt;
using test::error_of;

TEST_CASE("the budget falls by a cube between warm-up and the final phase", "[adapt][budget]") {
  const CubicSchedule s{.initial = 100, .target = 20, .tinit = 10, .tfinal = 30, .interval = 5, .total = 80};
  CHECK(s.end() == 50);
  for (const index_t t : {0, 9, 10}) CHECK(s.budget(t) == 100);
  CHECK(s.budget(11) == 94);  // 20 + 80 (39/40)^3 = 94.15, cut
  CHECK(s.budget(30) == 30);  // 20 + 80 / 8
  CHECK(s.budget(50) == 20);
  CHECK(s.budget(79) == 20);
  CHECK_FALSE(s.cuts(10));
  CHECK_FALSE(s.cuts(11));
  CHECK(s.cuts(15));
  CHECK(s.cuts(50));
  CHECK(s.cuts(51));  // in the final phase after every step
  for (index_t t = 1; t < 80; ++t) CHECK(s.budget(t) <= s.budget(t - 1));
}

TEST_CASE("a duration is a number of steps or a share of the run", "[adapt][budget]") {
  CHECK(Duration{200}.of("tinit", 1000) == 200);
  CHECK(Duration{.share = 0.1}.of("tinit", 1000) == 100);
  CHECK(Duration{}.of("tinit", 1000) == 0);
  CHECK(Duration{.share = 0.25}.of("tinit", 10) == 3);
  const auto error = [](Duration d) { return error_of<ConfigError>([&] { (void)d.of("tinit", 10); }); };
  CHECK(error({.steps = 3, .share = 0.5}) ==
        "Budget: tinit is given as 3 steps and as the share 0.5 of the run, expected one of them");
  CHECK(error({.steps = -1}).find("tinit is -1 steps") != std::string::npos);
  CHECK(error({.share = 1}).find("the share 1 of the run") != std::string::npos);
}

TEST_CASE("schedules that cannot be are refused in one sentence", "[adapt][budget]") {
  const auto error = [](CubicSchedule s) { return error_of<ConfigError>([&] { s.validate("directions"); }); };
  const CubicSchedule good{.initial = 18, .target = 6, .tinit = 10, .tfinal = 20, .interval = 5, .total = 60};
  CHECK(error(good) == "no error");
  auto s = good;
  s.interval = 0;
  CHECK(error(s) == "Budget: the interval is 0 steps, expected at least 1");
  s = good;
  s.tinit = 40;
  CHECK(
      error(s) ==
      "Budget: tinit is 40 and tfinal 20 of 60 steps, expected tinit < total - tfinal: no step is left in which ranks "
      "may move");
  s = good;
  s.target = 18;
  CHECK(
      error(s) ==
      "Budget: the target is 18 directions, expected below the 18 that the adapters start with; raise the rank at the "
      "start, or lower the target");
  s.target = 0;
  CHECK(error(s) == "Budget: the target is 0 directions, expected at least 1");
}
