// SPDX-License-Identifier: MIT
/// @file tests/tasks/words.hpp
/// A tokenizer for tests: words and single signs, in BERT's frame of [CLS] and [SEP].
#pragma once

#include <lorica/tasks/unicode.hpp>
#include <lorica/text/template.hpp>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lorica::test {

/// Splits at white space; every ASCII sign and every character that is not of a word stands alone. Ids are
/// given out as words are met, from 10.
class Words {
 public:
  static constexpr std::int32_t cls = 1, sep = 2;
  Words() {
    using text::Slot;
    const Slot a{Slot::Kind::first, 0, 0}, b{Slot::Kind::second, 0, 1};
    const Slot begin{Slot::Kind::token, cls, 0}, end{Slot::Kind::token, sep, 0},
        end_b{Slot::Kind::token, sep, 1};
    around_.one = {{begin, a, end}};
    around_.two = {{begin, a, end, b, end_b}};
  }
  [[nodiscard]] text::Encoding encode(std::string_view text) const {
    text::Encoding out;
    for (std::size_t i = 0, n = 0; i < text.size(); i += n) {
      const tasks::CodePoint c = tasks::code_point(text, i);
      n = c.bytes;
      if (tasks::is_space(c.value)) continue;
      while (tasks::of_a_word(c.value) && i + n < text.size() &&
             tasks::of_a_word(tasks::code_point(text, i + n).value))
        n += tasks::code_point(text, i + n).bytes;
      out.push(id(text.substr(i, n)), {i, i + n});
    }
    return out;
  }
  [[nodiscard]] std::string decode(std::span<const std::int32_t> ids) const {
    std::string out;
    for (const std::int32_t i : ids) {
      out += out.empty() ? "" : " ";
      out += i == cls ? "[CLS]" : i == sep ? "[SEP]" : words_.at(static_cast<std::size_t>(i) - 10);
    }
    return out;
  }
  [[nodiscard]] index_t size() const { return 10 + static_cast<index_t>(words_.size()); }
  [[nodiscard]] text::Encoding single(std::string_view a) const { return text::join(around_.one, encode(a)); }
  [[nodiscard]] text::Encoding pair(std::string_view a, std::string_view b) const {
    return text::join(around_.two, encode(a), encode(b));
  }
  [[nodiscard]] const text::Around& around() const { return around_; }
  [[nodiscard]] std::optional<std::int32_t> id_of(std::string_view token) const {
    const auto at = ids_.find(std::string(token));
    return at == ids_.end() ? std::nullopt : std::optional(at->second);
  }
  [[nodiscard]] std::optional<std::int32_t> end_of_text() const { return std::nullopt; }

 private:
  [[nodiscard]] std::int32_t id(std::string_view word) const {
    const auto [at, fresh] = ids_.try_emplace(std::string(word), static_cast<std::int32_t>(size()));
    if (fresh) words_.emplace_back(word);
    return at->second;
  }
  text::Around around_;
  mutable std::map<std::string, std::int32_t> ids_;
  mutable std::vector<std::string> words_;
};
static_assert(text::PretrainedTokenizer<Words>);

}  // namespace lorica::test
