// SPDX-License-Identifier: MIT
/// @file lorica/text/pre_tokenizer.hpp
/// How a text is cut into words before the model cuts those into tokens.
#pragma once

#include <lorica/text/pattern.hpp>
#include <lorica/text/unicode.hpp>
#include <lorica/text/words.hpp>

#include <array>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lorica::text {

/// Any of the steps below, or several in a row.
using PreTokenizer = std::function<void(Words&)>;

namespace detail {
/// A search that reports every character for which is(point) holds.
template <class Is> [[nodiscard]] auto each(Is is) {
  return [is](std::string_view piece, auto&& report) {
    for_each_character(piece, [&](const Character& c) {
      if (is(c.point)) report(Span{c.begin, c.end});
    });
  };
}
[[nodiscard]] inline auto matches(const Pattern& pattern) {
  return [&pattern](std::string_view piece, auto&& report) { pattern.for_each_match(piece, report); };
}
/// GPT-2's words: a contraction's end, letters, digits or others with one space before, white space.
constexpr std::string_view gpt2_words =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
/// Qwen2's: contractions in any case, one digit a word, line ends with what stands before them.
constexpr std::string_view qwen2_words =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+)"
    R"(|\s+(?!\S)|\s+)";
}  // namespace detail

/// Where a pattern matches, or where it does not.
struct Split {
  Pattern pattern;
  Delimiter delimiter = Delimiter::isolated;
  bool inverted = false;
  void operator()(Words& words) const { words.split(detail::matches(pattern), delimiter, inverted); }
};

/// At white space, which is dropped.
inline void split_at_spaces(Words& words) { words.split(detail::each(is_space), Delimiter::removed); }

/// At white space and around every punctuation character, as BERT has it.
inline void split_as_bert(Words& words) {
  split_at_spaces(words);
  words.split(detail::each(is_bert_punctuation), Delimiter::isolated);
}

/// Around punctuation.
struct SplitPunctuation {
  Delimiter delimiter = Delimiter::isolated;
  void operator()(Words& words) const { words.split(detail::each(is_bert_punctuation), delimiter); }
};

/// Around numbers, or around each digit.
struct SplitDigits {
  bool individual = false;
  void operator()(Words& words) const {
    words.split(detail::each(is_numeric), individual ? Delimiter::isolated : Delimiter::contiguous);
  }
};

/// The 256 characters in which byte-level models spell bytes: a printable byte of Latin-1 is itself, the
/// others follow from U+0100 on.
struct ByteAlphabet {
  std::array<char32_t, 256> points{};
  std::array<int, 0x144> bytes{};  ///< of a character; -1 where it is none of them

  constexpr ByteAlphabet() {
    bytes.fill(-1);
    char32_t next = 0x100;
    for (unsigned byte = 0; byte < 256; ++byte) {
      const bool printable = (byte > 0x20 && byte < 0x7F) || (byte > 0xA0 && byte != 0xAD);
      points[byte] = printable ? byte : next++;
      bytes[points[byte]] = static_cast<int>(byte);
    }
  }
  /// The bytes a token spells, or nothing when it has a character that is none of the 256.
  [[nodiscard]] std::optional<std::string> read(std::string_view token) const {
    std::string out;
    bool whole = true;
    for_each_character(token, [&](const Character& c) {
      whole = whole && c.point < bytes.size() && bytes[c.point] >= 0;
      if (whole) out += static_cast<char>(static_cast<unsigned char>(bytes[c.point]));
    });
    if (!whole) return std::nullopt;
    return out;
  }
};
inline constexpr ByteAlphabet byte_alphabet;

/// Words spelled in bytes, after GPT-2's split or without it.
class ByteLevel {
 public:
  explicit ByteLevel(bool add_prefix_space, bool use_regex = true) : prefix_(add_prefix_space) {
    if (use_regex) pattern_ = Pattern(detail::gpt2_words);
  }
  void operator()(Words& words) const {
    if (prefix_) {
      words.rewrite([](const Aligned& text, const Word& word, Aligned& out) {
        if (text.text[word.begin] != ' ') out.append(U' ', text.from[word.begin]);
        out.append(text, word.begin, word.end);
      });
    }
    if (pattern_) words.split(detail::matches(*pattern_), Delimiter::isolated);
    words.rewrite([](const Aligned& text, const Word& word, Aligned& out) {
      for (std::size_t i = word.begin; i < word.end; ++i) {
        out.append(byte_alphabet.points[static_cast<unsigned char>(text.text[i])], text.from[i]);
      }
    });
  }

 private:
  bool prefix_;
  std::optional<Pattern> pattern_;
};

/// SentencePiece's words: every space is a visible mark, which begins a word.
struct Metaspace {
  enum class Prefix { never, first, always };  ///< before which words a mark is added that have none
  std::string mark = "\xE2\x96\x81";           // U+2581
  Prefix prefix = Prefix::always;
  bool split = true;

  void operator()(Words& words) const {
    words.rewrite([&](const Aligned& text, const Word& word, Aligned& out) {
      const bool wanted =
          prefix == Prefix::always || (prefix == Prefix::first && text.from[word.begin].begin == 0);
      const bool marked =
          text.text[word.begin] == ' ' ||
          std::string_view(text.text).substr(word.begin, word.end - word.begin).starts_with(mark);
      if (wanted && !marked) out.append(mark, text.from[word.begin]);
      for (std::size_t i = word.begin; i < word.end; ++i) {
        if (text.text[i] == ' ')
          out.append(mark, text.from[i]);
        else
          out.append(text, i, i + 1);
      }
    });
    if (!split) return;
    const auto marks = [&](std::string_view piece, auto&& report) {
      for (std::size_t at = piece.find(mark); at != std::string_view::npos; at = piece.find(mark, at + 1)) {
        report(Span{at, at + mark.size()});
      }
    };
    words.split(marks, Delimiter::merged_with_next);
  }
};

/// Several steps, first to last.
struct PreTokenizerSequence {
  std::vector<PreTokenizer> steps;
  void operator()(Words& words) const {
    for (const PreTokenizer& step : steps) step(words);
  }
};

}  // namespace lorica::text
