// SPDX-License-Identifier: MIT
/// @file lorica/tasks/csv.hpp
/// Comma-separated values with quotation marks (RFC 4180), which may hold commas, line ends and doubled
/// marks.
#pragma once

#include <lorica/io/json_value.hpp>
#include <lorica/io/nearest.hpp>
#include <lorica/tasks/lines.hpp>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace lorica::tasks {

/// A table in a file, row by row; the first row names the columns. A byte order mark is skipped, CR LF is a
/// line end, empty lines are left out.
class Csv {
 public:
  explicit Csv(const std::filesystem::path& path) : path_(path), lines_(path), text_(lines_.rest()) {
    expects<FileError>(read(), "'", path.string(), "' has no row, expected the names of its columns");
    names_ = fields_;
  }

  /// Reads the next row into fields(); false at the end. Throws FileError on another number of fields than
  /// columns, on a mark that is not closed, and on text after a closed one.
  [[nodiscard]] bool next() {
    if (!read()) return false;
    expects<FileError>(fields_.size() == names_.size(), place(), ": found ", fields_.size(),
                       " columns, expected ", names_.size());
    return true;
  }
  [[nodiscard]] const std::vector<std::string>& fields() const { return fields_; }
  [[nodiscard]] std::size_t column(std::string_view name) const {
    const auto at = std::ranges::find(names_, name);
    expects<FileError>(at != names_.end(), "'", path_.string(), "': no column ", io::json::quote(name),
                       "; the nearest is ", io::json::quote(io::nearest(name, names_)));
    return static_cast<std::size_t>(at - names_.begin());
  }
  /// Where the row read last began.
  [[nodiscard]] Place place() const { return {path_, row_line_}; }

 private:
  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  [[nodiscard]] bool at_end_of_line() const {
    return at_ >= text_.size() || text_[at_] == '\n' || text_.substr(at_).starts_with("\r\n");
  }
  void skip_end_of_line() {
    if (peek() == '\r') ++at_;
    if (at_ < text_.size()) ++at_;
    ++line_;
  }

  [[nodiscard]] bool read() {
    while (at_ < text_.size() && at_end_of_line()) skip_end_of_line();
    if (at_ >= text_.size()) return false;
    row_line_ = line_;
    fields_.clear();
    for (;;) {
      fields_.push_back(peek() == '"' ? quoted() : plain());
      if (at_end_of_line()) break;
      ++at_;  // the comma
    }
    skip_end_of_line();
    return true;
  }
  [[nodiscard]] std::string plain() {
    const std::size_t begin = at_;
    while (!at_end_of_line() && text_[at_] != ',') ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }
  [[nodiscard]] std::string quoted() {
    std::string field;
    ++at_;
    for (;; ++at_) {
      expects<FileError>(at_ < text_.size(), place(), ": a quotation mark is not closed");
      if (text_[at_] == '"') {
        if (!text_.substr(at_).starts_with("\"\"")) break;
        ++at_;
      }
      if (text_[at_] == '\n') ++line_;
      field += text_[at_];
    }
    ++at_;
    expects<FileError>(at_end_of_line() || peek() == ',', place(), ": found ",
                       io::json::quote(text_.substr(at_, 1)),
                       " after a closing quotation mark, expected a comma or the end of the line");
    return field;
  }

  std::filesystem::path path_;
  Lines lines_;  // for the mapping and the byte order mark
  std::string_view text_;
  std::size_t at_ = 0, line_ = 1, row_line_ = 1;
  std::vector<std::string> names_, fields_;
};

}  // namespace lorica::tasks
