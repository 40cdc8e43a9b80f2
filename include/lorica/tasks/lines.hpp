// SPDX-License-Identifier: MIT
/// @file lorica/tasks/lines.hpp
/// A text file, line by line, from a mapping: nothing is copied, however long the file.
#pragma once

#include <lorica/io/file.hpp>

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace lorica::tasks {

/// A place in a file, as errors print it: "'dev.tsv', line 3".
struct Place {
  const std::filesystem::path& file;
  std::size_t line;
  friend std::ostream& operator<<(std::ostream& os, const Place& p) {
    return os << '\'' << p.file.string() << "', line " << p.line;
  }
};

/// The lines of a file, from 1. A byte order mark is skipped; a line ends at LF or at CR LF and nowhere else;
/// empty lines are counted but not given out.
class Lines {
 public:
  /// Throws FileError where the file cannot be read or has no bytes.
  explicit Lines(const std::filesystem::path& path) : path_(path), file_(path) {
    const auto bytes = file_.bytes();
    expects<FileError>(!bytes.empty(), "'", path.string(), "' is empty, expected at least one line");
    rest_ = {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    if (rest_.starts_with("\xEF\xBB\xBF")) rest_.remove_prefix(3);
  }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

  /// The next line without its end; it lives as long as this object. Nothing at the end of the file.
  [[nodiscard]] std::optional<std::string_view> next() {
    while (!rest_.empty()) {
      const std::size_t end = rest_.find('\n');
      std::string_view line = rest_.substr(0, end);
      rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
      ++number_;
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (!line.empty()) return line;
    }
    return std::nullopt;
  }
  /// Of the line given out last.
  [[nodiscard]] Place place() const { return {path_, number_}; }
  /// What has not been given out yet.
  [[nodiscard]] std::string_view rest() const { return rest_; }

 private:
  std::filesystem::path path_;
  io::MappedFile file_;
  std::string_view rest_;
  std::size_t number_ = 0;
};

}  // namespace lorica::tasks
