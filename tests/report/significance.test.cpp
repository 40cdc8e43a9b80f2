// SPDX-License-Identifier: MIT
#include <lorica/report/significance.hpp>

#include <support/catch.hpp>

using namespace lorica;
using report::spread;

TEST_CASE("mean and deviation of a sample", "[report][significance]") {
  const double values[] = {2, 4, 4, 4, 5, 5, 7, 9};
  const auto s = spread(values);
  CHECK(s.n == 8);
  CHECK(s.mean == Approx(5));
  CHECK(s.deviation == Approx(2.138089935299395));  // numpy.std(ddof=1)
  CHECK(std::isnan(spread(std::span<const double>()).mean));
  CHECK(spread(std::span(values, 1)).mean == 2);
  CHECK(std::isnan(spread(std::span(values, 1)).deviation));
}

TEST_CASE("Student's distribution is scipy's", "[report][significance]") {
  struct Row {
    double freedom, p, t;
  };
  // scipy.stats.t.ppf
  const Row rows[] = {
      {1, 0.9, 3.0776835371752544},     {1, 0.975, 12.706204736174694},    {1, 0.995, 63.656741162871526},
      {2, 0.9, 1.8856180831641272},     {2, 0.975, 4.302652729749462},     {2, 0.995, 9.924843200918287},
      {3, 0.9, 1.637744353696209},      {3, 0.975, 3.1824463052837078},    {3, 0.995, 5.840909309733355},
      {4, 0.9, 1.533206274058944},      {4, 0.975, 2.7764451051977934},    {4, 0.995, 4.604094871349992},
      {7, 0.9, 1.4149239276505086},     {7, 0.975, 2.364624251592784},     {7, 0.995, 3.4994832973504924},
      {11, 0.9, 1.3634303180205407},    {11, 0.975, 2.200985160091639},    {11, 0.995, 3.1058065155392804},
      {29, 0.9, 1.311433647301551},     {29, 0.975, 2.045229642132703},    {29, 0.995, 2.756385903670605},
      {120, 0.9, 1.288646233656378},    {120, 0.975, 1.9799304050824402},  {120, 0.995, 2.6174211451068654},
      {1000, 0.9, 1.2823987214609247},  {1000, 0.975, 1.9623390808264083}, {1000, 0.995, 2.580754698065951},
      {2.5, 0.975, 3.5746548420036817},
  };
  for (const Row& r : rows) {
    CAPTURE(r.freedom, r.p);
    CHECK(report::student_quantile(r.p, r.freedom) == Approx(r.t).epsilon(1e-10));
    CHECK(report::student_cdf(r.t, r.freedom) == Approx(r.p).epsilon(1e-10));
    CHECK(report::student_quantile(1 - r.p, r.freedom) == Approx(-r.t).epsilon(1e-7));
  }
  CHECK(report::student_quantile(0.5, 3) == 0);
  CHECK(report::student_cdf(0, 7) == 0.5);
}

TEST_CASE("Student's interval", "[report][significance]") {
  const double values[] = {0.3, 1.1, -0.2, 0.8, 0.5};
  // scipy.stats.t.interval(0.95, 4, loc=mean, scale=sem)
  const auto at95 = report::student_interval(values);
  CHECK(at95.low == Approx(-0.11459232315955803).epsilon(1e-9));
  CHECK(at95.high == Approx(1.114592323159558).epsilon(1e-9));
  const auto at50 = report::student_interval(values, 0.5);
  CHECK(at50.low > at95.low);
  CHECK(at50.high < at95.high);
  CHECK(std::isnan(report::student_interval(std::span(values, 1)).low));
}

TEST_CASE("Student's interval holds the mean as often as it says", "[report][significance]") {
  int held = 0;
  for (int trial = 0; trial < 2000; ++trial) {
    const Stream s(1, "trial", "", static_cast<std::uint64_t>(trial));
    double values[4];
    for (std::size_t i = 0; i < 4; ++i) values[i] = 3 + 0.7 * s.normal(i);
    const auto x = report::student_interval(values, 0.9);
    held += x.low <= 3 && 3 <= x.high;
  }
  CHECK(std::abs(held / 2000.0 - 0.9) < 0.025);  // more than three deviations of a share of 2000
}

TEST_CASE("the bootstrap's interval", "[report][significance]") {
  std::vector<double> values;
  const Stream s(2, "values", "");
  for (std::size_t i = 0; i < 40; ++i) values.push_back(10 + 2 * s.normal(i));
  // Near the normal one where there are many values.
  const auto b = report::bootstrap_interval(values), t = report::student_interval(values);
  CHECK(b.low == Approx(t.low).margin(0.15));
  CHECK(b.high == Approx(t.high).margin(0.15));
  const auto again = report::bootstrap_interval(values);
  CHECK(again.low == b.low);
  CHECK(again.high == b.high);
  const double equal[] = {1.5, 1.5, 1.5};
  CHECK(report::bootstrap_interval(equal).low == 1.5);
  CHECK(report::bootstrap_interval(equal).high == 1.5);
  CHECK(std::isnan(report::bootstrap_interval(std::span(equal, 1)).low));
  // Two values: the mean is one of three, the extremes each a quarter of the time.
  const double two[] = {0, 1};
  const auto x = report::bootstrap_interval(two);
  CHECK(x.low == 0);
  CHECK(x.high == 1);
}

TEST_CASE("of what is not a number there is no interval", "[report][significance]") {
  const double values[] = {std::nan(""), 1, 2};
  for (const auto& i : {report::bootstrap_interval(values), report::student_interval(values)})
    CHECK((std::isnan(i.low) && std::isnan(i.high)));
}

TEST_CASE("what a level or a distribution cannot be", "[report][significance]") {
  const double values[] = {1, 2};
  CHECK_THROWS_WITH(report::student_interval(values, 1),
                    "student_interval: the level is 1, expected between 0 and 1");
  CHECK_THROWS_WITH(report::bootstrap_interval(values, 0),
                    "bootstrap_interval: the level is 0, expected between 0 and 1");
  CHECK_THROWS_WITH(report::bootstrap_interval(values, 0.9, 0),
                    "bootstrap_interval: 0 draws, expected at least 1");
  CHECK_THROWS_WITH(report::student_quantile(0, 3),
                    "student_quantile: the probability is 0, expected between 0 and 1");
  CHECK_THROWS_WITH(report::student_quantile(0.1, 0),
                    "student_quantile: 0 degrees of freedom, expected above 0");
  CHECK_THROWS_WITH(report::student_cdf(1, -1), "student_cdf: -1 degrees of freedom, expected above 0");
}
