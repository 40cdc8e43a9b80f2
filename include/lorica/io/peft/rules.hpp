// SPDX-License-Identifier: MIT
/// @file lorica/io/peft/rules.hpp
/// Which modules a PEFT configuration means. Patterns are Python's regular expressions, run as ECMAScript's:
/// named groups, \A and \Z are translated; lookbehind, inline flags, conditionals and back references by name
/// are not supported and refused.
#pragma once

#include <lorica/core/check.hpp>
#include <lorica/io/json_value.hpp>

#include <algorithm>
#include <cctype>
#include <functional>
#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

namespace lorica::io::peft {

/// A list of names, or one pattern for whole paths.
struct Names {
  std::vector<std::string> list = {};
  std::optional<std::string> pattern = {};
};

/// What a configuration says of which modules are adapted.
struct Targets {
  std::optional<Names> modules = {};                // target_modules
  std::optional<Names> excluded = {};               // exclude_modules
  std::optional<std::vector<index_t>> layers = {};  // layers_to_transform; empty is none
  std::vector<std::string> layers_pattern = {};     // what holds the layers: "layers", "h"
  std::vector<std::string> saved = {};              // modules_to_save
};

namespace detail {

/// A Python pattern for std::regex. Throws ConfigError where that cannot read it.
[[nodiscard]] inline std::regex regex_of(const std::string& python) {
  std::string text;
  for (std::size_t i = 0; i < python.size(); ++i) {
    const std::string_view rest = std::string_view(python).substr(i);
    if (rest.starts_with("\\A") || rest.starts_with("\\Z")) {
      text += rest[1] == 'A' ? '^' : '$';
      ++i;
    } else if (rest[0] == '\\' && rest.size() > 1) {
      text.append(rest.substr(0, 2));
      ++i;
    } else if (rest.starts_with("(?P<")) {
      text += '(';
      i += std::min(rest.find('>'), rest.size() - 1);
    } else {
      const bool known = !rest.starts_with("(?") || rest.starts_with("(?:") || rest.starts_with("(?=") ||
                         rest.starts_with("(?!");
      expects(known, "the pattern ", json::quote(python), " has ", json::quote(rest.substr(0, 4)),
              ", which is not supported; expected groups, (?: (?= or (?!");
      text += rest[0];
    }
  }
  try {
    return std::regex(text);
  } catch (const std::regex_error& error) {
    throw ConfigError(message("the pattern ", json::quote(python), " is none: ", error.what()));
  }
}
/// Python's re.match: from the first character on, not necessarily to the last.
[[nodiscard]] inline bool match_from_start(const std::string& path, const std::string& pattern,
                                           std::smatch* groups = nullptr) {
  std::smatch ignored;
  return std::regex_search(path, groups != nullptr ? *groups : ignored, regex_of(pattern),
                           std::regex_constants::match_continuous);
}

/// The path itself, or the end of it after a dot.
[[nodiscard]] inline bool ends_in(std::string_view path, std::string_view name) {
  return path == name ||
         (path.ends_with(name) && path.size() > name.size() && path[path.size() - name.size() - 1] == '.');
}
[[nodiscard]] inline bool any_ends_in(std::string_view path, const std::vector<std::string>& names) {
  return std::ranges::any_of(names, [&](const std::string& n) { return ends_in(path, n); });
}
/// (.*\.)?(pattern) for all of the path. A pattern of letters, digits, _ and dots needs no regex: its dots
/// stand for any character.
[[nodiscard]] inline bool ends_in_pattern(const std::string& path, const std::string& pattern) {
  const bool plain = std::ranges::all_of(pattern, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.';
  });
  if (!plain) return std::regex_match(path, regex_of("(.*\\.)?(" + pattern + ")"));
  if (path.size() < pattern.size()) return false;
  const std::size_t first = path.size() - pattern.size();
  if (first != 0 && path[first - 1] != '.') return false;
  return std::equal(pattern.begin(), pattern.end(), path.begin() + static_cast<std::ptrdiff_t>(first),
                    [](char p, char c) { return p == '.' || p == c; });
}

/// The number of the layer a path lies in: its first numbered segment from the third on, or the number after
/// the first of the patterns that is found behind a dot.
[[nodiscard]] inline std::optional<index_t> layer_of(const std::string& path,
                                                     const std::vector<std::string>& patterns) {
  std::smatch found;
  if (patterns.empty()) {
    if (!match_from_start(path, ".*?\\.[^.]*\\.(\\d+)\\.", &found)) return std::nullopt;
    return std::stoll(found[1].str());
  }
  for (const std::string& p : patterns)
    if (match_from_start(path, ".*?\\." + p + "\\.(\\d+)\\.", &found))
      return std::stoll(found[found.size() - 1].str());
  return std::nullopt;
}
[[nodiscard]] inline bool is_all_linear(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  });
  return text == "all-linear";
}

}  // namespace detail

/// Whether a module of that path is adapted. What is excluded, or lies in a module that is saved whole, never
/// is; then target_modules decides, and where it is a list and does not name the path in full,
/// layers_to_transform too. "all-linear" is everything here: output embeddings and heads are not sites.
/// Without target_modules: nothing.
[[nodiscard]] inline bool selects(const Targets& t, const std::string& path) {
  if (t.excluded) {
    if (t.excluded->pattern ? std::regex_match(path, detail::regex_of(*t.excluded->pattern))
                            : detail::any_ends_in(path, t.excluded->list))
      return false;
  }
  for (const std::string& m : t.saved)
    if (detail::match_from_start(path, "(^|.*\\.)" + m + "($|\\..*)")) return false;
  if (!t.modules) return false;
  if (const auto& pattern = t.modules->pattern)
    return detail::is_all_linear(*pattern) || std::regex_match(path, detail::regex_of(*pattern));
  if (std::ranges::find(t.modules->list, path) != t.modules->list.end()) return true;
  if (!detail::any_ends_in(path, t.modules->list)) return false;
  if (!t.layers || t.layers->empty()) return true;
  const auto layer = detail::layer_of(path, t.layers_pattern);
  return layer && std::ranges::find(*t.layers, *layer) != t.layers->end();
}

/// The first of the patterns, in their order, that a path ends in: what rank_pattern and alpha_pattern go by.
/// Null where none does. `pattern_of` turns an element into its pattern.
template <class Range, class PatternOf = std::identity>
[[nodiscard]] auto first_match(const Range& patterns, const std::string& path, PatternOf pattern_of = {})
    -> decltype(&*patterns.begin()) {
  for (const auto& p : patterns)
    if (detail::ends_in_pattern(path, std::invoke(pattern_of, p))) return &p;
  return nullptr;
}

}  // namespace lorica::io::peft
