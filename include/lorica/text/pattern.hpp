// SPDX-License-Identifier: MIT
/// @file lorica/text/pattern.hpp
/// Regular expressions as tokenizer.json writes them, run by PCRE2.
#pragma once

#define PCRE2_CODE_UNIT_WIDTH 8
#include <lorica/core/check.hpp>
#include <lorica/io/json_value.hpp>
#include <lorica/text/encoding.hpp>

#include <pcre2.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace lorica::text {

/// A compiled expression; copies share it, and several threads may search with it.
class Pattern {
 public:
  /// Throws ConfigError, naming the place, when it is no regular expression.
  explicit Pattern(std::string_view expression) {
    const std::string spelled = translate(expression);
    int error = 0;
    PCRE2_SIZE at = 0;
    code_ = std::shared_ptr<pcre2_code>(
        pcre2_compile(reinterpret_cast<PCRE2_SPTR>(spelled.data()), spelled.size(),
                      PCRE2_UTF | PCRE2_UCP | PCRE2_NO_UTF_CHECK | PCRE2_NEVER_BACKSLASH_C, &error, &at,
                      nullptr),
        [](pcre2_code* code) { pcre2_code_free(code); });
    if (code_ == nullptr) {
      throw ConfigError(message("the pattern ", io::json::quote(spelled), " does not compile: ", said(error),
                                " at byte ", at));
    }
    // Where there is no just-in-time compiler the same matches are found more slowly.
    static_cast<void>(pcre2_jit_compile(code_.get(), PCRE2_JIT_COMPLETE));
  }

  /// A pattern that matches this text and nothing else.
  [[nodiscard]] static Pattern literal(std::string_view text) {
    std::string expression;
    for (const char c : text) {
      if (std::string_view("\\^$.[|()?*+{}-]/#").find(c) != std::string_view::npos) expression += '\\';
      expression += c;
    }
    return Pattern(expression);
  }

  /// Calls f(Span) on each match from left to right; an empty match is not reported, the search goes on
  /// behind it. `text` must be UTF-8; nothing outside it is looked at.
  template <class F> void for_each_match(std::string_view text, F&& f) const {
    pcre2_match_data* const found = scratch();
    const auto* const subject = reinterpret_cast<PCRE2_SPTR>(text.data());
    for (std::size_t at = 0; at < text.size();) {
      int count = pcre2_match(code_.get(), subject, text.size(), at, PCRE2_NO_UTF_CHECK, found, nullptr);
      if (count == PCRE2_ERROR_JIT_STACKLIMIT) {  // a very long word: the interpreter's stack is the heap
        count = pcre2_match(code_.get(), subject, text.size(), at, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, found,
                            nullptr);
      }
      if (count == PCRE2_ERROR_NOMATCH) return;
      expects(count >= 0, "a pattern gave up on ", text.size(), " bytes of text: ", said(count));
      const PCRE2_SIZE* const ends = pcre2_get_ovector_pointer(found);
      const Span span{ends[0], ends[1]};
      if (span.end > span.begin) {
        f(span);
        at = span.end;
      } else {
        at = span.end + 1;
        while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
      }
    }
  }

 private:
  /// The expression with the classes spelled out that PCRE2 draws otherwise than Oniguruma, in which they are
  /// written: its \s has U+180E, its \w no marks. (Latin-1's small digits and fractions are part of a word to
  /// Oniguruma, but not between brackets.)
  [[nodiscard]] static std::string translate(std::string_view expression) {
    constexpr std::string_view word = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}";
    constexpr std::string_view small = "\\xB2\\xB3\\xB9\\xBC-\\xBE";
    std::string out;
    bool brackets = false;
    for (std::size_t i = 0; i < expression.size(); ++i) {
      const char c = expression[i];
      if (c != '\\' || i + 1 == expression.size()) {
        const std::string_view rest = expression.substr(i);
        const std::size_t named =
            brackets && rest.starts_with("[:") ? rest.find(":]") : std::string_view::npos;
        // A class in a class would be a plain bracket to PCRE2, and give other words without a word.
        expects(!brackets || named != std::string_view::npos || (c != '[' && !rest.starts_with("&&")),
                "the pattern ", io::json::quote(expression),
                " has a class within a class, which is not supported");
        if (named != std::string_view::npos) {
          out += rest.substr(0, named + 2);
          i += named + 1;
          continue;
        }
        if (c == '[') brackets = true;
        if (c == ']') brackets = false;
        out += c;
        continue;
      }
      const char escaped = expression[++i];
      if (escaped == 's' || escaped == 'S') {
        out += escaped == 's' ? "\\p{White_Space}" : "\\P{White_Space}";
      } else if (escaped == 'd' || escaped == 'D') {
        out += escaped == 'd' ? "\\p{Nd}" : "\\P{Nd}";
      } else if (escaped == 'w') {
        out += brackets ? std::string(word) : message('[', word, small, ']');
      } else if (escaped == 'W' && !brackets) {
        out += message("[^", word, small, ']');
      } else {
        expects(escaped != 'W' && escaped != 'h' && escaped != 'H', "the pattern ",
                io::json::quote(expression), " has \\", escaped, brackets ? " in brackets" : "",
                ", which is not supported");
        out += '\\';
        out += escaped;
      }
    }
    return out;
  }

  [[nodiscard]] static std::string said(int error) {
    PCRE2_UCHAR text[256] = {};
    pcre2_get_error_message(error, text, sizeof text);
    return reinterpret_cast<const char*>(text);
  }

  /// Room for one match: only its ends are ever asked for, so one for each thread serves all patterns.
  [[nodiscard]] static pcre2_match_data* scratch() {
    struct Free {
      void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
    };
    thread_local const std::unique_ptr<pcre2_match_data, Free> data(pcre2_match_data_create(1, nullptr));
    return data.get();
  }

  std::shared_ptr<pcre2_code> code_;
};

}  // namespace lorica::text
