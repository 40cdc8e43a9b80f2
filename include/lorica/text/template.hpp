// SPDX-License-Identifier: MIT
/// @file lorica/text/template.hpp
/// The special tokens a model wants around one text and around two, and how two texts share what room is
/// left.
#pragma once

#include <lorica/text/encoding.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace lorica::text {

/// One place of a template: a special token, or one of the texts; `type` is the segment of what stands there.
struct Slot {
  enum class Kind { token, first, second };
  Kind kind = Kind::first;
  std::int32_t id = 0;  ///< of a token; unused for a text
  std::int32_t type = 0;
  friend bool operator==(const Slot&, const Slot&) = default;
};

/// A text or two with what stands around them, in order.
struct Template {
  std::vector<Slot> slots;

  /// How many tokens are added to those of the texts.
  [[nodiscard]] std::size_t added() const {
    return static_cast<std::size_t>(std::ranges::count(slots, Slot::Kind::token, &Slot::kind));
  }

  /// Where a text begins in the joined encoding, when the texts have so many tokens; nothing if it has no
  /// place.
  [[nodiscard]] std::optional<std::size_t> begin(Slot::Kind text, std::size_t first,
                                                 std::size_t second = 0) const {
    std::size_t at = 0;
    for (const Slot& slot : slots) {
      if (slot.kind == text) return at;
      at += slot.kind == Slot::Kind::token ? 1 : slot.kind == Slot::Kind::first ? first : second;
    }
    return std::nullopt;
  }
};

/// The templates of one tokenizer. Without any, texts stand bare and the second one is segment 1.
struct Around {
  Template one = {{{Slot::Kind::first, 0, 0}}};
  Template two = {{{Slot::Kind::first, 0, 0}, {Slot::Kind::second, 0, 1}}};
};

/// [CLS] a [SEP], and [CLS] a [SEP] b [SEP] with the second text as segment 1.
[[nodiscard]] inline Around bert_around(std::int32_t cls, std::int32_t sep) {
  using enum Slot::Kind;
  return {{{{token, cls, 0}, {first, 0, 0}, {token, sep, 0}}},
          {{{token, cls, 0}, {first, 0, 0}, {token, sep, 0}, {second, 0, 1}, {token, sep, 1}}}};
}

/// <s> a </s>, and <s> a </s> </s> b </s>; RoBERTa has one segment.
[[nodiscard]] inline Around roberta_around(std::int32_t cls, std::int32_t sep) {
  using enum Slot::Kind;
  return {
      {{{token, cls, 0}, {first, 0, 0}, {token, sep, 0}}},
      {{{token, cls, 0}, {first, 0, 0}, {token, sep, 0}, {token, sep, 0}, {second, 0, 0}, {token, sep, 0}}}};
}

/// The first token of every text is `bos`, as Llama has it.
[[nodiscard]] inline Around begin_around(std::int32_t bos) {
  using enum Slot::Kind;
  return {{{{token, bos, 0}, {first, 0, 0}}},
          {{{token, bos, 0}, {first, 0, 0}, {token, bos, 1}, {second, 0, 1}}}};
}

/// The texts in the places of the template. Spans stay those of each text; special tokens have empty ones.
[[nodiscard]] inline Encoding join(const Template& around, const Encoding& first,
                                   const Encoding& second = {}) {
  Encoding out;
  const auto append = [&](const Encoding& text, std::int32_t type) {
    out.ids.insert(out.ids.end(), text.ids.begin(), text.ids.end());
    out.types.insert(out.types.end(), text.size(), type);
    out.spans.insert(out.spans.end(), text.spans.begin(), text.spans.end());
  };
  for (const Slot& slot : around.slots) {
    if (slot.kind == Slot::Kind::token)
      out.push(slot.id, {}, slot.type);
    else
      append(slot.kind == Slot::Kind::first ? first : second, slot.type);
  }
  return out;
}

/// Keeps the first `length` tokens.
inline void truncate(Encoding& text, std::size_t length) {
  if (length >= text.size()) return;
  text.ids.resize(length);
  text.types.resize(length);
  text.spans.resize(length);
}

/// How many tokens two texts of these lengths keep when `room` is left for both: the longer one gives way
/// until they are equal, then both do, and an odd token goes to the longer (to the second of equals).
[[nodiscard]] inline std::pair<std::size_t, std::size_t> longest_first(std::size_t first, std::size_t second,
                                                                       std::size_t room) {
  if (first + second <= room) return {first, second};
  const std::size_t shorter = std::min({first, second, room / 2}), longer = room - shorter;
  return first > second ? std::pair{longer, shorter} : std::pair{shorter, longer};
}

/// A tokenizer that came with a model: it knows the model's special tokens.
///
/// `single` and `pair` add them; `around` shows them, for those who must shorten the texts first;
/// `end_of_text` is the token after which a generated text is over.
template <class T>
concept PretrainedTokenizer = Tokenizer<T> && requires(const T& tokenizer, std::string_view text) {
  { tokenizer.single(text) } -> std::same_as<Encoding>;
  { tokenizer.pair(text, text) } -> std::same_as<Encoding>;
  { tokenizer.around() } -> std::same_as<const Around&>;
  { tokenizer.id_of(text) } -> std::same_as<std::optional<std::int32_t>>;
  { tokenizer.end_of_text() } -> std::same_as<std::optional<std::int32_t>>;
};

}  // namespace lorica::text
