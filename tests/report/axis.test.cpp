// SPDX-License-Identifier: MIT
#include <lorica/report/axis.hpp>

#include <support/catch.hpp>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

using namespace lorica::report;

namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

Axis axis(Scale scale, std::vector<double> values) {
  Axis a(scale);
  for (const double v : values) a.cover(v);
  return a;
}

std::string labels(const Axis& a, int most = 6) {
  std::string out;
  for (const Tick& t : a.ticks(most)) out += (out.empty() ? "" : " ") + t.label;
  return out;
}

}  // namespace

TEST_CASE("ticks are round, and as many as there is room for", "[report][axis]") {
  const auto linear = [](std::vector<double> v) { return axis(Scale::linear, v); };
  CHECK(labels(linear({1, 1000})) == "200 400 600 800 1000");
  CHECK(labels(linear({0, 1000})) == "0 200 400 600 800 1000");
  CHECK(labels(linear({0, 1000}), 3) == "0 500 1000");
  CHECK(labels(linear({-0.5, 0.5})) == "-0.4 -0.2 0.0 0.2 0.4");
  CHECK(labels(linear({1000, 1000.5})) == "1000.0 1000.1 1000.2 1000.3 1000.4 1000.5");
  CHECK(labels(linear({1e-7, 3e-7})) == "1e-07 1.5e-07 2e-07 2.5e-07 3e-07");
  CHECK(labels(linear({1e9, 9e9})) == "2e+09 4e+09 6e+09 8e+09");
  CHECK(labels(linear({6, 14}), 4) == "6 8 10 12 14");  // 5 apart there were only 10
  CHECK(labels(linear({2, 4.5, 3})) == "2.0 2.5 3.0 3.5 4.0 4.5");
}

TEST_CASE("where all values are whole, so are the ticks", "[report][axis]") {
  CHECK(labels(axis(Scale::linear, {1, 3})) == "1 2 3");
  CHECK(labels(axis(Scale::linear, {1, 2.5})) == "1.0 1.5 2.0 2.5");
  CHECK(labels(axis(Scale::linear, {7})) == "6 7 8");
}

TEST_CASE("a logarithmic axis has powers of ten, or 1, 2 and 5, or as many as fit", "[report][axis]") {
  const auto decades = [](std::vector<double> v) { return axis(Scale::logarithmic, v); };
  CHECK(labels(decades({1, 1000})) == "1 10 100 1000");
  CHECK(labels(decades({1e-9, 1e9})) == "1e-09 1e-05 0.1 1000 1e+07");
  CHECK(labels(decades({0.3, 8})) == "0.5 1 2 5");
  CHECK(labels(decades({2, 2.5})) == "2.0 2.1 2.2 2.3 2.4 2.5");
  CHECK(decades({1, 100}).position(10) == Approx(0.5));
  CHECK(decades({1, 100, 0, -5}).position(1) == 0);  // what is not positive has no place
}

TEST_CASE("every tick lies on the axis, in order, at its label, and there are enough", "[report][axis]") {
  for (const Scale scale : {Scale::linear, Scale::logarithmic})
    for (const double low : {1e-300, 1e-12, 0.0037, 1.0, 12.5, 99999.0, 1e12, 1e290})
      for (const double factor : {1.0, 1.0 + 1e-12, 1.001, 1.7, 30.0, 1e6, 1e9})
        for (const int most : {2, 4, 8}) {
          const Axis a = axis(scale, {low, low * factor});
          const auto ticks = a.ticks(most);
          INFO(low << " to " << low * factor << ", about " << most << ": " << labels(a, most));
          REQUIRE(ticks.size() >= 2);
          REQUIRE(ticks.size() <= static_cast<std::size_t>(most) + 2);
          double before = -1;
          for (const Tick& t : ticks) {
            const double at = a.position(t.value);
            REQUIRE(at > before);
            REQUIRE(at >= -1e-6);
            REQUIRE(at <= 1 + 1e-6);
            REQUIRE(std::fabs(a.position(std::stod(t.label)) - at) < 1e-3);
            before = at;
          }
        }
}

TEST_CASE("an axis without a range has one all the same, and what has no place none", "[report][axis]") {
  CHECK(axis(Scale::linear, {}).empty());
  CHECK(labels(axis(Scale::linear, {})) == "0 1");
  CHECK(axis(Scale::linear, {5}).position(5) == 0.5);
  CHECK(axis(Scale::linear, {0.5, 0.5}).position(0.5) == Approx(0.5));
  CHECK(axis(Scale::linear, {1e300}).position(1e300) == Approx(0.5));
  CHECK(axis(Scale::logarithmic, {5}).position(5) == Approx(0.5));
  const Axis a = axis(Scale::linear, {none, infinity, -infinity, 1e301, 1, 2});
  CHECK(a.position(1) == 0);
  CHECK(a.position(2) == 1);
  CHECK_FALSE(a.shows(none));
  CHECK_FALSE(a.shows(-infinity));
  CHECK(a.shows(-3));
  CHECK_FALSE(Axis(Scale::logarithmic).shows(0));
}
