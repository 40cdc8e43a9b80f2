// SPDX-License-Identifier: MIT
/// @file lorica/report/canvas.hpp
/// Lines in the cells of a terminal: eight braille dots a cell in colour, one ASCII mark without.
#pragma once

#include <lorica/core/check.hpp>
#include <lorica/report/color.hpp>
#include <lorica/report/terminal.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace lorica::report {

/// A place in a picture: 0 left and at the bottom, 1 right and on top.
struct Point {
  double x = 0;
  double y = 0;
};

/// How a line is told from another.
struct Pen {
  Rgb color{};
  char mark = '*';
};

/// Cells that belong to the pen that drew there last.
class Canvas {
 public:
  Canvas(int columns, int rows, Color color) : columns_(columns), rows_(rows), color_(color) {
    expects(columns > 0 && rows > 0, "canvas: ", columns, " columns and ", rows,
            " rows, expected at least one of each");
    cells_.resize(static_cast<std::size_t>(columns) * static_cast<std::size_t>(rows));
  }

  /// The row of cells where this height is.
  [[nodiscard]] int row_of(double y) const { return dot_row(y) / dots_high(); }
  [[nodiscard]] int column_of(double x) const { return dot_column(x) / dots_wide(); }

  /// From a to b, both included (Bresenham, 1965).
  void line(Point a, Point b, const Pen& pen) {
    int x = dot_column(a.x);
    int y = dot_row(a.y);
    const int end_x = dot_column(b.x);
    const int end_y = dot_row(b.y);
    const int dx = std::abs(end_x - x);
    const int dy = -std::abs(end_y - y);
    for (int error = dx + dy;;) {
      dot(x, y, pen);
      if (x == end_x && y == end_y) return;
      const int twice = 2 * error;
      if (twice >= dy) {
        error += dy;
        x += x < end_x ? 1 : -1;
      }
      if (twice <= dx) {
        error += dx;
        y += y < end_y ? 1 : -1;
      }
    }
  }

  /// The cells of a row from the top, as text without the spaces at its end.
  [[nodiscard]] std::string row(int r) const {
    const Cell* const first = cells_.data() + static_cast<std::ptrdiff_t>(r) * columns_;
    const Cell* end = first + columns_;
    while (end != first && end[-1].dots == 0) --end;
    std::string out;
    for (const Cell* c = first; c != end;) {
      std::string run;
      const Cell* const start = c;
      for (; c != end && (c->dots != 0) == (start->dots != 0) && c->pen.color == start->pen.color; ++c)
        run += text(*c);
      out += start->dots == 0 ? run : in_color(run, start->pen.color, color_);
    }
    return out;
  }

 private:
  struct Cell {
    unsigned dots = 0;
    Pen pen{};
  };

  [[nodiscard]] int dots_wide() const { return color_ == Color::off ? 1 : 2; }
  [[nodiscard]] int dots_high() const { return color_ == Color::off ? 1 : 4; }
  [[nodiscard]] static int dot_at(double position, int count) {
    return static_cast<int>(std::lround(std::clamp(position, 0.0, 1.0) * (count - 1)));
  }
  [[nodiscard]] int dot_column(double x) const { return dot_at(x, columns_ * dots_wide()); }
  [[nodiscard]] int dot_row(double y) const { return dot_at(1 - y, rows_ * dots_high()); }

  void dot(int x, int y, const Pen& pen) {
    constexpr std::array<unsigned, 8> bit{0x01, 0x08, 0x02, 0x10, 0x04, 0x20, 0x40, 0x80};  // row by row
    Cell& cell = cells_[static_cast<std::size_t>(y / dots_high() * columns_ + x / dots_wide())];
    cell.dots |= bit[static_cast<std::size_t>(y % dots_high() * 2 + x % dots_wide())];
    cell.pen = pen;
  }
  [[nodiscard]] std::string text(const Cell& cell) const {
    if (cell.dots == 0) return " ";
    if (color_ == Color::off) return std::string(1, cell.pen.mark);
    // U+2800 and the dots, as UTF-8
    return {'\xE2', static_cast<char>(0xA0 | cell.dots >> 6), static_cast<char>(0x80 | (cell.dots & 0x3F))};
  }

  int columns_;
  int rows_;
  Color color_;
  std::vector<Cell> cells_;
};

}  // namespace lorica::report
