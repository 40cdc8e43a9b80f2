// SPDX-License-Identifier: MIT
/// @file lorica/io/json.hpp
/// A small strict JSON reader. It is our own because the core reads safetensors headers, configurations and
/// state, and must need nothing beyond Eigen.
#pragma once

#include <lorica/core/check.hpp>
#include <lorica/io/file.hpp>
#include <lorica/io/json_value.hpp>
#include <lorica/io/utf8.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace lorica::io::json {

namespace detail {

/// Recursive descent over RFC 8259, nothing added: no comments, trailing commas, NaN, or byte order mark.
class Parser {
 public:
  Parser(std::string_view text, int depth) : text_(text), depth_(depth) {}

  [[nodiscard]] Value document() {
    skip_space();
    Value value = any();
    skip_space();
    if (at_ < text_.size()) fail("unexpected " + found() + " after the value");
    return value;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const { fail(what, at_); }
  [[noreturn]] void fail(const std::string& what, std::size_t at) const { throw JsonError(what, at); }
  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  [[nodiscard]] bool digit() const { return peek() >= '0' && peek() <= '9'; }
  [[nodiscard]] std::string found() const {
    return at_ < text_.size() ? quote(text_.substr(at_, std::max<std::size_t>(1, utf8_sequence(text_, at_))))
                              : "end of text";
  }
  void skip_space() {
    while (peek() == ' ' || peek() == '\n' || peek() == '\r' || peek() == '\t') ++at_;
  }
  [[nodiscard]] bool accept(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  [[nodiscard]] Value any() {
    const std::size_t begin = at_;
    Value value = [&]() -> Value {
      switch (peek()) {
        case '{':
          return object();
        case '[':
          return array();
        case '"':
          return string();
        case 't':
          return word("true", true);
        case 'f':
          return word("false", false);
        case 'n':
          return word("null", nullptr);
        default:
          return number();
      }
    }();
    value.offset = begin;
    return value;
  }

  [[nodiscard]] Value word(std::string_view name, Value value) {
    if (!text_.substr(at_).starts_with(name)) fail(message("unexpected ", found(), ", expected ", name));
    at_ += name.size();
    return value;
  }

  void enter() {
    if (--depth_ < 0) fail("nested too deeply");
    ++at_;
    skip_space();
  }

  [[nodiscard]] Value array() {
    enter();
    Array values;
    if (!accept(']')) {
      do {
        skip_space();
        values.push_back(any());
        skip_space();
      } while (accept(','));
      if (!accept(']')) fail("unexpected " + found() + ", expected \",\" or \"]\"");
    }
    ++depth_;
    return values;
  }

  [[nodiscard]] Value object() {
    enter();
    Object members;
    if (!accept('}')) {
      do {
        skip_space();
        if (peek() != '"') fail("unexpected " + found() + ", expected a member's name in quotation marks");
        std::string key = string();
        skip_space();
        if (!accept(':')) fail("unexpected " + found() + ", expected \":\"");
        skip_space();
        members.push_back({std::move(key), any()});
        skip_space();
      } while (accept(','));
      if (!accept('}')) fail("unexpected " + found() + ", expected \",\" or \"}\"");
    }
    ++depth_;
    refuse_duplicates(members);
    return members;
  }

  void refuse_duplicates(const Object& members) const {
    std::vector<const Member*> sorted;
    sorted.reserve(members.size());
    for (const Member& member : members) sorted.push_back(&member);
    std::ranges::sort(sorted, [](const Member* a, const Member* b) {
      return a->key != b->key ? a->key < b->key : a->value.offset < b->value.offset;
    });
    const auto twice = std::ranges::adjacent_find(sorted, {}, &Member::key);
    if (twice == sorted.end()) return;
    fail("member " + quote((*twice)->key) + " given twice, again", twice[1]->value.offset);
  }

  [[nodiscard]] char32_t four_hex_digits() {
    unsigned value = 0;
    const std::string_view digits = text_.substr(std::min(at_, text_.size()), 4);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (digits.size() < 4 || error != std::errc() || end != digits.data() + 4) {
      fail("expected four hexadecimal digits after \\u");
    }
    at_ += 4;
    return value;
  }

  void escape(std::string& out) {
    const std::size_t begin = at_++;
    const char c = peek();
    ++at_;
    switch (c) {
      case '"':
      case '\\':
      case '/':
        out += c;
        return;
      case 'b':
        out += '\b';
        return;
      case 'f':
        out += '\f';
        return;
      case 'n':
        out += '\n';
        return;
      case 'r':
        out += '\r';
        return;
      case 't':
        out += '\t';
        return;
      case 'u':
        break;
      default:
        fail("unknown escape in a string", begin);
    }
    char32_t point = four_hex_digits();
    if (point >= 0xD800 && point < 0xE000) {  // UTF-16 spells what is above U+FFFF in two halves
      const bool paired = point < 0xDC00 && text_.substr(std::min(at_, text_.size())).starts_with("\\u");
      if (paired) at_ += 2;
      const char32_t low = paired ? four_hex_digits() : 0;
      if (low < 0xDC00 || low > 0xDFFF) fail("half of a surrogate pair in a string", begin);
      point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
    }
    append_utf8(out, point);
  }

  [[nodiscard]] std::string string() {
    const std::size_t begin = at_++;
    std::string out;
    while (!accept('"')) {
      if (at_ >= text_.size()) fail("a string without an end", begin);
      if (peek() == '\\') {
        escape(out);
        continue;
      }
      const bool control = static_cast<unsigned char>(peek()) < 0x20;
      if (control) fail("control character in a string, expected an escape");
      const std::size_t length = utf8_sequence(text_, at_);
      if (length == 0) fail("a string that is not UTF-8");
      out += text_.substr(at_, length);
      at_ += length;
    }
    return out;
  }

  [[nodiscard]] Value number() {
    const std::size_t begin = at_;
    const auto digits = [&] {
      const char* const wanted = at_ == begin ? ", expected a value" : ", expected a digit";
      if (!digit()) fail("unexpected " + found() + wanted);
      while (digit()) ++at_;
    };
    const bool negative = accept('-');
    const bool zero = peek() == '0';
    if (zero)
      ++at_;  // no digit may follow a leading zero
    else
      digits();
    bool integral = !(negative && zero);  // -0 is a double: an integer would lose its sign
    if (zero && digit()) fail("a number with a leading zero", begin);
    if (accept('.')) {
      integral = false;
      digits();
    }
    if (accept('e') || accept('E')) {
      integral = false;
      if (!accept('+')) static_cast<void>(accept('-'));
      digits();
    }
    const char* const first = text_.data() + begin;
    const char* const last = text_.data() + at_;
    std::int64_t exact = 0;
    if (integral && std::from_chars(first, last, exact).ec == std::errc()) return exact;
    double value = 0;
    if (std::from_chars(first, last, value).ec != std::errc() || !std::isfinite(value)) {
      fail("a number that no double can hold", begin);
    }
    return value;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_;
};

}  // namespace detail

/// The value a text spells. Throws JsonError, whose message ends in the byte offset, unless all of it is
/// JSON. Arrays and objects may nest `depth` deep; a duplicate name in an object is an error.
[[nodiscard]] inline Value parse(std::string_view text, int depth = 64) {
  return detail::Parser(text, depth).document();
}

/// The value a file holds; the FileError names the file.
[[nodiscard]] inline Value read(const std::filesystem::path& path) {
  const std::string text = read_text(path);
  try {
    return parse(text);
  } catch (const JsonError& error) {
    throw FileError(message("'", path.string(), "' is not valid JSON: ", error.what()));
  }
}

}  // namespace lorica::io::json
