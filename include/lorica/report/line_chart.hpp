// SPDX-License-Identifier: MIT
/// @file lorica/report/line_chart.hpp
/// Curves over steps as a picture: for a terminal and as an SVG.
#pragma once

#include <lorica/core/check.hpp>
#include <lorica/report/axis.hpp>
#include <lorica/report/canvas.hpp>
#include <lorica/report/color.hpp>
#include <lorica/report/format.hpp>
#include <lorica/report/terminal.hpp>
#include <lorica/report/text.hpp>
#include <lorica/report/xml.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace lorica::report {

struct Series {
  std::string name{};
  std::vector<double> y{};
  std::vector<double> x{};  ///< as many as y; empty: 1, 2, 3, ...
};

/// A point without a place (not finite; on a logarithmic axis not positive) is left out, breaks its line, and
/// is counted in the legend.
struct LineChart {
  std::string title{};
  std::string x_label{};
  std::string y_label{};
  std::vector<Series> series{};
  Scale scale = Scale::linear;  ///< of y
};

namespace detail {

/// Colours that the colour-blind tell apart (Okabe and Ito, 2008), and lighter ones for dark pages.
inline constexpr std::array<Rgb, 6> chart_ink{
    {{0, 114, 178}, {213, 94, 0}, {0, 140, 104}, {190, 80, 150}, {60, 150, 200}, {176, 120, 0}}};
inline constexpr std::array<Rgb, 6> chart_ink_on_dark{
    {{86, 180, 233}, {255, 140, 70}, {40, 200, 150}, {230, 150, 200}, {160, 210, 255}, {230, 180, 60}}};
inline constexpr std::string_view chart_marks = "*+ox#@";

/// A checked chart: its axes, and every series as unbroken pieces.
class ChartView {
 public:
  using Piece = std::vector<Point>;

  explicit ChartView(const LineChart& chart) : y(chart.scale), pieces(chart.series.size()) {
    const std::string name =
        chart.title.empty() ? "line chart" : message("line chart '", one_line(chart.title), "'");
    expects(!chart.series.empty(), name, ": no series, expected at least one");
    for (const Series& s : chart.series) {
      expects(!s.y.empty(), name, ": series '", one_line(s.name), "' has no points, expected at least one");
      expects<ShapeError>(s.x.empty() || s.x.size() == s.y.size(), name, ": series '", one_line(s.name),
                          "' has ", s.x.size(), " values of x and ", s.y.size(), " of y, expected as many");
      for (std::size_t i = 0; i < s.y.size(); ++i) {
        if (!shows(s, i)) continue;
        x.cover(x_of(s, i));
        y.cover(s.y[i]);
      }
    }
    for (std::size_t n = 0; n < chart.series.size(); ++n) {
      const Series& s = chart.series[n];
      std::size_t left_out = 0;
      bool whole = false;
      for (std::size_t i = 0; i < s.y.size(); ++i) {
        const bool shown = shows(s, i);
        if (!shown) ++left_out;
        if (shown && !whole) pieces[n].emplace_back();
        if (shown) pieces[n].back().push_back({x.position(x_of(s, i)), y.position(s.y[i])});
        whole = shown;
      }
      legend.push_back(s.name.empty() && chart.series.size() > 1 ? message("series ", n + 1)
                                                                 : one_line(s.name));
      if (left_out > 0)
        legend.back() += message(legend.back().empty() ? "" : " ", '(', left_out, " not shown)");
    }
    if (legend.size() == 1 && legend[0].empty()) legend.clear();
  }

  Axis x;
  Axis y;
  std::vector<std::vector<Piece>> pieces;  // by series
  std::vector<std::string> legend;         // by series, or none

 private:
  [[nodiscard]] static double x_of(const Series& s, std::size_t i) {
    return s.x.empty() ? static_cast<double>(i + 1) : s.x[i];
  }
  [[nodiscard]] bool shows(const Series& s, std::size_t i) const {
    return x.shows(x_of(s, i)) && y.shows(s.y[i]);
  }
};

/// The same picture from fewer points: of neighbours in one of `columns` columns the first, the lowest, the
/// highest and the last.
[[nodiscard]] inline ChartView::Piece thinned(const ChartView::Piece& piece, double columns) {
  ChartView::Piece out;
  const auto column = [&](std::size_t i) { return std::floor(piece[i].x * columns); };
  for (std::size_t first = 0, end = 0; first < piece.size(); first = end) {
    std::size_t low = first, high = first;
    for (end = first; end < piece.size() && column(end) == column(first); ++end) {
      if (piece[end].y < piece[low].y) low = end;
      if (piece[end].y > piece[high].y) high = end;
    }
    std::array<std::size_t, 4> kept{first, std::min(low, high), std::max(low, high), end - 1};
    for (std::size_t k = 0; k < kept.size(); ++k)
      if (k == 0 || kept[k] != kept[k - 1]) out.push_back(piece[kept[k]]);
  }
  return out;
}

}  // namespace detail

/// The chart as lines of text: braille dots in colour; without colour ASCII, and a mark a series.
[[nodiscard]] inline std::string to_terminal(const LineChart& chart, const TerminalStyle& style = {},
                                             int rows = 12) {
  const detail::ChartView view(chart);
  const bool colored = style.color != Color::off;
  const std::string cross = colored ? "┼" : "+", across = colored ? "─" : "-", up = colored ? "│" : "|";
  const int width = std::max(20, style.width);
  rows = std::max(2, rows);
  const std::vector<Tick> y_ticks = view.y.ticks(std::max(2, rows / 3));
  std::size_t label = 0;
  for (const Tick& t : y_ticks) label = std::max(label, t.label.size());
  const int columns = std::max(4, width - static_cast<int>(label) - 2);

  Canvas canvas(columns, rows, style.color);
  const auto pen = [](std::size_t n) {
    return Pen{detail::chart_ink[n % detail::chart_ink.size()],
               detail::chart_marks[n % detail::chart_marks.size()]};
  };
  for (std::size_t n = 0; n < view.pieces.size(); ++n)
    for (const auto& piece : view.pieces[n])
      for (std::size_t i = 0; i < piece.size(); ++i) canvas.line(piece[i == 0 ? 0 : i - 1], piece[i], pen(n));

  std::string out = chart.title.empty() ? "" : one_line(chart.title) + '\n';
  std::size_t used = 0;
  for (std::size_t n = 0; n < view.legend.size(); ++n) {
    const std::string name = keep_end(view.legend[n], static_cast<std::size_t>(width) - 2);
    const std::size_t needs = display_width(name) + 2;
    if (used > 0 && used + 3 + needs > static_cast<std::size_t>(width)) {
      out += '\n';
      used = 0;
    }
    if (used > 0) out += "   ";
    out += (colored ? in_color("━", pen(n).color, style.color) : std::string(1, pen(n).mark)) + ' ' + name;
    used += (used > 0 ? 3 : 0) + needs;
  }
  if (used > 0) out += '\n';
  if (!chart.y_label.empty()) out += one_line(chart.y_label) + '\n';
  for (int r = 0; r < rows; ++r) {
    const auto tick = std::ranges::find_if(
        y_ticks, [&](const Tick& t) { return canvas.row_of(view.y.position(t.value)) == r; });
    const bool found = tick != y_ticks.end();
    out += pad(found ? tick->label : "", label, Align::right) + ' ' + (found ? cross : up) + canvas.row(r) +
           '\n';
  }

  std::vector<std::string> rule(static_cast<std::size_t>(columns), across);
  std::string words;
  for (const Tick& t : view.x.ticks(std::max(2, columns / 12))) {
    const auto at = static_cast<std::size_t>(canvas.column_of(view.x.position(t.value)));
    rule[at] = cross;
    // Under its tick, but inside the picture and not into the words before.
    const std::size_t middle = label + 2 + at, half = t.label.size() / 2;
    const std::size_t latest = std::max(static_cast<std::size_t>(width), t.label.size()) - t.label.size();
    const std::size_t start = std::min(middle > half ? middle - half : 0, latest);
    if (words.empty() || start > words.size()) words = pad(words, start) + t.label;
  }
  out += std::string(label + 1, ' ') + cross;
  for (const std::string& part : rule) out += part;
  out += '\n' + words + '\n';
  if (chart.x_label.empty()) return out;
  const std::string under = one_line(chart.x_label);
  const std::size_t wide = std::min(display_width(under), static_cast<std::size_t>(columns));
  return out + std::string(label + 2 + (static_cast<std::size_t>(columns) - wide) / 2, ' ') + under + '\n';
}

/// The chart as one SVG that needs nothing else: readable on light and dark pages.
[[nodiscard]] inline std::string to_svg(const LineChart& chart) {
  constexpr double letter = 7.3;                            // width of a monospaced character at 12 px
  constexpr double width = 600, height = 220, margin = 12;  // of the whole, of the plot, around it
  const detail::ChartView view(chart);
  const auto px = [](double length) { return fixed(length, 1); };
  const auto wide = [&](std::string_view words) {
    return letter * static_cast<double>(display_width(words));
  };
  const std::vector<Tick> y_ticks = view.y.ticks(6);
  double left = 0;
  for (const Tick& t : y_ticks) left = std::max(left, wide(t.label));
  left += margin + 8;
  const double right = width - margin - 14;  // half of the last tick's label stands out

  const auto text = [&](double x, double y, std::string_view more, std::string_view words) {
    return message("<text x=\"", px(x), "\" y=\"", px(y), "\" class=\"ink", more, "\">", xml(words),
                   "</text>\n");
  };
  const auto rule = [&](double x1, double y1, double x2, double y2, std::string_view name) {
    return message("<line x1=\"", px(x1), "\" y1=\"", px(y1), "\" x2=\"", px(x2), "\" y2=\"", px(y2),
                   "\" class=\"", name, "\"/>\n");
  };
  // The colour of a series, and dashes once all colours are used.
  const auto look = [](std::size_t n) {
    const std::size_t round = n / detail::chart_ink.size();
    return message("c", n % detail::chart_ink.size(), '"',
                   round == 0 ? "" : message(" stroke-dasharray=\"", 3 + 3 * round, " 3\""));
  };

  // From the top: the title, the legend in as many lines as it takes, what y is, the plot.
  double top = margin;
  std::string body;
  if (!chart.title.empty()) body += text(margin, top += 14, " title", chart.title);
  if (!view.legend.empty()) top += 20;
  double at = margin;
  for (std::size_t n = 0; n < view.legend.size(); ++n) {
    const double needs = 26 + wide(view.legend[n]);
    if (at > margin && at + needs > width - margin) {
      at = margin;
      top += 18;
    }
    body += message("<path d=\"M", px(at), ' ', px(top - 4), "h20\" class=\"line ", look(n), "/>\n");
    body += text(at + 26, top, "", view.legend[n]);
    at += needs + 20;
  }
  if (!chart.y_label.empty()) body += text(margin, top += 20, "", chart.y_label);
  top += 12;
  const double bottom = top + height;
  const auto place_x = [&](double position) { return left + position * (right - left); };
  const auto place_y = [&](double position) { return bottom - position * height; };

  for (const Tick& t : y_ticks) {
    const double y = place_y(view.y.position(t.value));
    body += rule(left, y, right, y, "grid") + text(left - 6, y + 4, " end", t.label);
  }
  for (const Tick& t : view.x.ticks(6)) {
    const double x = place_x(view.x.position(t.value));
    body += rule(x, bottom, x, bottom + 5, "axis") + text(x, bottom + 19, " mid", t.label);
  }
  body += rule(left, bottom, right, bottom, "axis");
  if (!chart.x_label.empty()) body += text((left + right) / 2, bottom + 38, " mid", chart.x_label);

  for (std::size_t n = 0; n < view.pieces.size(); ++n) {
    std::size_t points = 0;
    for (const auto& piece : view.pieces[n]) points += piece.size();
    for (const auto& whole : view.pieces[n]) {
      const auto piece = detail::thinned(whole, 2 * width);
      std::string path;
      for (const Point& p : piece)
        path += message(path.empty() ? "M" : "L", px(place_x(p.x)), ' ', px(place_y(p.y)));
      if (piece.size() > 1) body += message("<path d=\"", path, "\" class=\"line ", look(n), "/>\n");
      for (const Point& p : piece)  // few points are worth a dot each, and one alone is no line
        if (points <= 40 || piece.size() == 1)
          body += message("<circle cx=\"", px(place_x(p.x)), "\" cy=\"", px(place_y(p.y)),
                          "\" r=\"2.5\" class=\"dot ", look(n), "/>\n");
    }
  }

  const auto colors = [](const std::array<Rgb, 6>& ink) {
    std::string css;
    for (std::size_t i = 0; i < ink.size(); ++i)
      css += message(".lorica-chart .c", i, "{color:", hex(ink[i]), '}');
    return css + '\n';
  };
  const std::string across = px(width), tall = px(bottom + (chart.x_label.empty() ? 30 : 50));
  return message(R"(<svg xmlns="http://www.w3.org/2000/svg" class="lorica-chart" role="img" width=")", across,
                 "\" height=\"", tall, "\" viewBox=\"0 0 ", across, ' ', tall, "\">\n<title>",
                 xml(chart.title.empty() ? "line chart" : chart.title), R"(</title>
<style>
.lorica-chart text{font:12px ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace}
.lorica-chart .title{font-size:14px;font-weight:bold}
.lorica-chart .mid{text-anchor:middle}.lorica-chart .end{text-anchor:end}
.lorica-chart .line{fill:none;stroke:currentColor;stroke-width:1.8;stroke-linejoin:round}
.lorica-chart .dot{fill:currentColor}
.lorica-chart .ground{fill:#ffffff}.lorica-chart .ink{fill:#1f2328}
.lorica-chart .axis{stroke:#59636e}.lorica-chart .grid{stroke:#d1d9e0}
)",
                 colors(detail::chart_ink), R"(@media (prefers-color-scheme:dark){
.lorica-chart .ground{fill:#0d1117}.lorica-chart .ink{fill:#e6edf3}
.lorica-chart .axis{stroke:#9198a1}.lorica-chart .grid{stroke:#2b323b}
)",
                 colors(detail::chart_ink_on_dark), R"(}
</style>
<rect class="ground" width="100%" height="100%"/>
)",
                 body, "</svg>\n");
}

}  // namespace lorica::report
