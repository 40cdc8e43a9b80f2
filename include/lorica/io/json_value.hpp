// SPDX-License-Identifier: MIT
/// @file lorica/io/json_value.hpp
/// What JSON can say, and its one line of text.
#pragma once

#include <lorica/core/check.hpp>
#include <lorica/io/nearest.hpp>
#include <lorica/io/utf8.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace lorica::io::json {

/// Text that is not JSON, or JSON that is not what was asked for; `offset` is the byte where it shows.
struct JsonError : FileError {
  JsonError(const std::string& what, std::size_t at)
      : FileError(message(what, " at byte ", at)), offset(at) {}
  std::size_t offset;
};

/// The text in quotation marks, escaped; bytes that are not UTF-8 become U+FFFD.
[[nodiscard]] inline std::string quote(std::string_view text) {
  constexpr std::string_view hex = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : to_valid_utf8(text)) {
    const auto byte = static_cast<unsigned char>(c);
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (byte >= 0x20 && byte != 0x7F)
          out += c;
        else
          out.append("\\u00") += {hex[byte >> 4], hex[byte & 15]};
    }
  }
  return out += '"';
}

struct Member;

/// Null, a boolean, a number, a string, an array, or an object that keeps its members' order.
///
/// A number written without point or exponent that fits 64 bits is an integer and stays exact; `as_number`
/// reads both kinds. The `as_` functions throw JsonError when the value is of another kind.
class Value {
 public:
  using Array = std::vector<Value>;
  using Object = std::vector<Member>;

  Value() = default;
  Value(std::nullptr_t) {}
  template <std::same_as<bool> T> Value(T truth) : held_(truth) {}
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  Value(T number) : held_(static_cast<std::int64_t>(number)) {
    expects(std::in_range<std::int64_t>(number), "JSON: the integer ", number,
            " does not fit 64 bits with a sign, expected it as a string");
  }
  template <std::floating_point T> Value(T number) : held_(static_cast<double>(number)) {}
  Value(const char* text) : held_(std::string(text)) {}
  Value(std::string_view text) : held_(std::string(text)) {}
  Value(std::string text) : held_(std::move(text)) {}
  Value(Array values) : held_(std::move(values)) {}
  Value(Object members);

  [[nodiscard]] bool is_null() const { return held_.index() == 0; }
  [[nodiscard]] bool is_bool() const { return std::holds_alternative<bool>(held_); }
  [[nodiscard]] bool is_integer() const { return std::holds_alternative<std::int64_t>(held_); }
  [[nodiscard]] bool is_number() const { return is_integer() || std::holds_alternative<double>(held_); }
  [[nodiscard]] bool is_string() const { return std::holds_alternative<std::string>(held_); }
  [[nodiscard]] bool is_array() const { return std::holds_alternative<Array>(held_); }
  [[nodiscard]] bool is_object() const { return std::holds_alternative<Shared>(held_); }

  [[nodiscard]] bool as_bool() const { return held<bool>("true or false"); }
  [[nodiscard]] std::int64_t as_integer() const { return held<std::int64_t>("an integer of 64 bits"); }
  [[nodiscard]] double as_number() const {
    return is_integer() ? static_cast<double>(as_integer()) : held<double>("a number");
  }
  [[nodiscard]] const std::string& as_string() const { return held<std::string>("a string"); }
  [[nodiscard]] const Array& as_array() const { return held<Array>("an array"); }
  [[nodiscard]] const Object& as_object() const { return *held<Shared>("an object"); }

  /// The member of that name, or nullptr; throws when this is no object.
  [[nodiscard]] const Value* find(std::string_view key) const;
  /// The member of that name; throws, naming the nearest one, when there is none.
  [[nodiscard]] const Value& at(std::string_view key) const;

  /// "a string", "an integer", ...: for messages.
  [[nodiscard]] std::string_view kind() const {
    constexpr std::string_view names[] = {"null",     "a boolean", "an integer", "a number",
                                          "a string", "an array",  "an object"};
    return names[held_.index()];
  }

  /// Where the value began in the text it was parsed from; 0 for values that were not.
  std::size_t offset = 0;

 private:
  using Shared = std::shared_ptr<const Object>;  // a member holds a value: its size is not known yet

  template <class T> [[nodiscard]] const T& held(const char* wanted) const {
    if (const T* found = std::get_if<T>(&held_)) return *found;
    throw JsonError(message("found ", kind(), ", expected ", wanted), offset);
  }

  std::variant<std::nullptr_t, bool, std::int64_t, double, std::string, Array, Shared> held_;
};

struct Member {
  std::string key;
  Value value;
};

using Array = Value::Array;
using Object = Value::Object;

inline Value::Value(Object members) : held_(std::make_shared<const Object>(std::move(members))) {}

inline const Value* Value::find(std::string_view key) const {
  const Object& members = as_object();
  const auto found = std::ranges::find(members, key, &Member::key);
  return found == members.end() ? nullptr : &found->value;
}

inline const Value& Value::at(std::string_view key) const {
  if (const Value* found = find(key)) return *found;
  std::vector<std::string_view> keys;
  for (const Member& member : as_object()) keys.push_back(member.key);
  const std::string hint = keys.empty() ? "" : "; the nearest is " + quote(nearest(key, keys));
  throw JsonError(message("no member ", quote(key), hint, "; the object begins"), offset);
}

namespace detail {

inline void dump_to(std::string& out, const Value& value);

template <class Range, class Each>
void dump_list(std::string& out, char open, const Range& range, char close, const Each& each) {
  out += open;
  bool first = true;
  for (const auto& item : range) {
    if (!std::exchange(first, false)) out += ',';
    each(item);
  }
  out += close;
}

inline void dump_to(std::string& out, const Value& value) {
  char digits[32];
  if (value.is_null())
    out += "null";
  else if (value.is_bool())
    out += value.as_bool() ? "true" : "false";
  else if (value.is_string())
    out += quote(value.as_string());
  else if (value.is_integer()) {
    out.append(digits, std::to_chars(digits, digits + sizeof digits, value.as_integer()).ptr);
  } else if (value.is_number()) {
    const double number = value.as_number();
    if (!std::isfinite(number)) {  // JSON has no such number
      out += "null";
      return;
    }
    const std::string_view text(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
    out += text;
    if (text.find_first_of(".e") == std::string_view::npos) out += ".0";  // stays a double when read again
  } else if (value.is_array()) {
    dump_list(out, '[', value.as_array(), ']', [&](const Value& item) { dump_to(out, item); });
  } else {
    dump_list(out, '{', value.as_object(), '}', [&](const Member& member) {
      out += quote(member.key);
      out += ':';
      dump_to(out, member.value);
    });
  }
}

}  // namespace detail

/// The value on one line without spaces. Doubles are the shortest text that reads back the same; NaN and
/// infinities, for which JSON has no word, are written as null.
[[nodiscard]] inline std::string dump(const Value& value) {
  std::string out;
  detail::dump_to(out, value);
  return out;
}

}  // namespace lorica::io::json
