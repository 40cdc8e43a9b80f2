// SPDX-License-Identifier: MIT
/// @file lorica/text/bytes.hpp
/// The tokenizer that needs no file: every byte is a token, its value the id.
#pragma once

#include <lorica/core/check.hpp>
#include <lorica/text/template.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace lorica::text {

/// 256 ids and no special tokens. Nothing is lost: `decode` gives back any bytes, UTF-8 or not.
class Bytes {
 public:
  [[nodiscard]] Encoding encode(std::string_view text) const {
    Encoding out;
    for (std::size_t i = 0; i < text.size(); ++i) {
      out.push(static_cast<unsigned char>(text[i]), {i, i + 1});
    }
    return out;
  }
  /// Throws ConfigError on an id that is no byte.
  [[nodiscard]] std::string decode(std::span<const std::int32_t> ids) const {
    std::string out;
    for (const std::int32_t id : ids) {
      expects(id >= 0 && id < 256, "bytes: token ", id, " is not in [0, 256)");
      out += static_cast<char>(static_cast<unsigned char>(id));
    }
    return out;
  }
  [[nodiscard]] index_t size() const { return 256; }
  [[nodiscard]] Encoding single(std::string_view text) const { return encode(text); }
  [[nodiscard]] Encoding pair(std::string_view first, std::string_view second) const {
    return join(around_.two, encode(first), encode(second));
  }
  [[nodiscard]] const Around& around() const { return around_; }
  [[nodiscard]] std::optional<std::int32_t> id_of(std::string_view token) const {
    if (token.size() != 1) return std::nullopt;
    return static_cast<unsigned char>(token[0]);
  }
  [[nodiscard]] std::optional<std::int32_t> end_of_text() const { return std::nullopt; }

 private:
  Around around_;
};
static_assert(PretrainedTokenizer<Bytes>);

}  // namespace lorica::text
