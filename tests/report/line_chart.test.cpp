// SPDX-License-Identifier: MIT
#include <lorica/report/line_chart.hpp>

#include <report/well_formed.hpp>
#include <support/catch.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

using namespace lorica::report;

namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

LineChart example() {
  return {.title = "loss",
          .x_label = "step",
          .y_label = "nats",
          .series = {{.name = "train", .y = {4, 2, 1, 0}}, {.name = "dev", .y = {4, 3}, .x = {2, 4}}}};
}

std::string why(const LineChart& chart) {
  try {
    static_cast<void>(to_svg(chart));
  } catch (const lorica::Error& error) {
    return error.what();
  }
  return "nothing thrown";
}

}  // namespace

TEST_CASE("without colour a chart is ASCII, with a mark a series", "[report][line_chart]") {
  REQUIRE(to_terminal(example(), {.width = 24}, 5) ==
          "loss\n"
          "* train   + dev\n"
          "nats\n"
          "4 +**     +++++++\n"
          "  |  ****        +++++++\n"
          "2 +      ****\n"
          "  |          *******\n"
          "0 +                 ****\n"
          "  +-------+------------+\n"
          "          2            4\n"
          "           step\n");
}

TEST_CASE("with colour the lines are dots and the words are the same", "[report][line_chart]") {
  const std::string text = to_terminal(example(), {.color = Color::truecolor, .width = 24}, 5);
  REQUIRE(has(text, "\x1b[38;2;0;114;178m━\x1b[0m train"));
  REQUIRE(has(text, "⠑"));
  REQUIRE(has(text, "4 ┼"));
  REQUIRE(count(text, "\x1b[38;") == count(text, "\x1b[0m"));
}

TEST_CASE("no line of a chart is wider than asked", "[report][line_chart]") {
  LineChart chart{.title = "t", .x_label = "steps"};
  for (int n = 0; n < 8; ++n) {
    chart.series.push_back({.name = "a series with a name, " + std::to_string(n)});
    for (int i = 0; i < 50; ++i) chart.series.back().y.push_back(1e-9 * std::pow(1.7, i) * (n + 1));
  }
  for (const Scale scale : {Scale::linear, Scale::logarithmic})
    for (const int width : {20, 33, 80}) {
      chart.scale = scale;
      std::istringstream in(to_terminal(chart, {.width = width}));
      for (std::string line; std::getline(in, line);) {
        INFO(line);
        REQUIRE(display_width(line) <= static_cast<std::size_t>(width));
        REQUIRE((line.empty() || line.back() != ' '));
      }
    }
}

TEST_CASE("points without a place break their line and are counted", "[report][line_chart]") {
  LineChart chart{.series = {{.name = "a", .y = {1, 2, none, infinity, 3, none, 4, 5}}}};
  std::string svg = to_svg(chart);
  CHECK(has(svg, "a (3 not shown)"));
  CHECK(count(svg, "class=\"line c0\"") == 1 + 2);  // the legend; the point between two gaps is a dot
  CHECK(count(svg, "<circle") == 5);
  CHECK(has(to_terminal(chart), "* a (3 not shown)"));
  CHECK_FALSE(has(svg, "nan"));
  CHECK_FALSE(has(svg, "inf"));
  chart.series[0].y = {-1, 0, 1, 10};
  chart.scale = Scale::logarithmic;
  CHECK(has(to_svg(chart), "a (2 not shown)"));
  chart.series[0].y = {none, none};
  svg = to_svg(chart);
  CHECK(malformed(svg).empty());
  CHECK(has(svg, "a (2 not shown)"));
  CHECK_FALSE(has(svg, "nan"));
  CHECK(has(to_terminal(chart), "(2 not shown)"));
}

TEST_CASE("a chart without points is refused in one sentence", "[report][line_chart]") {
  LineChart chart = example();
  chart.series[1].y.clear();
  CHECK(why(chart) == "line chart 'loss': series 'dev' has no points, expected at least one");
  chart.series[1].y = {1, 2, 3};
  CHECK(why(chart) == "line chart 'loss': series 'dev' has 2 values of x and 3 of y, expected as many");
  CHECK_THROWS_AS(to_terminal(chart), lorica::ShapeError);
  CHECK(why({}) == "line chart: no series, expected at least one");
}

TEST_CASE("the SVG of a chart is well-formed, complete and always the same", "[report][line_chart]") {
  const std::string svg = to_svg(example());
  REQUIRE(malformed(svg).empty());
  CHECK(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"lorica-chart\""));
  CHECK(has(svg, "<title>loss</title>"));
  CHECK(has(svg, "class=\"ink title\">loss</text>"));
  CHECK(has(svg, "class=\"ink\">train</text>"));
  CHECK(has(svg, "class=\"ink mid\">step</text>"));
  CHECK(has(svg, "class=\"ink\">nats</text>"));
  CHECK(has(svg, "prefers-color-scheme:dark"));
  CHECK_FALSE(has(svg, "href"));
  CHECK_FALSE(has(svg, "id="));
  CHECK(svg == to_svg(example()));
  // Left 27.3, right 574.0, the plot from 78.0 to 298.0: corners of the first series.
  CHECK(has(svg, "<path d=\"M27.3 78.0L209.5 188.0L391.8 243.0L574.0 298.0\" class=\"line c0\"/>"));
}

TEST_CASE("a chart of one unnamed series has no legend", "[report][line_chart]") {
  const LineChart chart{.series = {{.y = {1, 2}}}};
  CHECK(count(to_svg(chart), "h20\"") == 0);
  CHECK(to_terminal(chart, {.width = 20}, 2).starts_with("2 +"));
  const LineChart two{.series = {{.y = {1, 2}}, {.y = {2, 1}}}};
  CHECK(has(to_svg(two), ">series 2</text>"));
}

TEST_CASE("labels cannot break the SVG of a chart", "[report][line_chart]") {
  LineChart chart = example();
  chart.title = chart.x_label = chart.y_label = chart.series[0].name = "</svg><script>\"R&D\"\n\x01\xFF";
  const std::string svg = to_svg(chart);
  REQUIRE(malformed(svg).empty());
  CHECK(count(svg, "&lt;script&gt;&quot;R&amp;D&quot;") == 5);
  CHECK_FALSE(has(svg, "<script"));
}

TEST_CASE("a seventh series has the first one's colour, dashed", "[report][line_chart]") {
  LineChart chart;
  for (int n = 0; n < 7; ++n) chart.series.push_back({.y = {1.0 * n, 2.0 * n}});
  const std::string svg = to_svg(chart);
  CHECK(count(svg, "class=\"line c0\" stroke-dasharray=\"6 3\"") == 2);
  CHECK(count(svg, "class=\"line c0\"/>") == 2);
}

TEST_CASE("many points are thinned, their extremes stay", "[report][line_chart]") {
  Series s;
  for (int i = 0; i < 100000; ++i) s.y.push_back(i == 77777 ? 9 : i == 22222 ? -9 : std::sin(i));
  const LineChart chart{.series = {s}};
  const detail::ChartView view(chart);
  const auto thin = detail::thinned(view.pieces[0][0], 1200);
  CHECK(thin.size() <= 4 * 1201);
  CHECK(std::ranges::count(thin, 1.0, &Point::y) == 1);
  CHECK(std::ranges::count(thin, 0.0, &Point::y) == 1);
  CHECK(thin.front().x == 0);
  CHECK(thin.back().x == 1);
  CHECK(std::ranges::is_sorted(thin, {}, &Point::x));
  CHECK(to_svg(chart).size() < 100000);
  CHECK(detail::thinned({{0.1, 0.5}, {0.9, 0.5}}, 1200).size() == 2);
}
