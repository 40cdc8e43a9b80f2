// SPDX-License-Identifier: MIT
/// @file lorica/report/heatmap.hpp
/// Numbers by row and column as a picture, in which one cell is bright: for a terminal and as an SVG.
#pragma once

#include <lorica/core/check.hpp>
#include <lorica/report/axis.hpp>
#include <lorica/report/color.hpp>
#include <lorica/report/format.hpp>
#include <lorica/report/terminal.hpp>
#include <lorica/report/text.hpp>
#include <lorica/report/xml.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lorica::report {

/// A picture of a matrix. A logarithmic scale shows six decades at most; what is not positive is darkest.
struct HeatMap {
  std::string title{};
  std::vector<std::string> row_labels{};
  std::vector<std::string> column_labels{};
  std::vector<double> values{};  ///< [rows, columns], row-major; NaN: there is no such cell
  Scale scale = Scale::linear;
};

namespace detail {

/// A checked map: which values are darkest and brightest, and what is written in the cells.
class HeatView {
 public:
  explicit HeatView(const HeatMap& heat)
      : map(heat), rows(heat.row_labels.size()), columns(heat.column_labels.size()) {
    expects(rows > 0 && columns > 0, "heat map: ", rows, " row labels and ", columns,
            " column labels, expected at least one of each");
    expects<ShapeError>(heat.values.size() == rows * columns, "heat map: ", heat.values.size(),
                        " values, expected ", rows, " x ", columns);
    for (std::size_t i = 0; i < heat.values.size(); ++i) {
      const double value = heat.values[i];
      if (std::isnan(value)) continue;
      if (!brightest || value > heat.values[*brightest]) brightest = i;
      if (!std::isfinite(value) || (heat.scale == Scale::logarithmic && value <= 0)) continue;
      low = std::min(low, value);
      high = std::max(high, value);
    }
    if (low > high) low = high = 0;  // nothing to show on this scale
    if (heat.scale == Scale::logarithmic) low = std::max(low, high * 1e-6);
    const auto longest = [&](int precision) {
      std::size_t width = 0;
      for (const double value : heat.values) width = std::max(width, significant(value, precision).size());
      return width;
    };
    digits = longest(3) <= 7 ? 3 : 2;
  }

  /// 0 darkest, 1 brightest.
  [[nodiscard]] double position(double value) const {
    const bool linear = map.scale == Scale::linear;
    if (!linear && value <= 0) return 0;
    if (value >= high) return 1;
    if (value <= low) return 0;
    return linear ? (value - low) / (high - low) : std::log(value / low) / std::log(high / low);
  }
  [[nodiscard]] double value(std::size_t row, std::size_t column) const {
    return map.values[row * columns + column];
  }
  [[nodiscard]] bool is_brightest(std::size_t row, std::size_t column) const {
    return brightest && *brightest == row * columns + column;
  }
  [[nodiscard]] std::string number(double value) const { return significant(value, digits); }
  /// "blocks.3, down: 0.613"
  [[nodiscard]] std::string described(std::size_t row, std::size_t column) const {
    const double cell = value(row, column);
    return one_line(map.row_labels[row]) + ", " + one_line(map.column_labels[column]) + ": " +
           (std::isnan(cell) ? std::string("no such cell") : significant(cell, 6));
  }
  [[nodiscard]] std::string brightest_described() const {
    return brightest ? "brightest " + described(*brightest / columns, *brightest % columns) : "no values";
  }

  const HeatMap& map;
  std::size_t rows;
  std::size_t columns;
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  int digits = 3;
  std::optional<std::size_t> brightest{};  // index into the values; the first of equals
};

[[nodiscard]] inline std::size_t longest_label(const std::vector<std::string>& labels) {
  std::size_t width = 1;
  for (const std::string& label : labels) width = std::max(width, display_width(label));
  return width;
}

}  // namespace detail

/// The map as lines of text. Without colour, shades stand for it; the number is always there, and the
/// brightest cell has a star. Columns that do not fit the width follow below, under the rows' labels again.
[[nodiscard]] inline std::string to_terminal(const HeatMap& map, const TerminalStyle& style = {}) {
  constexpr std::array<std::string_view, 5> shades{" ", "░", "▒", "▓", "█"};
  const detail::HeatView view(map);
  const bool colored = style.color != Color::off;
  const auto width = static_cast<std::size_t>(std::max(20, style.width));
  const std::size_t label =
      std::min(detail::longest_label(map.row_labels), std::max<std::size_t>(6, width / 3));
  std::size_t digits = 1;
  for (const double value : map.values) {
    if (!std::isnan(value)) digits = std::max(digits, view.number(value).size());
  }
  // A space before every cell; in it shades (two, one if they are many, none in colour), a space, the number,
  // the star. Labels may widen the cells while all columns still fit beside each other, and to 12 when not.
  const std::size_t share = (width - label) / view.columns;
  const std::size_t shade = colored ? 0 : share >= digits + 5 ? 2 : 1;
  const std::size_t least = shade + 1 + digits + 1;
  const std::size_t most = std::max(least, share > least ? share - 1 : 12);
  const std::size_t inner = std::clamp(detail::longest_label(map.column_labels) + 1, least, most);
  const std::size_t panel = std::max<std::size_t>(1, (width - label) / (inner + 1));

  const auto cell = [&](std::size_t row, std::size_t column) {
    const double value = view.value(row, column);
    if (std::isnan(value)) return pad("·", inner - 1, Align::right) + ' ';
    const double position = view.position(value);
    const std::string text = pad(view.number(value), inner - 1 - shade, Align::right) +
                             (view.is_brightest(row, column) ? '*' : ' ');
    if (colored) return on_ground(text, viridis(position), style.color);
    return repeat(shades[static_cast<std::size_t>(std::lround(position * 4))], shade) + text;
  };
  const auto trimmed = [](const std::string& line) {
    return line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
  };
  std::string out = map.title.empty() ? "" : one_line(map.title) + '\n';
  for (std::size_t first = 0; first < view.columns; first += panel) {
    const std::size_t end = std::min(view.columns, first + panel);
    std::string line(label, ' ');
    for (std::size_t c = first; c < end; ++c) {
      line += ' ' + pad(keep_end(one_line(map.column_labels[c]), inner - 1), inner - 1, Align::right) + ' ';
    }
    out += trimmed(line);
    for (std::size_t r = 0; r < view.rows; ++r) {
      line = pad(keep_end(one_line(map.row_labels[r]), label), label);
      for (std::size_t c = first; c < end; ++c) line += ' ' + cell(r, c);
      out += trimmed(line);
    }
  }
  std::string ramp;
  for (int i = 0; i < 10; ++i) {
    ramp += colored ? on_ground(" ", viridis(i / 9.0), style.color)
                    : std::string(shades[static_cast<std::size_t>(std::lround(i / 9.0 * 4))]);
  }
  out += significant(view.low) + ' ' + ramp + ' ' + significant(view.high);
  out += map.scale == Scale::logarithmic ? "  (logarithmic)\n" : "\n";
  return out + "* " + view.brightest_described() + '\n';
}

/// The map as one SVG that needs nothing else: readable on light and dark pages, every cell's value in a
/// tooltip and, if all of them have room, in the cell; the brightest cell is outlined.
[[nodiscard]] inline std::string to_svg(const HeatMap& map) {
  constexpr double letter = 7.3;  // width of a monospaced character at 12 px
  constexpr double height = 24;   // of a cell
  constexpr double margin = 12;
  constexpr std::size_t longest = 40;  // characters of a label; the tooltip has all of them
  const detail::HeatView view(map);
  const auto px = [](double length) { return fixed(length, 1); };
  const auto rows = static_cast<double>(view.rows);
  const auto columns = static_cast<double>(view.columns);
  const double cell = view.columns <= 16 ? 58 : std::max(14.0, 928 / columns);
  const double row_label =
      letter * static_cast<double>(std::min(longest, detail::longest_label(map.row_labels)));
  const double name =
      letter * static_cast<double>(std::min(longest, detail::longest_label(map.column_labels)));
  const bool slanted = name + 4 > cell;
  const double left = margin + row_label + 8;
  const double top = margin + (map.title.empty() ? 0 : 24) + (slanted ? name * 0.71 + 14 : 20);
  const double bottom = top + rows * height + 16;
  const std::string brightest = view.brightest_described();
  const double title = 1.17 * letter * static_cast<double>(display_width(map.title));  // at 14 px
  const double told = letter * static_cast<double>(display_width(brightest));
  const double labelled = left + columns * cell + (slanted ? name * 0.71 : 0);
  const std::string wide = px(std::max({labelled, left + 250, margin + title, margin + told}) + margin);
  const std::string tall = px(bottom + 60);

  std::string out = message(R"(<svg xmlns="http://www.w3.org/2000/svg" class="lorica-heat" role="img" )",
                            "width=\"", wide, "\" height=\"", tall, "\" viewBox=\"0 0 ", wide, ' ', tall,
                            "\">\n<title>", xml(map.title.empty() ? "heat map" : map.title), "</title>\n");
  out += R"(<style>
.lorica-heat text{font:12px ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace}
.lorica-heat .title{font-size:14px;font-weight:bold}.lorica-heat .value{font-size:11px}
.lorica-heat .ground{fill:#ffffff}.lorica-heat .ink{fill:#1f2328}.lorica-heat .none{fill:#eaeef2}
.lorica-heat .mark{fill:none;stroke:#1f2328;stroke-width:3}
@media (prefers-color-scheme:dark){
.lorica-heat .ground{fill:#0d1117}.lorica-heat .ink{fill:#e6edf3}.lorica-heat .none{fill:#21262d}
.lorica-heat .mark{stroke:#ffffff}
}
</style>
<rect class="ground" width="100%" height="100%"/>
)";

  const auto text = [&](double x, double y, std::string_view more, std::string_view words) {
    out += message("<text x=\"", px(x), "\" y=\"", px(y), "\" ", more, '>', xml(words), "</text>\n");
  };
  if (!map.title.empty()) text(margin, margin + 14, "class=\"ink title\"", map.title);
  // Slanted labels need 17 px each. The tooltips have all of them.
  for (std::size_t c = 0; c < view.columns; c += slanted && cell < 17 ? 2 : 1) {
    const double x = left + (static_cast<double>(c) + 0.5) * cell;
    const std::string turned =
        message("class=\"ink\" transform=\"rotate(-45 ", px(x), ' ', px(top - 6), ")\"");
    text(x, top - 6, slanted ? turned : std::string("class=\"ink\" text-anchor=\"middle\""),
         keep_end(map.column_labels[c], longest));
  }
  std::size_t digits = 0;
  for (const double value : map.values)
    if (!std::isnan(value)) digits = std::max(digits, view.number(value).size());
  const bool numbered = static_cast<double>(digits) * letter * 11 / 12 + 6 <= cell;
  std::string mark;
  for (std::size_t r = 0; r < view.rows; ++r) {
    const double y = top + static_cast<double>(r) * height;
    text(left - 8, y + height / 2 + 4, "class=\"ink\" text-anchor=\"end\"",
         keep_end(map.row_labels[r], longest));
    for (std::size_t c = 0; c < view.columns; ++c) {
      const double x = left + static_cast<double>(c) * cell;
      const double value = view.value(r, c);
      const Rgb ground = viridis(view.position(value));
      const std::string place = message("x=\"", px(x + 1), "\" y=\"", px(y + 1), "\" width=\"", px(cell - 2),
                                        "\" height=\"", px(height - 2), '"');
      out += message(
          "<g><title>", xml(view.described(r, c)), "</title><rect ", place,
          std::isnan(value) ? std::string(" class=\"none\"/>") : message(" fill=\"", hex(ground), "\"/>"));
      if (numbered && !std::isnan(value)) {
        out += message("<text class=\"value\" text-anchor=\"middle\" x=\"", px(x + cell / 2), "\" y=\"",
                       px(y + height / 2 + 4), "\" fill=\"", hex(ink_on(ground)), "\">", view.number(value),
                       "</text>");
      }
      out += "</g>\n";
      if (view.is_brightest(r, c)) mark = message("<rect class=\"mark\" ", place, "/>\n");
    }
  }
  out += mark;  // last, so that no neighbour covers its edge
  // The scale in steps, not as a gradient: that has a name, and a page of many maps needs its names once.
  // Every step reaches to the end, so that no seam shows.
  for (int i = 0; i < 40; ++i) {
    out += message("<rect x=\"", px(left + 6 * i), "\" y=\"", px(bottom), "\" width=\"", 240 - 6 * i,
                   "\" height=\"12\" fill=\"", hex(viridis(i / 39.0)), "\"/>\n");
  }
  text(left, bottom + 26, "class=\"ink\"", significant(view.low));
  text(left + 120, bottom + 26, "class=\"ink\" text-anchor=\"middle\"",
       map.scale == Scale::logarithmic ? "logarithmic" : "");
  text(left + 240, bottom + 26, "class=\"ink\" text-anchor=\"end\"", significant(view.high));
  text(margin, bottom + 48, "class=\"ink\"", brightest);
  return out + "</svg>\n";
}

}  // namespace lorica::report
