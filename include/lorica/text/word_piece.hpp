// SPDX-License-Identifier: MIT
/// @file lorica/text/word_piece.hpp
/// WordPiece, BERT's model: the longest token the word begins with, then the longest continuation, and so on.
#pragma once

#include <lorica/text/aligned.hpp>
#include <lorica/text/model.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lorica::text {

struct WordPieceConfig {
  std::string unknown = "[UNK]";
  std::string continuation = "##";  ///< how tokens are spelled that do not begin a word
  std::size_t longest_word = 100;   ///< in characters; a longer word is unknown
};

/// A word of which some part is in no token is unknown as a whole.
class WordPiece : public Model {
 public:
  WordPiece(Vocabulary vocabulary, WordPieceConfig config)
      : Model(std::move(vocabulary)), config_(std::move(config)), unknown_(-1) {
    const auto unknown = this->vocabulary().id_of(config_.unknown);
    expects(unknown.has_value(), "WordPiece: the unknown token ", io::json::quote(config_.unknown),
            " is not in the vocabulary");
    unknown_ = *unknown;
  }

  void cut(std::string_view word, std::vector<Part>& out) const override {
    const std::size_t before = out.size();
    const bool long_word =
        word.size() > config_.longest_word && count_characters(word) > config_.longest_word;
    thread_local std::string spelled;
    for (std::size_t begin = 0; begin < word.size() && !long_word;) {
      const std::size_t prefix = begin == 0 ? 0 : config_.continuation.size();
      const std::size_t longest = vocabulary().longest() > prefix ? vocabulary().longest() - prefix : 0;
      std::size_t end = std::min(word.size(), begin + longest);
      while (end > begin && end < word.size() && (static_cast<unsigned char>(word[end]) & 0xC0) == 0x80)
        --end;
      spelled.assign(config_.continuation, 0, prefix).append(word, begin, end - begin);
      std::optional<std::int32_t> id;
      while (end > begin && !(id = vocabulary().id_of(spelled))) {
        end = character_before(word, end).begin;
        spelled.resize(prefix + end - begin);
      }
      if (!id) {
        out.resize(before);
        break;
      }
      out.push_back({*id, begin, end});
      begin = end;
    }
    if (out.size() == before) out.push_back({unknown_, 0, word.size()});
  }

 private:
  WordPieceConfig config_;
  std::int32_t unknown_;
};

}  // namespace lorica::text
