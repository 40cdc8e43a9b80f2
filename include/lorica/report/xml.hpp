// SPDX-License-Identifier: MIT
/// @file lorica/report/xml.hpp
/// Any text as text of an XML or HTML file: nothing in it is markup.
#pragma once

#include <lorica/report/text.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace lorica::report {

/// Markup escaped, on one line, valid UTF-8; also for the value of an attribute.
[[nodiscard]] inline std::string xml(std::string_view text) {
  std::string out;
  for (const char c : one_line(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&apos;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

/// The same, where lines stay lines.
[[nodiscard]] inline std::string xml_lines(std::string_view text) {
  std::string out;
  for (std::size_t end = 0; (end = text.find('\n')) != std::string_view::npos; text.remove_prefix(end + 1))
    out += xml(text.substr(0, end)) + '\n';
  return out + xml(text);
}

}  // namespace lorica::report
