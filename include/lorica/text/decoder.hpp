// SPDX-License-Identifier: MIT
/// @file lorica/text/decoder.hpp
/// How tokens become text again: each step rewrites the list of tokens, and what is left at last is joined.
#pragma once

#include <lorica/text/pattern.hpp>
#include <lorica/text/pre_tokenizer.hpp>

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lorica::text {

/// Any of the steps below, or several in a row.
using Decoder = std::function<void(std::vector<std::string>&)>;

namespace detail {
/// Nothing is found of nothing.
inline void replace_all(std::string& text, std::string_view what, std::string_view with) {
  if (what.empty()) return;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
}
}  // namespace detail

/// Continuations lose their prefix, other tokens get a space before them; and English spacing is mended.
struct DecodeWordPiece {
  std::string prefix = "##";
  bool cleanup = true;
  void operator()(std::vector<std::string>& tokens) const {
    constexpr std::pair<std::string_view, std::string_view> mended[] = {
        {" .", "."},   {" ?", "?"},           {" !", "!"},   {" ,", ","},     {" ' ", "'"},   {" n't", "n't"},
        {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      std::string& token = tokens[i];
      if (i > 0) {
        if (token.starts_with(prefix))
          token.erase(0, prefix.size());
        else
          token.insert(0, 1, ' ');
      }
      if (!cleanup) continue;
      for (const auto& [spaced, tight] : mended) detail::replace_all(token, spaced, tight);
    }
  }
};

/// Characters of the byte alphabet are bytes again; a token with others stands as it is. Bytes that are not
/// UTF-8 become U+FFFD.
inline void decode_byte_level(std::vector<std::string>& tokens) {
  std::string bytes;
  for (const std::string& token : tokens) bytes += byte_alphabet.read(token).value_or(token);
  tokens = {align(bytes).text};
}

/// Tokens <0x00> ... <0xFF> are bytes; neighbours that together are not UTF-8 become one U+FFFD each.
inline void decode_byte_fallback(std::vector<std::string>& tokens) {
  std::vector<std::string> out;
  std::string bytes;
  const auto settle = [&] {
    if (io::valid_utf8(bytes)) {
      if (!bytes.empty()) out.push_back(bytes);
    } else {
      for (std::size_t i = 0; i < bytes.size(); ++i) out.emplace_back("\xEF\xBF\xBD");
    }
    bytes.clear();
  };
  const auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
  };
  for (std::string& token : tokens) {
    const bool shaped = token.size() == 6 && token.starts_with("<0x") && token[5] == '>';
    if (shaped && digit(token[3]) >= 0 && digit(token[4]) >= 0) {
      bytes += static_cast<char>(static_cast<unsigned char>(digit(token[3]) * 16 + digit(token[4])));
    } else {
      settle();
      out.push_back(std::move(token));
    }
  }
  settle();
  tokens = std::move(out);
}

/// All tokens as one.
inline void fuse(std::vector<std::string>& tokens) {
  std::string all;
  for (const std::string& token : tokens) all += token;
  tokens = {all};
}

/// Marks are spaces; in the first token they are nothing, when encoding added one there.
struct DecodeMetaspace {
  std::string mark = "\xE2\x96\x81";  // U+2581
  bool prefixed = true;
  void operator()(std::vector<std::string>& tokens) const {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      detail::replace_all(tokens[i], mark, i == 0 && prefixed ? "" : " ");
    }
  }
};

/// Every match in a token with other content.
struct DecodeReplace {
  Pattern pattern;
  std::string content;
  void operator()(std::vector<std::string>& tokens) const {
    for (std::string& token : tokens) {
      std::string out;
      std::size_t kept = 0;
      pattern.for_each_match(token, [&](Span match) {
        out.append(token, kept, match.begin - kept).append(content);
        kept = match.end;
      });
      token = out.append(token, kept, std::string::npos);
    }
  }
};

/// At most so many of a character from each end of each token.
struct DecodeStrip {
  std::string content = " ";
  std::size_t left = 0, right = 0;
  void operator()(std::vector<std::string>& tokens) const {
    for (std::string& token : tokens) {
      for (std::size_t i = 0; i < left && token.starts_with(content); ++i) token.erase(0, content.size());
      for (std::size_t i = 0; i < right && token.ends_with(content); ++i) {
        token.resize(token.size() - content.size());
      }
    }
  }
};

/// The mark at the end of a word is a space, and nothing at the end of the text.
struct DecodeSuffix {
  std::string suffix = "</w>";
  void operator()(std::vector<std::string>& tokens) const {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      detail::replace_all(tokens[i], suffix, i + 1 == tokens.size() ? "" : " ");
    }
  }
};

/// Several steps, first to last.
struct DecoderSequence {
  std::vector<Decoder> steps;
  void operator()(std::vector<std::string>& tokens) const {
    for (const Decoder& step : steps) step(tokens);
  }
};

}  // namespace lorica::text
