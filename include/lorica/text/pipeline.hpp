// SPDX-License-Identifier: MIT
/// @file lorica/text/pipeline.hpp
/// The tokenizer that Hugging Face's files describe: added tokens, normaliser, words, model, template,
/// decoder.
#pragma once

#include <lorica/text/added_tokens.hpp>
#include <lorica/text/decoder.hpp>
#include <lorica/text/model.hpp>
#include <lorica/text/normalizer.hpp>
#include <lorica/text/pre_tokenizer.hpp>
#include <lorica/text/template.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lorica::text {

/// Do tokens stand for the spaces they begin or end with?
struct TrimSpans {
  bool trim = false;
  bool added_prefix = false;  ///< a first token's one space was added by the tokenizer, and stands for none
};

/// What a Pipeline is made of. Steps that are empty functions do nothing.
struct PipelineParts {
  std::shared_ptr<const Model> model;
  std::vector<AddedToken> added;
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  Decoder decoder;  ///< without one, tokens are joined with spaces
  Around around;
  TrimSpans spans;
  std::optional<std::int32_t> end_of_text;
};

/// Copies are cheap and share the vocabulary. All members are const and may be called from many threads.
class Pipeline {
 public:
  explicit Pipeline(PipelineParts parts) {
    expects(parts.model != nullptr, "a tokenizer needs a model");
    auto state = std::make_shared<State>();
    for (const AddedToken& token : parts.added) {
      AddedToken sought = token;
      if (token.normalized && parts.normalizer) sought.content = parts.normalizer(align(token.content)).text;
      (token.normalized ? state->in_normalized : state->in_raw).add(sought);
      state->added_ids.insert_or_assign(token.content, token.id);
      state->added.insert_or_assign(token.id,
                                    std::move(sought));  // decodes as it is found, as in the reference
      state->size = std::max(state->size, static_cast<index_t>(token.id) + 1);
    }
    state->size = std::max(state->size, static_cast<index_t>(parts.model->vocabulary().size()));
    state->parts = std::move(parts);
    state_ = std::move(state);
  }

  /// The text's tokens. Bytes that are not UTF-8 are U+FFFD to them.
  [[nodiscard]] Encoding encode(std::string_view text) const {
    const PipelineParts& parts = state_->parts;
    Words words = one_word(align(text));
    state_->in_raw.split(words);
    if (parts.normalizer) normalize(words);
    state_->in_normalized.split(words);
    if (parts.pre_tokenizer) parts.pre_tokenizer(words);
    Encoding out;
    const std::size_t guess = words.list.size() + words.list.size() / 4;
    out.ids.reserve(guess);
    out.spans.reserve(guess);
    std::vector<Part> tokens;
    const std::string_view all = words.text.text;
    for (const Word& word : words.list) {
      tokens.clear();
      if (word.id >= 0)
        tokens.push_back({word.id, 0, word.end - word.begin});
      else
        parts.model->cut(all.substr(word.begin, word.end - word.begin), tokens);
      for (const Part& token : tokens) {
        const std::size_t begin = word.begin + token.begin, end = word.begin + token.end;
        Span span = words.text.source(begin, end);
        if (parts.spans.trim) trim(text, all.substr(begin, end - begin), out.ids.empty(), span);
        out.ids.push_back(token.id);
        out.spans.push_back(span);
      }
    }
    out.types.resize(out.ids.size());
    return out;
  }

  /// The text of the tokens. Special tokens are left out unless `keep_special`; ids without a token always
  /// are.
  [[nodiscard]] std::string decode(std::span<const std::int32_t> ids, bool keep_special = false) const {
    std::vector<std::string> tokens;
    tokens.reserve(ids.size());
    for (const std::int32_t id : ids) {
      const auto added = state_->added.find(id);
      if (added != state_->added.end()) {
        if (keep_special || !added->second.special) tokens.push_back(added->second.content);
      } else if (const std::string* const token = state_->parts.model->vocabulary().token(id)) {
        tokens.push_back(*token);
      }
    }
    std::string out;
    if (state_->parts.decoder) state_->parts.decoder(tokens);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (i > 0 && !state_->parts.decoder) out += ' ';
      out += tokens[i];
    }
    return out;
  }

  [[nodiscard]] index_t size() const { return state_->size; }
  [[nodiscard]] Encoding single(std::string_view text) const { return join(around().one, encode(text)); }
  [[nodiscard]] Encoding pair(std::string_view first, std::string_view second) const {
    return join(around().two, encode(first), encode(second));
  }
  [[nodiscard]] const Around& around() const { return state_->parts.around; }
  [[nodiscard]] std::optional<std::int32_t> id_of(std::string_view token) const {
    const auto added = state_->added_ids.find(token);
    return added != state_->added_ids.end() ? std::optional(added->second)
                                            : state_->parts.model->vocabulary().id_of(token);
  }
  [[nodiscard]] std::optional<std::int32_t> end_of_text() const { return state_->parts.end_of_text; }

 private:
  struct State {
    PipelineParts parts;
    TokenFinder in_raw, in_normalized;
    std::map<std::int32_t, AddedToken> added;
    std::map<std::string, std::int32_t, std::less<>> added_ids;
    index_t size = 0;
  };

  void normalize(Words& words) const {
    const Normalizer& normalizer = state_->parts.normalizer;
    if (words.list.size() == 1 && words.list[0].id < 0) {
      words = one_word(normalizer(std::move(words.text)));
      return;
    }
    words.rewrite([&](const Aligned& text, const Word& word, Aligned& out) {
      Aligned piece;
      piece.append(text, word.begin, word.end);
      piece = normalizer(std::move(piece));
      out.append(piece, 0, piece.text.size());
    });
  }

  /// Takes from a token's place a character of the input for each space the token begins and ends with.
  void trim(std::string_view input, std::string_view token, bool first, Span& span) const {
    const auto space = [](char32_t c) { return c == byte_alphabet.points[' '] || is_space(c); };
    std::size_t leading = 0, trailing = 0;
    for (std::size_t at = 0; at < token.size() && space(character(token, at).point); ++leading) {
      at = character(token, at).end;
    }
    for (std::size_t end = token.size(); end > 0 && space(character_before(token, end).point); ++trailing) {
      end = character_before(token, end).begin;
    }
    if ((first || span.begin == 0) && state_->parts.spans.added_prefix && leading == 1) leading = 0;
    for (; leading > 0 && span.begin < span.end; --leading) span.begin += source_character(input, span.begin);
    for (; trailing > 0 && span.end > span.begin; --trailing)
      span.end -= source_character_before(input, span.end);
  }

  std::shared_ptr<const State> state_;
};
static_assert(PretrainedTokenizer<Pipeline>);

}  // namespace lorica::text
