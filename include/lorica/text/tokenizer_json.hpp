// SPDX-License-Identifier: MIT
/// @file lorica/text/tokenizer_json.hpp
/// Reads tokenizer.json, which says everything about a tokenizer of Hugging Face in one file.
#pragma once

#include <lorica/io/json.hpp>
#include <lorica/text/bpe.hpp>
#include <lorica/text/pipeline.hpp>
#include <lorica/text/unigram.hpp>
#include <lorica/text/word_piece.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lorica::text {

namespace detail {

/// Element i of a list that has `length`; `what` is for the message.
[[nodiscard]] inline const io::json::Value& element(const io::json::Value& list, std::size_t i,
                                                    std::size_t length, std::string_view what) {
  const io::json::Array& values = list.as_array();
  expects(values.size() == length, what, " is a list of ", values.size(), ", expected ", length);
  return values[i];
}

/// A component of tokenizer.json: its options, with the reference's defaults where they are absent or null.
class Component {
 public:
  Component(const io::json::Value& value, std::string part) : value_(&value), part_(std::move(part)) {}

  [[nodiscard]] const io::json::Value* find(std::string_view key) const {
    const io::json::Value* const found = value_->find(key);
    return found == nullptr || found->is_null() ? nullptr : found;
  }
  [[nodiscard]] const io::json::Value& at(std::string_view key) const { return value_->at(key); }
  [[nodiscard]] bool flag(std::string_view key, bool otherwise) const {
    const auto* const found = find(key);
    return found == nullptr ? otherwise : found->as_bool();
  }
  [[nodiscard]] std::string word(std::string_view key, std::string_view otherwise) const {
    const auto* const found = find(key);
    return found == nullptr ? std::string(otherwise) : found->as_string();
  }
  [[nodiscard]] std::size_t count(std::string_view key, std::size_t otherwise) const {
    const auto* const found = find(key);
    if (found == nullptr) return otherwise;
    expects(found->as_integer() >= 0, part_, ": ", key, " is ", found->as_integer(),
            ", expected no less than 0");
    return static_cast<std::size_t>(found->as_integer());
  }
  [[nodiscard]] std::string type() const { return word("type", ""); }
  [[nodiscard]] const std::string& part() const { return part_; }

  /// {"Regex": ...} or {"String": ...}.
  [[nodiscard]] Pattern pattern() const {
    const io::json::Value& value = at("pattern");
    if (value.is_string()) return Pattern::literal(value.as_string());
    if (const auto* const regex = value.find("Regex")) return Pattern(regex->as_string());
    return Pattern::literal(value.at("String").as_string());
  }
  [[nodiscard]] Delimiter delimiter(std::string_view otherwise) const {
    const std::string name = word("behavior", otherwise);
    if (name == "Removed") return Delimiter::removed;
    if (name == "Isolated") return Delimiter::isolated;
    if (name == "MergedWithPrevious") return Delimiter::merged_with_previous;
    if (name == "MergedWithNext") return Delimiter::merged_with_next;
    if (name == "Contiguous") return Delimiter::contiguous;
    throw ConfigError(
        message(part_, ": behavior ", io::json::quote(name),
                " is not known, expected Removed, Isolated, MergedWithPrevious, MergedWithNext or "
                "Contiguous"));
  }
  /// The components of a sequence.
  [[nodiscard]] std::vector<Component> list(std::string_view key) const {
    std::vector<Component> out;
    for (const io::json::Value& value : at(key).as_array()) out.emplace_back(value, part_);
    return out;
  }
  [[noreturn]] void unknown(std::string_view known) const {
    throw ConfigError(
        message(part_, " ", io::json::quote(type()), " is not supported, expected one of ", known));
  }

 private:
  const io::json::Value* value_;
  std::string part_;
};

[[nodiscard]] inline Normalizer read_normalizer(const Component& from) {
  const std::string type = from.type();
  const auto form = [](NormalForm to) -> Normalizer {
    return [to](Aligned text) { return normal_form(std::move(text), to); };
  };
  if (type == "Sequence") {
    NormalizerSequence out;
    for (const Component& step : from.list("normalizers")) out.steps.push_back(read_normalizer(step));
    return out;
  }
  if (type == "BertNormalizer") {
    const bool lower = from.flag("lowercase", true);
    return BertNormalizer{from.flag("clean_text", true), from.flag("handle_chinese_chars", true),
                          from.flag("strip_accents", lower), lower};
  }
  if (type == "NFC") return form(NormalForm::nfc);
  if (type == "NFD") return form(NormalForm::nfd);
  if (type == "NFKC") return form(NormalForm::nfkc);
  if (type == "NFKD") return form(NormalForm::nfkd);
  if (type == "Lowercase") return lower_case;
  if (type == "StripAccents") return strip_accents;
  if (type == "Strip") return Strip{from.flag("strip_left", true), from.flag("strip_right", true)};
  if (type == "Replace") return Replace{from.pattern(), from.word("content", "")};
  if (type == "Prepend") return Prepend{from.word("prepend", "")};
  from.unknown(
      "BertNormalizer, NFC, NFD, NFKC, NFKD, Lowercase, StripAccents, Strip, Replace, Prepend, Sequence");
}

[[nodiscard]] inline std::pair<Metaspace::Prefix, std::string> read_metaspace(const Component& from) {
  const std::string scheme =
      from.word("prepend_scheme", from.flag("add_prefix_space", true) ? "always" : "never");
  expects(scheme == "always" || scheme == "first" || scheme == "never", from.part(), ": prepend_scheme ",
          io::json::quote(scheme), " is not known, expected always, first or never");
  const std::string mark = from.word("replacement", "\xE2\x96\x81");
  expects(count_characters(mark) == 1, from.part(), ": replacement is ", io::json::quote(mark),
          ", expected one character");
  return {scheme == "always"  ? Metaspace::Prefix::always
          : scheme == "first" ? Metaspace::Prefix::first
                              : Metaspace::Prefix::never,
          mark};
}

[[nodiscard]] inline PreTokenizer read_pre_tokenizer(const Component& from) {
  const std::string type = from.type();
  if (type == "Sequence") {
    PreTokenizerSequence out;
    for (const Component& step : from.list("pretokenizers")) out.steps.push_back(read_pre_tokenizer(step));
    return out;
  }
  if (type == "BertPreTokenizer") return split_as_bert;
  if (type == "ByteLevel")
    return ByteLevel(from.flag("add_prefix_space", true), from.flag("use_regex", true));
  if (type == "Split") return Split{from.pattern(), from.delimiter("Isolated"), from.flag("invert", false)};
  if (type == "Whitespace") {  // \w+|[^\w\s]+, but with the \w of another library than a pattern's
    const std::string word = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control})";
    return Split{Pattern(message('[', word, "]+|[^", word, R"(\s]+)")), Delimiter::removed, true};
  }
  if (type == "WhitespaceSplit") return split_at_spaces;
  if (type == "Punctuation") return SplitPunctuation{from.delimiter("Isolated")};
  if (type == "Digits") return SplitDigits{from.flag("individual_digits", false)};
  if (type == "Metaspace") {
    const auto [prefix, mark] = read_metaspace(from);
    return Metaspace{mark, prefix, from.flag("split", true)};
  }
  from.unknown(
      "BertPreTokenizer, ByteLevel, Split, Whitespace, WhitespaceSplit, Punctuation, Digits, Metaspace, "
      "Sequence");
}

[[nodiscard]] inline Decoder read_decoder(const Component& from) {
  const std::string type = from.type();
  if (type == "Sequence") {
    DecoderSequence out;
    for (const Component& step : from.list("decoders")) out.steps.push_back(read_decoder(step));
    return out;
  }
  if (type == "WordPiece") return DecodeWordPiece{from.word("prefix", "##"), from.flag("cleanup", true)};
  if (type == "ByteLevel") return decode_byte_level;
  if (type == "ByteFallback") return decode_byte_fallback;
  if (type == "Fuse") return fuse;
  if (type == "Metaspace") {
    const auto [prefix, mark] = read_metaspace(from);
    return DecodeMetaspace{mark, prefix != Metaspace::Prefix::never};
  }
  if (type == "Replace") return DecodeReplace{from.pattern(), from.word("content", "")};
  if (type == "Strip") {
    const std::string content = from.word("content", " ");
    expects(count_characters(content) == 1, from.part(), ": content is ", io::json::quote(content),
            ", expected one character");
    return DecodeStrip{content, from.count("start", 0), from.count("stop", 0)};
  }
  if (type == "BPEDecoder") return DecodeSuffix{from.word("suffix", "</w>")};
  from.unknown("WordPiece, ByteLevel, ByteFallback, Fuse, Metaspace, Replace, Strip, BPEDecoder, Sequence");
}

[[nodiscard]] inline std::int32_t small_id(const io::json::Value& value) {
  const std::int64_t id = value.as_integer();
  expects(id >= 0 && id <= std::numeric_limits<std::int32_t>::max(), "token id ", id,
          " is out of range, expected one in [0, 2^31)");
  return static_cast<std::int32_t>(id);
}

/// One side of a template: its places, where a special token may be several.
[[nodiscard]] inline Template read_template(const Component& from, std::string_view key) {
  Template out;
  for (const io::json::Value& place : from.at(key).as_array()) {
    if (const auto* const sequence = place.find("Sequence")) {
      const std::string& name = sequence->at("id").as_string();
      expects(name == "A" || name == "B", from.part(), ": the template names the text ",
              io::json::quote(name), ", expected A or B");
      out.slots.push_back(
          {name == "A" ? Slot::Kind::first : Slot::Kind::second, 0, small_id(sequence->at("type_id"))});
      continue;
    }
    const io::json::Value& special = place.at("SpecialToken");
    for (const io::json::Value& id :
         from.at("special_tokens").at(special.at("id").as_string()).at("ids").as_array()) {
      out.slots.push_back({Slot::Kind::token, small_id(id), small_id(special.at("type_id"))});
    }
  }
  return out;
}

inline void read_post_processor(const Component& from, PipelineParts& parts) {
  const std::string type = from.type();
  const auto token = [&](std::string_view key) { return small_id(element(from.at(key), 1, 2, key)); };
  if (type == "Sequence") {
    for (const Component& step : from.list("processors")) read_post_processor(step, parts);
  } else if (type == "TemplateProcessing") {
    parts.around = {read_template(from, "single"), read_template(from, "pair")};
  } else if (type == "BertProcessing") {
    parts.around = bert_around(token("cls"), token("sep"));
  } else if (type == "RobertaProcessing") {
    parts.around = roberta_around(token("cls"), token("sep"));
    parts.spans = {from.flag("trim_offsets", true), from.flag("add_prefix_space", true)};
  } else if (type == "ByteLevel") {
    parts.spans = {from.flag("trim_offsets", true), from.flag("add_prefix_space", true)};
  } else {
    from.unknown("TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel, Sequence");
  }
}

[[nodiscard]] inline Vocabulary read_vocabulary(const io::json::Value& tokens) {
  Vocabulary out;
  for (const io::json::Member& member : tokens.as_object()) out.add(member.key, member.value.as_integer());
  return out;
}

[[nodiscard]] inline std::shared_ptr<const Model> read_model(const Component& from) {
  std::string type = from.type();
  if (type.empty()) type = from.find("merges") != nullptr ? "BPE" : "WordPiece";  // old files do not say
  if (type == "WordPiece") {
    return std::make_shared<WordPiece>(
        read_vocabulary(from.at("vocab")),
        WordPieceConfig{from.word("unk_token", "[UNK]"), from.word("continuing_subword_prefix", "##"),
                        from.count("max_input_chars_per_word", 100)});
  }
  if (type == "BPE") {
    expects(from.find("dropout") == nullptr || from.at("dropout").as_number() == 0,
            "model BPE: dropout makes tokens random, which is not supported, expected null");
    std::vector<std::pair<std::string, std::string>> merges;
    for (const io::json::Value& merge : from.at("merges").as_array()) {
      if (merge.is_array()) {
        constexpr std::string_view what = "model BPE: a merge";
        merges.emplace_back(element(merge, 0, 2, what).as_string(), element(merge, 1, 2, what).as_string());
        continue;
      }
      const std::string& both = merge.as_string();
      const std::size_t space = both.find(' ');
      expects(space != std::string::npos && both.find(' ', space + 1) == std::string::npos,
              "model BPE: merge ", merges.size(), " is ", io::json::quote(both),
              ", expected two tokens with a space between");
      merges.emplace_back(both.substr(0, space), both.substr(space + 1));
    }
    BpeConfig config;
    if (from.find("unk_token") != nullptr) config.unknown = from.word("unk_token", "");
    config.continuation = from.word("continuing_subword_prefix", "");
    config.end_of_word = from.word("end_of_word_suffix", "");
    config.fuse_unknown = from.flag("fuse_unk", false);
    config.byte_fallback = from.flag("byte_fallback", false);
    config.ignore_merges = from.flag("ignore_merges", false);
    return std::make_shared<Bpe>(read_vocabulary(from.at("vocab")), merges, std::move(config));
  }
  if (type == "Unigram") {
    Vocabulary vocabulary;
    std::vector<double> scores;
    for (const io::json::Value& piece : from.at("vocab").as_array()) {
      vocabulary.add(element(piece, 0, 2, "model Unigram: a token").as_string(),
                     static_cast<std::int64_t>(scores.size()));
      scores.push_back(element(piece, 1, 2, "model Unigram: a token").as_number());
    }
    UnigramConfig config;
    if (const auto* const unknown = from.find("unk_id")) config.unknown = small_id(*unknown);
    config.byte_fallback = from.flag("byte_fallback", false);
    return std::make_shared<Unigram>(std::move(vocabulary), std::move(scores), config);
  }
  from.unknown("WordPiece, BPE, Unigram");
}

[[nodiscard]] inline AddedToken read_added_token(const Component& from, std::int32_t id) {
  return {from.at("content").as_string(), id,
          from.flag("special", false),    from.flag("single_word", false),
          from.flag("lstrip", false),     from.flag("rstrip", false),
          from.flag("normalized", true)};
}

}  // namespace detail

/// The tokenizer a parsed tokenizer.json describes. Throws ConfigError or JsonError on what is not
/// understood: a component that is ignored would give other ids than the model was trained with.
///
/// Padding and truncation in the file are left to the tasks. The file does not say which token ends a text:
/// `load` looks for that beside it.
[[nodiscard]] inline PipelineParts tokenizer_parts(const io::json::Value& document) {
  const detail::Component from(document, "tokenizer.json");
  PipelineParts parts;
  const auto component = [&](const char* key) -> std::optional<detail::Component> {
    const auto* const found = from.find(key);
    if (found == nullptr) return std::nullopt;
    return detail::Component(*found, key);
  };
  if (const auto normalizer = component("normalizer"))
    parts.normalizer = detail::read_normalizer(*normalizer);
  if (const auto words = component("pre_tokenizer")) parts.pre_tokenizer = detail::read_pre_tokenizer(*words);
  if (const auto decoder = component("decoder")) parts.decoder = detail::read_decoder(*decoder);
  if (const auto post = component("post_processor")) detail::read_post_processor(*post, parts);
  parts.model = detail::read_model(detail::Component(from.at("model"), "model"));
  if (const auto* const added = from.find("added_tokens")) {
    for (const io::json::Value& value : added->as_array()) {
      const detail::Component token(value, "added_tokens");
      const std::int32_t id = detail::small_id(token.at("id"));
      const auto known = parts.model->vocabulary().id_of(token.at("content").as_string());
      parts.added.push_back(detail::read_added_token(token, known.value_or(id)));
    }
  }
  return parts;
}

/// The same from a file; errors name it.
[[nodiscard]] inline PipelineParts tokenizer_parts(const std::filesystem::path& file) {
  const io::json::Value document = io::json::read(file);
  try {
    return tokenizer_parts(document);
  } catch (const Error& error) {
    throw ConfigError(message("'", file.string(), "': ", error.what()));
  }
}

}  // namespace lorica::text
