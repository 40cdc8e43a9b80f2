// SPDX-License-Identifier: MIT
/// @file lorica/report/table.hpp
/// Rows and columns of text, for a terminal, for Markdown or for HTML.
#pragma once

#include <lorica/core/check.hpp>
#include <lorica/report/text.hpp>
#include <lorica/report/xml.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lorica::report {

struct Column {
  std::string title;
  Align align = Align::left;
};

/// A table under construction; every row has a text for every column.
class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {
    expects(!columns_.empty(), "table: no columns, expected at least one");
    for (Column& column : columns_) column.title = one_line(column.title);
  }

  void add(const std::vector<std::string>& cells) {
    expects(cells.size() == columns_.size(), "table: a row of ", cells.size(), " cells, expected ",
            columns_.size());
    rows_.emplace_back();
    for (const std::string& cell : cells) rows_.back().push_back(one_line(cell));
  }

  /// Columns two spaces apart, a line under the titles.
  [[nodiscard]] std::string to_terminal() const {
    const auto line = [](const auto& cells, const auto& padded) {
      std::string out;
      for (std::size_t c = 0; c < cells.size(); ++c) (out += c == 0 ? "" : "  ") += padded(c);
      return out.erase(out.find_last_not_of(' ') + 1) + "\n";
    };
    const std::vector<std::size_t> width = widths(rows_, 1);
    std::string out =
        line(columns_, [&](std::size_t c) { return pad(columns_[c].title, width[c], columns_[c].align); });
    out += line(columns_, [&](std::size_t c) { return repeat("─", width[c]); });
    for (const auto& row : rows_) {
      out += line(row, [&](std::size_t c) { return pad(row[c], width[c], columns_[c].align); });
    }
    return out;
  }

  /// The same as a Markdown table, also padded so that its source is readable.
  [[nodiscard]] std::string to_markdown() const {
    std::vector<std::vector<std::string>> cells(1);
    for (const Column& column : columns_) cells[0].push_back(escaped(column.title));
    for (const auto& row : rows_) {
      cells.emplace_back();
      for (const std::string& cell : row) cells.back().push_back(escaped(cell));
    }
    const std::vector<std::size_t> width = widths(cells, 3);
    std::string out;
    for (std::size_t r = 0; r < cells.size(); ++r) {
      for (std::size_t c = 0; c < columns_.size(); ++c) {
        out += "| " + pad(cells[r][c], width[c], columns_[c].align) + ' ';
      }
      out += "|\n";
      if (r == 0) out += rule(width);
    }
    return out;
  }

  /// The same as an HTML table; `right` and `center` are classes of its cells.
  [[nodiscard]] std::string to_html() const {
    const auto cell = [&](std::string_view tag, std::size_t c, const std::string& text) {
      const Align align = columns_[c].align;
      return message('<', tag,
                     align == Align::left     ? ">"
                     : align == Align::center ? " class=\"center\">"
                                              : " class=\"right\">",
                     xml(text), "</", tag, '>');
    };
    std::string out = "<table>\n<thead><tr>";
    for (std::size_t c = 0; c < columns_.size(); ++c) out += cell("th", c, columns_[c].title);
    out += "</tr></thead>\n<tbody>\n";
    for (const auto& row : rows_) {
      out += "<tr>";
      for (std::size_t c = 0; c < columns_.size(); ++c) out += cell("td", c, row[c]);
      out += "</tr>\n";
    }
    return out + "</tbody>\n</table>\n";
  }

 private:
  [[nodiscard]] std::vector<std::size_t> widths(const std::vector<std::vector<std::string>>& rows,
                                                std::size_t least) const {
    std::vector<std::size_t> width;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      width.push_back(std::max(least, display_width(columns_[c].title)));
      for (const auto& row : rows) width[c] = std::max(width[c], display_width(row[c]));
    }
    return width;
  }

  [[nodiscard]] std::string rule(const std::vector<std::size_t>& width) const {
    std::string out;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      const Align align = columns_[c].align;
      out += align == Align::center ? "|:" : "| ";
      out += std::string(width[c], '-');
      out += align == Align::left ? ' ' : ':';
    }
    return out + "|\n";
  }

  [[nodiscard]] static std::string escaped(const std::string& text) {
    std::string out;
    for (const char c : text)
      (out += std::string_view("|\\*<").find(c) != std::string_view::npos ? "\\" : "") += c;
    return out;
  }

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace lorica::report
