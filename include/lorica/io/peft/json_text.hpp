// SPDX-License-Identifier: MIT
/// @file lorica/io/peft/json_text.hpp
/// JSON as PEFT writes it, so that two folders can be compared line by line.
#pragma once

#include <lorica/io/json_value.hpp>

namespace lorica::io::peft {

namespace detail {
inline void pretty_to(std::string& out, const json::Value& value, std::size_t depth) {
  const auto lines = [&](char open, char close, auto& items, auto each) {
    out += open;
    bool first = true;
    for (const auto& item : items) {
      out += first ? "\n" : ",\n";
      first = false;
      out.append(2 * (depth + 1), ' ');
      each(item);
    }
    (out += '\n').append(2 * depth, ' ') += close;
  };
  if (value.is_array() && !value.as_array().empty()) {
    lines('[', ']', value.as_array(), [&](const json::Value& v) { pretty_to(out, v, depth + 1); });
  } else if (value.is_object() && !value.as_object().empty()) {
    json::Object members = value.as_object();
    std::ranges::sort(members, {}, &json::Member::key);
    lines('{', '}', members, [&](const json::Member& m) {
      out += json::quote(m.key) + ": ";
      pretty_to(out, m.value, depth + 1);
    });
  } else {
    out += json::dump(value);
  }
}
}  // namespace detail

/// Members sorted by name, two spaces a level, a line for every value; no line break at the end.
[[nodiscard]] inline std::string pretty(const json::Value& value) {
  std::string out;
  detail::pretty_to(out, value, 0);
  return out;
}

}  // namespace lorica::io::peft
