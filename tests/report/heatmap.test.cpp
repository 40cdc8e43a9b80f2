// SPDX-License-Identifier: MIT
#include <lorica/report/heatmap.hpp>

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

HeatMap example() {
  return {.title = "PAGE",
          .row_labels = {"layer 0", "layer 1"},
          .column_labels = {"q", "up"},
          .values = {0.25, 1, none, 4}};
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

}  // namespace

TEST_CASE("without colour the map reads by shade, number and star", "[report][heatmap]") {
  REQUIRE(to_terminal(example()) ==
          "PAGE\n"
          "              q       up\n"
          "layer 0    0.25  ░░    1\n"
          "layer 1       ·  ██    4*\n"
          "0.25   ░░▒▒▓▓██ 4\n"
          "* brightest layer 1, up: 4\n");
}

TEST_CASE("with colour every cell has its ground, and the text is the same", "[report][heatmap]") {
  for (const Color color : {Color::ansi256, Color::truecolor}) {
    const std::string text = to_terminal(example(), {.color = color});
    REQUIRE(count(text, "\x1b[48;") == 3 + 10);  // three cells, ten of the legend
    REQUIRE(count(text, "\x1b[48;") == count(text, "\x1b[0m"));
    REQUIRE(has(text, "4*\x1b[0m"));
    REQUIRE_FALSE(has(text, "█"));
  }
  REQUIRE(has(to_terminal(example(), {.color = Color::truecolor}), "48;2;253;231;37"));
  REQUIRE(has(to_terminal(example(), {.color = Color::ansi256}), "48;5;220"));
}

TEST_CASE("no line is wider than asked, whatever the map", "[report][heatmap]") {
  for (const std::size_t rows : {1U, 3U, 40U}) {
    for (const std::size_t columns : {1U, 6U, 7U, 30U}) {
      for (const int width : {40, 80, 120}) {
        HeatMap map{.title = "t"};
        for (std::size_t r = 0; r < rows; ++r)
          map.row_labels.push_back("blocks." + std::to_string(r) + ".of.a.long.name");
        for (std::size_t c = 0; c < columns; ++c)
          map.column_labels.push_back("projection" + std::to_string(c));
        for (std::size_t i = 0; i < rows * columns; ++i)
          map.values.push_back(std::exp(-static_cast<double>(i)));
        const std::string text = to_terminal(map, {.width = width});
        INFO(text);
        const auto all = lines(text);
        for (const std::string& line : std::vector<std::string>(all.begin(), all.end() - 1)) {
          REQUIRE(display_width(line) <= static_cast<std::size_t>(width));
        }
        REQUIRE(count(text, "*") == 2);  // the cell and the line that names it
        const std::size_t numbers = (all.size() - 3) / (rows + 1);
        REQUIRE(all.size() == 3 + numbers * (rows + 1));  // title, panels, legend, brightest
        for (std::size_t r = 0; r < rows; ++r) REQUIRE(has(all[2 + r], "."));
      }
    }
  }
}

TEST_CASE("six roles and small numbers fit 80 columns side by side", "[report][heatmap]") {
  HeatMap map{.row_labels = {"layer 11"},
              .column_labels = {"q", "k", "v", "o", "up", "down"},
              .values = {1.23e-12, 2e-3, 0.3, 4, 5, 6}};
  REQUIRE(lines(to_terminal(map)).size() == 4);
}

TEST_CASE("a logarithmic scale separates decades, a linear one does not", "[report][heatmap]") {
  HeatMap map{.row_labels = {"r"}, .column_labels = {"a", "b", "c", "d"}, .values = {0.001, 0.1, 10, 0}};
  const std::string linear = to_svg(map);
  map.scale = Scale::logarithmic;
  const std::string decades = to_svg(map);
  REQUIRE(count(linear, "fill=\"" + hex(viridis(0.5)) + "\"") == 0);
  REQUIRE(count(decades, "fill=\"" + hex(viridis(0.5)) + "\"") == 1);
  REQUIRE(count(decades, "fill=\"" + hex(viridis(0)) + "\"") == 3);  // the smallest, zero, the legend's first
  REQUIRE(has(decades, ">logarithmic<"));
  REQUIRE(has(to_terminal(map), "(logarithmic)"));
  map.values = {1e-20, 1e-6, 1e-3, 1};  // six decades at most
  REQUIRE(count(to_svg(map), "fill=\"" + hex(viridis(0)) + "\"") == 3);
}

TEST_CASE("maps without a range, without values or with infinities are drawn", "[report][heatmap]") {
  const auto both = [](std::vector<double> values) {
    std::string out;
    for (const Scale scale : {Scale::linear, Scale::logarithmic}) {
      const HeatMap map{.row_labels = {"r"}, .column_labels = {"a", "b"}, .values = values, .scale = scale};
      REQUIRE(malformed(to_svg(map)).empty());
      out += to_terminal(map) + to_terminal(map, {.color = Color::truecolor}) + to_svg(map);
    }
    return out;
  };
  REQUIRE(has(both({none, none}), "no values"));
  REQUIRE(has(both({2, 2}), "brightest r, a: 2"));  // the first of equals
  REQUIRE(has(both({0, 0}), "brightest r, a: 0"));
  REQUIRE(has(both({-1, -2}), "brightest r, a: -1"));
  REQUIRE(has(both({1, infinity}), "brightest r, b: inf"));
  REQUIRE(has(both({-infinity, infinity}), "brightest r, b: inf"));
}

TEST_CASE("a map whose labels and values disagree is refused", "[report][heatmap]") {
  HeatMap map = example();
  map.values.pop_back();
  REQUIRE_THROWS_AS(to_terminal(map), lorica::ShapeError);
  REQUIRE_THROWS_AS(to_svg(map), lorica::ShapeError);
  REQUIRE_THROWS_AS(to_svg(HeatMap{}), lorica::ConfigError);
}

TEST_CASE("an SVG is well-formed, complete and one cell is outlined", "[report][heatmap]") {
  const std::string svg = to_svg(example());
  REQUIRE(malformed(svg).empty());
  REQUIRE(malformed("<a><b></a></b>") != "");  // the check itself can fail
  REQUIRE(malformed("<a>&</a>") != "");
  REQUIRE(malformed("<a/><b/>") != "");
  REQUIRE(malformed("<a><b></a>") != "");
  REQUIRE(malformed("<a>") != "");
  REQUIRE(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
  REQUIRE(count(svg, "<g><title>") == 4);
  REQUIRE(has(svg, "<title>layer 0, up: 1</title>"));
  REQUIRE(has(svg, "<title>layer 1, q: no such cell</title>"));
  REQUIRE(count(svg, "class=\"value\"") == 3);
  REQUIRE(count(svg, "class=\"mark\"") == 1);
  REQUIRE(has(svg, "prefers-color-scheme:dark"));
  REQUIRE_FALSE(has(svg, "href"));  // needs nothing from elsewhere
}

TEST_CASE("labels cannot break an SVG", "[report][heatmap]") {
  HeatMap map = example();
  map.title = "<script>\"R&D\"</script>";
  map.row_labels[0] = "a<b & 'c'\n\x01\xFF";
  map.column_labels[1] = "]]>";
  const std::string svg = to_svg(map);
  REQUIRE(malformed(svg).empty());
  REQUIRE(has(svg, "&lt;script&gt;&quot;R&amp;D&quot;"));
  REQUIRE_FALSE(has(svg, "<script>"));
  REQUIRE_FALSE(has(svg, "\x01"));
}

TEST_CASE("numbers are left out of cells that are too small, tooltips stay", "[report][heatmap]") {
  HeatMap map{.row_labels = {"r"}};
  for (int c = 0; c < 60; ++c) {
    map.column_labels.push_back("c" + std::to_string(c));
    map.values.push_back(c + 0.125);
  }
  const std::string svg = to_svg(map);
  REQUIRE(count(svg, "class=\"value\"") == 0);
  REQUIRE(count(svg, "<g><title>") == 60);
  REQUIRE(count(svg, "rotate(-45") == 30);  // labels are wider than the cells: every second, turned
  map.column_labels.resize(40);
  map.values = std::vector<double>(40, 7);
  REQUIRE(count(to_svg(map), "rotate(-45") == 40);
  REQUIRE(count(to_svg(map), "class=\"value\"") == 40);
  map.values[3] = 1234;  // one has no room: none is written
  REQUIRE(count(to_svg(map), "class=\"value\"") == 0);
  REQUIRE_FALSE(has(svg, "id="));  // several on one page do not meet
}
