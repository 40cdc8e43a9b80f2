// SPDX-License-Identifier: MIT
/// @file lorica/text/vocabulary.hpp
/// Tokens by id and ids by token.
#pragma once

#include <lorica/core/check.hpp>
#include <lorica/io/json_value.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lorica::text {

/// Ids need not be dense: an id nobody has taken has no token.
class Vocabulary {
 public:
  /// Throws ConfigError when the id is negative or has another token already. A token given twice keeps its
  /// last id; both ids read back as the token.
  void add(std::string_view token, std::int64_t id) {
    expects(id >= 0 && id < largest, "token ", io::json::quote(token), " has id ", id,
            ", expected one in [0, ", largest, ")");
    const auto at = static_cast<std::size_t>(id);
    if (at >= tokens_.size()) tokens_.resize(at + 1);
    expects(!tokens_[at] || *tokens_[at] == token, "tokens ",
            tokens_[at] ? io::json::quote(*tokens_[at]) : "", " and ", io::json::quote(token),
            " have the same id ", id);
    tokens_[at] = std::string(token);
    if (2 * (count_ + 1) > cells_.size()) grow();
    Cell& cell = cells_[place(token, hash(token))];
    if (cell.id < 0) ++count_;
    cell = {hash(token), static_cast<std::int32_t>(id)};
    if (token.size() > longest_) longest_ = token.size();
  }

  [[nodiscard]] std::optional<std::int32_t> id_of(std::string_view token) const {
    if (count_ == 0 || token.size() > longest_) return std::nullopt;
    const std::int32_t id = cells_[place(token, hash(token))].id;
    if (id < 0) return std::nullopt;
    return id;
  }
  /// The token of an id, or nullptr.
  [[nodiscard]] const std::string* token(std::int32_t id) const {
    if (id < 0 || static_cast<std::size_t>(id) >= tokens_.size()) return nullptr;
    const auto& token = tokens_[static_cast<std::size_t>(id)];
    return token ? &*token : nullptr;
  }
  /// One more than the largest id.
  [[nodiscard]] std::size_t size() const { return tokens_.size(); }
  /// Bytes of the longest token.
  [[nodiscard]] std::size_t longest() const { return longest_; }

 private:
  static constexpr std::int64_t largest = std::int64_t{1} << 24;  // no model has more; a wild id is a mistake

  struct Cell {
    std::uint32_t hash = 0;
    std::int32_t id = -1;  // -1: empty
  };
  [[nodiscard]] static std::uint32_t hash(std::string_view token) {
    return static_cast<std::uint32_t>(std::hash<std::string_view>()(token));
  }
  /// The cell that holds the token, or the empty one where it would be. The table's size is a power of two.
  [[nodiscard]] std::size_t place(std::string_view token, std::uint32_t hash) const {
    std::size_t at = hash & (cells_.size() - 1);
    while (cells_[at].id >= 0 &&
           (cells_[at].hash != hash || *tokens_[static_cast<std::size_t>(cells_[at].id)] != token)) {
      at = (at + 1) & (cells_.size() - 1);
    }
    return at;
  }
  void grow() {
    std::vector<Cell> old(std::max<std::size_t>(16, 2 * cells_.size()));
    old.swap(cells_);
    for (const Cell& cell : old) {
      if (cell.id >= 0) cells_[place(*tokens_[static_cast<std::size_t>(cell.id)], cell.hash)] = cell;
    }
  }

  std::vector<Cell> cells_;
  std::size_t count_ = 0;
  std::vector<std::optional<std::string>> tokens_;
  std::size_t longest_ = 0;
};

}  // namespace lorica::text
