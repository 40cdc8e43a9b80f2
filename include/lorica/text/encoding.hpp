// SPDX-License-Identifier: MIT
/// @file lorica/text/encoding.hpp
/// What a tokenizer is, and what a text is after it: ids, types, and where each token stood in the text.
#pragma once

#include <lorica/core/config.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lorica::text {

/// Bytes [begin, end) of the input text; empty where a token stands for none of it.
struct Span {
  std::size_t begin = 0, end = 0;
  friend bool operator==(const Span&, const Span&) = default;
};

/// Three lists of equal length: tokens, the segment each belongs to (BERT's token types), and their places.
struct Encoding {
  std::vector<std::int32_t> ids, types;
  std::vector<Span> spans;

  [[nodiscard]] std::size_t size() const { return ids.size(); }
  void push(std::int32_t id, Span span, std::int32_t type = 0) {
    ids.push_back(id);
    types.push_back(type);
    spans.push_back(span);
  }
  friend bool operator==(const Encoding&, const Encoding&) = default;
};

/// Text to ids and back. `encode` adds no special tokens; `size` is one more than the largest id, the least
/// number of rows an embedding must have. All three may be called from several threads at once.
template <class T>
concept Tokenizer = requires(const T& tokenizer, std::string_view text, std::span<const std::int32_t> ids) {
  { tokenizer.encode(text) } -> std::same_as<Encoding>;
  { tokenizer.decode(ids) } -> std::same_as<std::string>;
  { tokenizer.size() } -> std::same_as<index_t>;
};

}  // namespace lorica::text
