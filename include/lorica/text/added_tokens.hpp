// SPDX-License-Identifier: MIT
/// @file lorica/text/added_tokens.hpp
/// Tokens that are found in the text before the model sees it: <|endoftext|>, [MASK], whatever was added.
#pragma once

#include <lorica/text/unicode.hpp>
#include <lorica/text/words.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lorica::text {

struct AddedToken {
  std::string content;
  std::int32_t id = 0;
  bool special = true;                           ///< left out when decoding
  bool single_word = false;                      ///< only where no character of a word is its neighbour
  bool left_strip = false, right_strip = false;  ///< takes the white space on that side with it
  bool normalized = false;                       ///< looked for in the normalised text
};

/// Finds tokens, the leftmost first and the longest of those that begin at one place.
class TokenFinder {
 public:
  void add(AddedToken token) {
    if (token.content.empty()) return;
    auto& same = by_first_[static_cast<unsigned char>(token.content[0])];
    const auto longer = [&](const AddedToken& other) { return other.content.size() >= token.content.size(); };
    same.insert(std::ranges::find_if_not(same, longer), std::move(token));
    empty_ = false;
  }
  [[nodiscard]] bool empty() const { return empty_; }

  /// Makes words of the tokens found in words that are none yet.
  void split(Words& words) const {
    if (empty_) return;
    std::vector<Word> out;
    for (const Word& word : words.list) {
      if (word.id >= 0)
        out.push_back(word);
      else
        split(words.text.text, word, out);
    }
    words.list = std::move(out);
  }

 private:
  [[nodiscard]] const AddedToken* at(std::string_view text) const {
    for (const AddedToken& token : by_first_[static_cast<unsigned char>(text[0])]) {
      if (text.starts_with(token.content)) return &token;
    }
    return nullptr;
  }

  void split(std::string_view all, const Word& word, std::vector<Word>& out) const {
    const std::string_view text = all.substr(word.begin, word.end - word.begin);
    std::size_t kept = 0;  // everything before is in `out`
    const auto put = [&](std::size_t begin, std::size_t end, std::int32_t id) {
      if (end > begin) out.push_back({word.begin + begin, word.begin + end, id});
    };
    for (std::size_t i = 0; i < text.size();) {
      const AddedToken* const token = at(text.substr(i));
      if (token == nullptr) {
        ++i;
        continue;
      }
      std::size_t begin = i, end = i + token->content.size();
      i = end;
      if (token->single_word && ((begin > 0 && is_word(character_before(text, begin).point)) ||
                                 (end < text.size() && is_word(character(text, end).point)))) {
        continue;
      }
      while (token->left_strip && begin > kept && is_space(character_before(text, begin).point)) {
        begin = character_before(text, begin).begin;
      }
      begin = std::max(begin, kept);
      while (token->right_strip && end < text.size() && is_space(character(text, end).point)) {
        end = character(text, end).end;
      }
      put(kept, begin, -1);
      put(begin, end, token->id);
      kept = std::max(kept, end);
    }
    put(kept, text.size(), -1);
  }

  std::array<std::vector<AddedToken>, 256> by_first_;  // by their first byte, longest first
  bool empty_ = true;
};

}  // namespace lorica::text
