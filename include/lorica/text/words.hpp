// SPDX-License-Identifier: MIT
/// @file lorica/text/words.hpp
/// A text on its way to becoming words, and the ways in which a match can cut it.
#pragma once

#include <lorica/text/aligned.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace lorica::text {

/// Bytes [begin, end) of the text; a word with an id is a token already and is cut no further.
struct Word {
  std::size_t begin = 0, end = 0;
  std::int32_t id = -1;
  friend bool operator==(const Word&, const Word&) = default;
};

/// What becomes of a delimiter: "a-b" is a b, a - b, a- b, or a -b; contiguous delimiters are one.
enum class Delimiter { removed, isolated, merged_with_previous, merged_with_next, contiguous };

/// A text and its words, in order; what is between words is dropped. No word is empty.
struct Words {
  Aligned text;
  std::vector<Word> list;

  /// Cuts every word that is no token. `search(piece, report)` reports the delimiters' spans in a piece from
  /// left to right; with `inverted` what it reports are the words and the rest is delimiters.
  template <class Search> void split(Search&& search, Delimiter what, bool inverted = false) {
    std::vector<Word> out;
    out.reserve(list.size() + text.text.size() / 4);
    std::vector<Piece> pieces;
    for (const Word& word : list) {
      if (word.id >= 0) {
        out.push_back(word);
        continue;
      }
      pieces.clear();
      std::size_t at = word.begin;
      const auto add = [&](std::size_t end, bool delimiter) {
        if (end > at) pieces.push_back({at, end, delimiter != inverted});
        at = end;
      };
      search(std::string_view(text.text).substr(word.begin, word.end - word.begin), [&](Span found) {
        add(word.begin + found.begin, false);
        add(word.begin + found.end, true);
      });
      add(word.end, false);
      join(pieces, what);
      for (const Piece& piece : pieces) {
        if (what != Delimiter::removed || !piece.delimiter) out.push_back({piece.begin, piece.end});
      }
    }
    list = std::move(out);
  }

  /// Writes every word that is no token anew: rewrite(text, word, out) appends what the word becomes to
  /// `out`.
  template <class Rewrite> void rewrite(Rewrite&& rewrite) {
    Words out;
    out.text.reserve(text.text.size() + text.text.size() / 4);
    out.list.reserve(list.size());
    for (const Word& word : list) {
      const std::size_t begin = out.text.text.size();
      if (word.id >= 0)
        out.text.append(text, word.begin, word.end);
      else
        rewrite(std::as_const(text), word, out.text);
      if (out.text.text.size() > begin) out.list.push_back({begin, out.text.text.size(), word.id});
    }
    *this = std::move(out);
  }

 private:
  struct Piece {
    std::size_t begin, end;
    bool delimiter;
  };

  /// Lets neighbours that belong together be one piece.
  static void join(std::vector<Piece>& pieces, Delimiter what) {
    if (what == Delimiter::removed || what == Delimiter::isolated || pieces.empty()) return;
    const bool backwards = what == Delimiter::merged_with_next;
    std::vector<Piece> out;
    bool before = false;  // was the last piece a delimiter?
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      const Piece& piece = pieces[backwards ? pieces.size() - 1 - i : i];
      const bool joins =
          what == Delimiter::contiguous ? piece.delimiter == before : piece.delimiter && !before;
      before = piece.delimiter;
      if (!joins || out.empty())
        out.push_back(piece);
      else if (backwards)
        out.back().begin = piece.begin;
      else
        out.back().end = piece.end;
    }
    pieces.assign(out.begin(), out.end());
    if (backwards) std::reverse(pieces.begin(), pieces.end());
  }
};

/// All of the text as one word.
[[nodiscard]] inline Words one_word(Aligned text) {
  Words words{std::move(text), {}};
  if (!words.text.text.empty()) words.list.push_back({0, words.text.text.size()});
  return words;
}

}  // namespace lorica::text
