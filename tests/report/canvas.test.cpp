// SPDX-License-Identifier: MIT
#include <lorica/report/canvas.hpp>

#include <support/catch.hpp>

#include <string>

using namespace lorica::report;

namespace {
constexpr Pen red{{255, 0, 0}, '*'};
constexpr Pen blue{{0, 0, 255}, '+'};
}  // namespace

TEST_CASE("without colour a cell is one mark of the pen that came last", "[report][canvas]") {
  Canvas c(5, 3, Color::off);
  c.line({0, 0}, {1, 1}, red);
  c.line({0, 0}, {0.5, 0}, blue);
  CHECK(c.row(0) == "   **");
  CHECK(c.row(1) == " **");
  CHECK(c.row(2) == "+++");
  CHECK(c.row_of(1) == 0);
  CHECK(c.row_of(0) == 2);
  CHECK(c.column_of(1) == 4);
}

TEST_CASE("in colour a cell is eight dots", "[report][canvas]") {
  Canvas c(2, 1, Color::truecolor);
  c.line({0, 0}, {0, 1}, red);
  CHECK(c.row(0) == "\x1b[38;2;255;0;0m⡇\x1b[0m");
  c.line({1, 0}, {1, 1}, red);
  CHECK(c.row(0) == "\x1b[38;2;255;0;0m⡇⢸\x1b[0m");  // one colour, one sequence
  c.line({1, 0}, {1, 0}, blue);
  CHECK(c.row(0) == "\x1b[38;2;255;0;0m⡇\x1b[0m\x1b[38;2;0;0;255m⢸\x1b[0m");
  Canvas all(1, 1, Color::ansi256);
  for (const double y : {0.0, 0.34, 0.67, 1.0}) all.line({0, y}, {1, y}, blue);
  CHECK(all.row(0) == "\x1b[38;5;21m⣿\x1b[0m");
}

TEST_CASE("rows are empty where nobody drew, and points outside lie on the edge", "[report][canvas]") {
  Canvas c(3, 2, Color::off);
  CHECK(c.row(0).empty());
  c.line({-5, 7}, {2, 1}, red);
  CHECK(c.row(0) == "***");
  CHECK(c.row(1).empty());
  CHECK_THROWS_AS(Canvas(0, 1, Color::off), lorica::ConfigError);
}
