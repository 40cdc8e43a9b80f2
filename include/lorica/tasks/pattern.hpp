// SPDX-License-Identifier: MIT
/// @file lorica/tasks/pattern.hpp
/// Text with names in braces, to be filled in: "Q: {question}\nA: ". A brace itself is written twice.
#pragma once

#include <lorica/core/check.hpp>
#include <lorica/io/json_value.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lorica::tasks {

class Pattern {
 public:
  /// Throws ConfigError on a brace without its fellow and on an empty name.
  explicit Pattern(std::string_view text) {
    parts_.emplace_back();
    for (std::size_t i = 0; i < text.size(); ++i) {
      const char c = text[i];
      if ((c == '{' || c == '}') && i + 1 < text.size() && text[i + 1] == c) {
        parts_.back().text += c;
        ++i;
      } else if (c == '{') {
        const std::size_t end = text.find_first_of("{}", i + 1);
        expects(end != std::string_view::npos && text[end] == '}' && end > i + 1, "pattern ",
                io::json::quote(text), ": found \"{\" at byte ", i,
                ", expected a name and \"}\" after it, or \"{{\"");
        parts_.back().name = text.substr(i + 1, end - i - 1);
        parts_.emplace_back();
        i = end;
      } else {
        expects(c != '}', "pattern ", io::json::quote(text), ": found \"}\" at byte ", i,
                " without a \"{\" before it, expected \"}}\"");
        parts_.back().text += c;
      }
    }
  }

  /// The text with `value(name)` for every name.
  template <class Value> [[nodiscard]] std::string fill(const Value& value) const {
    std::string out;
    for (const Part& p : parts_) {
      out += p.text;
      if (!p.name.empty()) out += value(std::string_view(p.name));
    }
    return out;
  }
  [[nodiscard]] std::vector<std::string_view> names() const {
    std::vector<std::string_view> all;
    for (const Part& p : parts_)
      if (!p.name.empty()) all.emplace_back(p.name);
    return all;
  }
  /// What stands before the first name and after the last; all of a text without names is before.
  [[nodiscard]] const std::string& before() const { return parts_.front().text; }
  [[nodiscard]] const std::string& after() const { return parts_.back().text; }

 private:
  struct Part {
    std::string text;
    std::string name;  // that follows the text; empty in the last
  };
  std::vector<Part> parts_;
};

}  // namespace lorica::tasks
