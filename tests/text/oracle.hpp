// SPDX-License-Identifier: MIT
/// @file tests/text/oracle.hpp
/// The hard cases, and what the reference libraries made of them: tests/oracle/make_tokenizers.py.
#pragma once

#include <lorica/io/json.hpp>
#include <lorica/text/template.hpp>

#include <support/catch.hpp>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace lorica::test {

inline std::filesystem::path tokenizers() {
  return std::filesystem::path(LORICA_TESTS_DIR) / "oracle" / "tokenizers";
}

/// The texts of cases.json; those given in hexadecimal are not UTF-8.
inline std::vector<std::string> hard_cases() {
  std::vector<std::string> out;
  const io::json::Value cases = io::json::read(tokenizers() / "cases.json");
  for (const io::json::Value& value : cases.as_array()) {
    if (const auto* const hex = value.find("hex")) {
      std::string bytes;
      for (std::size_t i = 0; i < hex->as_string().size(); i += 2) {
        unsigned byte = 0;
        std::from_chars(hex->as_string().data() + i, hex->as_string().data() + i + 2, byte, 16);
        bytes += static_cast<char>(static_cast<unsigned char>(byte));
      }
      out.push_back(bytes);
      continue;
    }
    const auto* const times = value.find("times");
    std::string text;
    for (std::int64_t i = 0; i < (times == nullptr ? 1 : times->as_integer()); ++i) {
      text += value.at("text").as_string();
    }
    out.push_back(text);
  }
  return out;
}

/// FNV-1a of 64 bits, over numbers as 32-bit little-endian integers.
struct Fnv {
  std::uint64_t sum = 0xCBF29CE484222325u;
  void add(std::int64_t number) {
    for (int i = 0; i < 4; ++i) {
      sum = (sum ^ (static_cast<std::uint64_t>(number) >> (8 * i) & 0xFF)) * 0x100000001B3u;
    }
  }
  [[nodiscard]] std::string hex() const {
    char digits[17];
    std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(sum));
    return digits;
  }
};

/// A list of numbers as the fixtures write it: itself, or its length and sum when it is long.
inline std::string written(const std::vector<std::int64_t>& numbers, const io::json::Value& like) {
  io::json::Array values(numbers.begin(), numbers.end());
  if (like.is_array()) return io::json::dump(values);
  Fnv fnv;
  for (const std::int64_t number : numbers) fnv.add(number);
  return io::json::dump(io::json::Object{{"count", numbers.size()}, {"fnv", fnv.hex()}});
}
inline std::string written(const std::vector<std::int32_t>& ids, const io::json::Value& like) {
  return written(std::vector<std::int64_t>(ids.begin(), ids.end()), like);
}
inline std::string written(const std::vector<text::Span>& spans, const io::json::Value& like) {
  std::vector<std::int64_t> flat;
  for (const text::Span& span : spans) {
    flat.push_back(static_cast<std::int64_t>(span.begin));
    flat.push_back(static_cast<std::int64_t>(span.end));
  }
  return written(flat, like);
}
inline std::string written(const std::string& text, const io::json::Value& like) {
  if (like.is_string()) return io::json::quote(text);
  std::vector<std::int64_t> bytes;
  for (const char c : text) bytes.push_back(static_cast<unsigned char>(c));
  return written(bytes, like);
}

/// Every hard case as the reference has it: ids, and places and decoded text where the fixture has them.
template <text::PretrainedTokenizer T>
void same_on_hard_cases(const T& tokenizer, const io::json::Value& expected) {
  const auto texts = hard_cases();
  const auto& rows = expected.at("cases").as_array();
  REQUIRE(rows.size() == texts.size());
  CHECK(tokenizer.size() == expected.at("size").as_integer());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].is_null()) continue;
    INFO("case " << i << ": " << io::json::quote(texts[i].substr(0, 200)));
    const text::Encoding got = tokenizer.encode(texts[i]);
    CHECK(written(got.ids, rows[i].at("ids")) == io::json::dump(rows[i].at("ids")));
    CHECK(got.types == std::vector<std::int32_t>(got.ids.size(), 0));
    if (const auto* const spans = rows[i].find("spans"))
      CHECK(written(got.spans, *spans) == io::json::dump(*spans));
    if (const auto* const text = rows[i].find("text"))
      CHECK(written(tokenizer.decode(got.ids), *text) == io::json::dump(*text));
  }
  if (const auto* const around = expected.find("around")) {
    const auto shown = [](const text::Encoding& e) {
      return "[" + written(e.ids, io::json::Array{}) + "," + written(e.types, io::json::Array{}) + "]";
    };
    CHECK(shown(tokenizer.single("a b")) == io::json::dump(around->at("single")));
    CHECK(shown(tokenizer.pair("a b", "c")) == io::json::dump(around->at("pair")));
  }
}

}  // namespace lorica::test
