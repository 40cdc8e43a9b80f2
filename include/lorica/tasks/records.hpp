// SPDX-License-Identifier: MIT
/// @file lorica/tasks/records.hpp
/// Objects of a JSON file: one a line, or one list of all; and their fields by name.
#pragma once

#include <lorica/io/json.hpp>
#include <lorica/tasks/lines.hpp>
#include <lorica/tasks/pattern.hpp>

#include <charconv>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace lorica::tasks {

/// Calls `each(const io::json::Value&)` for every object of a file, in order. JSON lines are read one at a
/// time; a file that begins with "[" is one list. What throws a FileError for a record, `each` included, is
/// told with file and line, or file and number in the list.
template <class Each> void for_each_record(const std::filesystem::path& path, Each&& each) {
  Lines lines(path);
  const auto one = [&](const io::json::Value& record) {
    expects<FileError>(record.is_object(), "found ", record.kind(), ", expected an object");
    each(record);
  };
  const std::size_t begin = lines.rest().find_first_not_of(" \t\r\n");
  if (begin != std::string_view::npos && lines.rest()[begin] == '[') {
    std::size_t number = 0;
    try {
      const io::json::Value list = io::json::parse(lines.rest());
      for (const io::json::Value& record : list.as_array()) {
        ++number;
        one(record);
      }
    } catch (const FileError& error) {
      const std::string where = number == 0 ? "" : message(", record ", number);
      throw FileError(message('\'', path.string(), '\'', where, ": ", error.what()));
    }
    return;
  }
  while (const auto line = lines.next()) try {
      if (line->find_first_not_of(" \t") != std::string_view::npos) one(io::json::parse(*line));
    } catch (const FileError& error) {
      throw FileError(message(lines.place(), ": ", error.what()));
    }
}

/// The member at a path: names of members and numbers of elements from 0, between points:
/// "instances.0.input".
[[nodiscard]] inline const io::json::Value& field(const io::json::Value& record, std::string_view path) {
  const io::json::Value* at = &record;
  while (!path.empty()) {
    const std::size_t point = path.find('.');
    const std::string_view name = path.substr(0, point);
    if (at->is_array()) {
      std::size_t i = 0;
      const auto read = std::from_chars(name.data(), name.data() + name.size(), i);
      expects<FileError>(
          read.ec == std::errc() && read.ptr == name.data() + name.size() && i < at->as_array().size(),
          "no element ", io::json::quote(name), " in a list of ", at->as_array().size());
      at = &at->as_array()[i];
    } else {
      at = &at->at(name);
    }
    path = point == std::string_view::npos ? std::string_view() : path.substr(point + 1);
  }
  return *at;
}

/// A string as it is, a number as its shortest text ("51", "0.5"). Throws FileError on anything else.
[[nodiscard]] inline std::string text_of(const io::json::Value& value) {
  if (value.is_string()) return value.as_string();
  expects<FileError>(value.is_number(), "found ", value.kind(), ", expected a string or a number");
  char digits[32];
  char* const end = value.is_integer() ? std::to_chars(digits, digits + sizeof digits, value.as_integer()).ptr
                                       : std::to_chars(digits, digits + sizeof digits, value.as_number()).ptr;
  return std::string(digits, end);
}

/// A pattern filled from a record's fields.
[[nodiscard]] inline std::string fill(const Pattern& pattern, const io::json::Value& record) {
  return pattern.fill([&](std::string_view path) {
    try {
      return text_of(field(record, path));
    } catch (const FileError& error) {
      throw FileError(message("field ", io::json::quote(path), ": ", error.what()));
    }
  });
}

}  // namespace lorica::tasks
