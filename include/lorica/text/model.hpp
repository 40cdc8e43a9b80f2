// SPDX-License-Identifier: MIT
/// @file lorica/text/model.hpp
/// The part of a tokenizer that knows the vocabulary: it cuts one word into tokens.
#pragma once

#include <lorica/text/merges.hpp>
#include <lorica/text/vocabulary.hpp>

#include <string_view>
#include <utility>
#include <vector>

namespace lorica::text {

/// What WordPiece, byte-pair encoding and Unigram have in common. Const members may be called from many
/// threads.
class Model {
 public:
  explicit Model(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {}
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;
  virtual ~Model() = default;

  /// Appends the tokens of a word, from left to right; the word is UTF-8 and not empty.
  virtual void cut(std::string_view word, std::vector<Part>& out) const = 0;
  [[nodiscard]] const Vocabulary& vocabulary() const { return vocabulary_; }

 private:
  Vocabulary vocabulary_;
};

}  // namespace lorica::text
