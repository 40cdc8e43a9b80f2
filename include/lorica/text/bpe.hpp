// SPDX-License-Identifier: MIT
/// @file lorica/text/bpe.hpp
/// Byte-pair encoding: a word begins as its characters, and neighbours merge in the order the merges were
/// learned.
#pragma once

#include <lorica/text/aligned.hpp>
#include <lorica/text/model.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lorica::text {

struct BpeConfig {
  std::optional<std::string> unknown = {};  ///< for characters without a token; without it they are dropped
  std::string continuation = {};            ///< before every character but a word's first
  std::string end_of_word = {};             ///< behind a word's last character
  bool fuse_unknown = false;                ///< one unknown token for neighbours
  bool byte_fallback = false;  ///< characters without a token are spelled in tokens <0x00> ... <0xFF>
  bool ignore_merges = false;  ///< a word that is a token is one, merges or not
};

/// The spelling of a byte among the tokens of models with byte fallback: <0x0A>.
[[nodiscard]] inline std::string byte_token(unsigned char byte) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  return {'<', '0', 'x', hex[byte >> 4], hex[byte & 15], '>'};
}

class Bpe : public Model {
 public:
  /// Merges in the order of preference. Throws ConfigError when one makes or takes what is no token.
  Bpe(Vocabulary vocabulary, const std::vector<std::pair<std::string, std::string>>& merges, BpeConfig config)
      : Model(std::move(vocabulary)), config_(std::move(config)) {
    std::int32_t rank = 0;
    for (const auto& [left, right] : merges) {
      expects(right.size() >= config_.continuation.size(), "BPE: merge ", rank, " takes ",
              io::json::quote(right), ", which is shorter than the prefix of continuations");
      merges_.add(known(left, rank), known(right, rank),
                  {rank, known(left + right.substr(config_.continuation.size()), rank)});
      ++rank;
    }
    if (config_.unknown) {
      unknown_ = this->vocabulary().id_of(*config_.unknown);
      expects(unknown_.has_value(), "BPE: the unknown token ", io::json::quote(*config_.unknown),
              " is not in the vocabulary");
    }
    bytes_.fill(-1);
    for (unsigned byte = 0; byte < 256 && config_.byte_fallback; ++byte) {
      bytes_[byte] = this->vocabulary().id_of(byte_token(static_cast<unsigned char>(byte))).value_or(-1);
    }
    plain_ = config_.continuation.empty() && config_.end_of_word.empty();
    for (char32_t point = 0; point < singles_.size(); ++point) {
      std::string spelled;
      io::append_utf8(spelled, point);
      singles_[point] = this->vocabulary().id_of(spelled).value_or(-1);
    }
    find_whole();
  }

  void cut(std::string_view word, std::vector<Part>& out) const override {
    if (const auto whole = vocabulary().id_of(word); whole && whole_[static_cast<std::size_t>(*whole)]) {
      return out.push_back({*whole, 0, word.size()});
    }
    merge(word, out);
  }

 private:
  /// The tokens of a word by its merges alone.
  void merge(std::string_view word, std::vector<Part>& out) const {
    thread_local std::vector<Part> parts;
    parts.clear();
    std::optional<Part> unknown;
    const auto settle = [&] {
      if (unknown) parts.push_back(*unknown);
      unknown.reset();
    };
    for_each_character(word, [&](const Character& c) {
      const std::int32_t id = single(word, c);
      if (id >= 0) {
        settle();
        parts.push_back({id, c.begin, c.end});
      } else if (!spell(word, c, parts) && unknown_) {
        if (unknown && config_.fuse_unknown) {
          unknown->end = c.end;
        } else {
          settle();
          unknown = Part{*unknown_, c.begin, c.end};
        }
      }
    });
    settle();
    merges_.apply(parts);
    out.insert(out.end(), parts.begin(), parts.end());
  }

  /// Which tokens are cut into nothing but themselves: most words are such a token, and one look finds it.
  void find_whole() {
    whole_.assign(vocabulary().size(), false);
    std::vector<Part> parts;
    for (std::size_t id = 0; id < whole_.size(); ++id) {
      const std::string* const token = vocabulary().token(static_cast<std::int32_t>(id));
      if (token == nullptr || token->empty()) continue;
      parts.clear();
      if (!config_.ignore_merges) merge(*token, parts);
      whole_[id] = config_.ignore_merges ||
                   parts == std::vector{Part{static_cast<std::int32_t>(id), 0, token->size()}};
    }
  }
  [[nodiscard]] std::int32_t known(const std::string& token, std::int32_t merge) const {
    const auto id = vocabulary().id_of(token);
    expects(id.has_value(), "BPE: merge ", merge, " needs ", io::json::quote(token),
            ", which is not in the vocabulary");
    return *id;
  }
  [[nodiscard]] std::int32_t single(std::string_view word, const Character& c) const {
    if (plain_) {
      if (c.point < singles_.size()) return singles_[c.point];
      return vocabulary().id_of(word.substr(c.begin, c.end - c.begin)).value_or(-1);
    }
    std::string spelled = c.begin == 0 ? "" : config_.continuation;
    spelled += word.substr(c.begin, c.end - c.begin);
    if (c.end == word.size()) spelled += config_.end_of_word;
    return vocabulary().id_of(spelled).value_or(-1);
  }
  /// The character as the tokens of its bytes, if all of them are tokens.
  bool spell(std::string_view word, const Character& c, std::vector<Part>& parts) const {
    const std::size_t before = parts.size();
    for (std::size_t i = c.begin; i < c.end && config_.byte_fallback; ++i) {
      const std::int32_t id = bytes_[static_cast<unsigned char>(word[i])];
      if (id < 0) {
        parts.resize(before);
        break;
      }
      parts.push_back({id, i, i + 1});
    }
    return parts.size() > before;
  }

  std::array<std::int32_t, 512>
      singles_{};  // tokens of one character below U+0200: all of a byte-level alphabet
  std::array<std::int32_t, 256> bytes_{};
  BpeConfig config_;
  Merges merges_;
  std::optional<std::int32_t> unknown_;
  std::vector<bool> whole_;
  bool plain_ = true;
};

}  // namespace lorica::text
