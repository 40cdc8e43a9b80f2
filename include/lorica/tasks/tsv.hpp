// SPDX-License-Identifier: MIT
/// @file lorica/tasks/tsv.hpp
/// Columns between TABs. Quotation marks are letters like any other: GLUE's files have unpaired ones.
#pragma once

#include <lorica/io/json_value.hpp>
#include <lorica/io/nearest.hpp>
#include <lorica/tasks/lines.hpp>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lorica::tasks {

/// The fields of one row, which live as long as its text.
inline void split_tabs(std::string_view row, std::vector<std::string_view>& fields) {
  fields.clear();
  for (;;) {
    const std::size_t tab = row.find('\t');
    fields.push_back(row.substr(0, tab));
    if (tab == std::string_view::npos) return;
    row.remove_prefix(tab + 1);
  }
}

/// What a row of another number of columns means.
enum class WrongColumns { refuse, skip };

/// A table in a file, row by row. The first row names the columns, unless the caller does.
class Tsv {
 public:
  explicit Tsv(const std::filesystem::path& path, std::span<const std::string> names = {},
               WrongColumns wrong = WrongColumns::refuse)
      : lines_(path), names_(names.begin(), names.end()), wrong_(wrong) {
    if (!names_.empty()) return;
    const auto header = lines_.next();
    expects<FileError>(header.has_value(), "'", path.string(),
                       "' has no row, expected the names of its columns");
    split_tabs(*header, fields_);
    names_.assign(fields_.begin(), fields_.end());
  }

  /// The next row's fields, one a column; they live as long as this object and until the next call. Empty at
  /// the end. Throws FileError on another number of fields, unless such rows are skipped.
  [[nodiscard]] std::span<const std::string_view> next() {
    while (const auto row = lines_.next()) {
      split_tabs(*row, fields_);
      if (fields_.size() == names_.size()) return fields_;
      expects<FileError>(wrong_ == WrongColumns::skip, lines_.place(), ": found ", fields_.size(),
                         " columns, expected ", names_.size(), " (", listed(), ')');
      ++skipped_;
    }
    return {};
  }
  /// The number of a column. Throws FileError, listing all, where no column is called so.
  [[nodiscard]] std::size_t column(std::string_view name) const {
    const auto at = std::ranges::find(names_, name);
    expects<FileError>(at != names_.end(), "'", lines_.place().file.string(), "': no column ",
                       io::json::quote(name), ", found ", listed(), "; the nearest is ",
                       io::json::quote(io::nearest(name, names_)));
    return static_cast<std::size_t>(at - names_.begin());
  }
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  [[nodiscard]] Place place() const { return lines_.place(); }
  /// Rows left out because their columns were too many or too few.
  [[nodiscard]] std::size_t skipped() const { return skipped_; }

 private:
  [[nodiscard]] std::string listed() const {
    std::string all;
    for (const std::string& name : names_) (all += all.empty() ? "" : ", ") += name;
    return all;
  }

  Lines lines_;
  std::vector<std::string> names_;
  std::vector<std::string_view> fields_;
  WrongColumns wrong_;
  std::size_t skipped_ = 0;
};

}  // namespace lorica::tasks
