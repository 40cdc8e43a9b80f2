// SPDX-License-Identifier: MIT
/// @file lorica/report/jsonl.hpp
/// One JSON object a line: what a run did, for programs to read, also while it runs.
#pragma once

#include <lorica/core/check.hpp>
#include <lorica/io/json_value.hpp>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>
#include <system_error>
#include <utility>

namespace lorica::report {

/// A growing log file.
///
/// ```
/// log.write({{"step", 3}, {"loss", 2.5}, {"method", "lora"}});
/// ```
/// A line is in the file when `write` returns. NaN and infinities are written as null. Throws FileError.
class JsonLines {
 public:
  enum class Open { truncate, append };

  explicit JsonLines(std::filesystem::path path, Open mode = Open::truncate) : path_(std::move(path)) {
    const bool torn = mode == Open::append && ends_inside_a_line();
    errno = 0;
    out_.open(path_, std::ios::binary | (mode == Open::append ? std::ios::app : std::ios::trunc));
    check("cannot open '", ", expected a file in a folder that exists and may be written");
    if (torn) put("\n");  // a run that was killed must not spoil the first line of the next
  }

  void write(std::initializer_list<io::json::Member> fields) { write(io::json::Object(fields)); }
  void write(io::json::Object fields) { put(io::json::dump(std::move(fields)) + '\n'); }

 private:
  [[nodiscard]] bool ends_inside_a_line() const {
    std::ifstream old(path_, std::ios::binary | std::ios::ate);
    if (!old || old.tellg() <= 0) return false;
    old.seekg(-1, std::ios::end);
    return old.get() != '\n';
  }

  void put(const std::string& line) {
    errno = 0;
    out_ << line << std::flush;
    check("cannot write '", "");
  }

  void check(const char* what, const char* remedy) const {
    if (out_) return;
    const std::string why = errno != 0 ? std::generic_category().message(errno) : "the stream failed";
    throw FileError(message(what, path_.string(), "': ", why, remedy));
  }

  std::filesystem::path path_;
  std::ofstream out_;
};

}  // namespace lorica::report
