// SPDX-License-Identifier: MIT
/// @file lorica/text/stop.hpp
/// An answer as it comes, token by token, until it contains a stop string.
#pragma once

#include <lorica/core/check.hpp>
#include <lorica/io/utf8.hpp>
#include <lorica/text/encoding.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lorica::text {

namespace detail {
/// Bytes before a last character that is not whole yet: one cut short, or what a decoder makes of it
/// (U+FFFD).
inline std::size_t whole_characters(std::string_view text) {
  constexpr std::string_view replacement = "\xEF\xBF\xBD";
  while (text.ends_with(replacement)) text.remove_suffix(replacement.size());
  for (std::size_t n = 1; n <= std::min<std::size_t>(3, text.size()); ++n)
    for (const char* const rest : {"\x80\x80\x80", "\xBF\x80\x80"})  // one of them completes what can be
      if (io::utf8_sequence(std::string(text.substr(text.size() - n)) + rest, 0) > n) return text.size() - n;
  return text.size();
}
/// Bytes at the end of a text that a stop string begins with, and could go on from.
inline std::size_t begun(std::string_view text, std::string_view stop) {
  std::size_t n = std::min(text.size(), stop.size() - 1);
  while (n > 0 && !stop.starts_with(text.substr(text.size() - n))) --n;
  return n;
}
}  // namespace detail

/// The text of an answer, given out as soon as it is certain: whole characters that no stop string can begin
/// with. The answer ends before the stop string that is complete first, however the text is cut into tokens.
/// Each token decodes the answer from its start, for a decoder may treat the first token differently. Where
/// one thinks again about text that was given out (bytes that turn out not to be UTF-8), that text stands and
/// what lies beyond its length follows. The tokenizer must outlive this.
template <Tokenizer T> class UntilStop {
 public:
  /// Stop strings are UTF-8 and not empty; there may be none.
  explicit UntilStop(const T& tokenizer, std::vector<std::string> stops = {})
      : tokenizer_(&tokenizer), stops_(std::move(stops)) {
    for (const std::string& stop : stops_)
      expects(!stop.empty() && io::valid_utf8(stop), "UntilStop: a stop string ",
              stop.empty() ? "is empty" : "is not UTF-8", ", expected text");
  }

  /// The text that this token makes certain; nothing, once it stopped.
  std::string add(std::int32_t id) {
    if (stopped_) return {};
    ids_.push_back(id);
    const std::string text = tokenizer_->decode(ids_);
    return more(std::string_view(text).substr(0, detail::whole_characters(text)), false);
  }
  /// What was held back, when no token follows.
  std::string finish() {
    if (stopped_) return {};
    const std::string text = tokenizer_->decode(ids_);
    return more(text, true);
  }
  /// Whether a stop string occurred.
  [[nodiscard]] bool stopped() const { return stopped_; }
  /// All that was given out: the answer, once it stopped or was finished.
  [[nodiscard]] const std::string& text() const { return given_; }

 private:
  std::string more(std::string_view all, bool last) {
    for (std::size_t n = 1; n <= std::min<std::size_t>(3, next_); ++n)  // never on from within a character
      if (const std::size_t size = io::utf8_sequence(all, next_ - n); size > n) {
        next_ += size - n;
        break;
      }
    if (next_ >= all.size()) return {};
    const std::string_view fresh = all.substr(next_);
    std::size_t count = fresh.size(), end = std::string_view::npos;
    for (const std::string& stop : stops_) {
      const std::size_t at = fresh.find(stop);
      if (at == std::string_view::npos) continue;
      const std::size_t ends = at + stop.size();
      if (ends < end || (ends == end && at < count)) count = at;
      end = std::min(end, ends);
      stopped_ = true;
    }
    if (!stopped_ && !last)
      for (const std::string& stop : stops_)
        count = std::min(count, fresh.size() - detail::begun(fresh, stop));
    next_ += count;
    given_ += fresh.substr(0, count);
    return std::string(fresh.substr(0, count));
  }

  const T* tokenizer_;
  std::vector<std::string> stops_;
  std::vector<std::int32_t> ids_;
  std::string given_;
  std::size_t next_ = 0;  // bytes of the decoded answer that were given out
  bool stopped_ = false;
};

}  // namespace lorica::text
