// SPDX-License-Identifier: MIT
/// @file lorica/text/vocabulary_files.hpp
/// Reads the folders from before tokenizer.json: vocab.txt (BERT), vocab.json and merges.txt (GPT-2, RoBERTa,
/// Qwen2); tokenizer_config.json beside them says what is special.
#pragma once

#include <lorica/text/tokenizer_json.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lorica::text {

namespace detail {

/// Calls f(line, number from 0) on the lines of a text, without their ends; nothing follows the last end.
template <class F> void for_each_line(std::string_view text, F&& f) {
  for (std::size_t begin = 0, number = 0; begin < text.size(); ++number) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = text.substr(begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    f(line, number);
    begin = end + 1;
  }
}

/// tokenizer_config.json, or an empty object where there is none.
[[nodiscard]] inline io::json::Value tokenizer_config(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / "tokenizer_config.json";
  return std::filesystem::exists(file) ? io::json::read(file) : io::json::Value(io::json::Object{});
}

/// A special token's name: the configuration has it as text, or as an object with its content.
[[nodiscard]] inline std::optional<std::string> special_name(const io::json::Value& config,
                                                             std::string_view key) {
  const auto* const value = config.find(key);
  if (value == nullptr || value->is_null()) return std::nullopt;
  return value->is_object() ? value->at("content").as_string() : value->as_string();
}

/// The tokens of added_tokens_decoder (id to token) and of added_tokens.json (token to id).
inline void read_added(const std::filesystem::path& folder, const io::json::Value& config,
                       PipelineParts& parts) {
  const auto is_there = [&](std::int32_t id) {
    return std::ranges::find(parts.added, id, &AddedToken::id) != parts.added.end();
  };
  const Component from(config, "tokenizer_config.json");
  if (const auto* const added = from.find("added_tokens_decoder")) {
    for (const io::json::Member& member : added->as_object()) {
      std::int32_t id = -1;
      const char* const end = member.key.data() + member.key.size();
      const bool number = std::from_chars(member.key.data(), end, id).ptr == end && id >= 0;
      expects(number, "added_tokens_decoder has the key ", io::json::quote(member.key),
              ", expected a token's id");
      if (!is_there(id))
        parts.added.push_back(read_added_token(Component(member.value, "added_tokens_decoder"), id));
    }
  }
  const std::filesystem::path file = folder / "added_tokens.json";
  if (!std::filesystem::exists(file)) return;
  const io::json::Value tokens = io::json::read(file);
  for (const io::json::Member& member : tokens.as_object()) {
    const std::int32_t id = small_id(member.value);
    if (!is_there(id)) parts.added.push_back({.content = member.key, .id = id, .special = false});
  }
}

/// The ids of special tokens, each by its configured name or the usual one; they become added tokens.
inline std::int32_t add_special(PipelineParts& parts, const io::json::Value& config, std::string_view key,
                                std::string_view usual, bool left_strip = false) {
  const std::string name = special_name(config, key).value_or(std::string(usual));
  const auto id = parts.model->vocabulary().id_of(name);
  if (!id) return -1;
  parts.added.push_back({.content = name, .id = *id, .left_strip = left_strip});
  return *id;
}

}  // namespace detail

/// BERT from its list of tokens, one a line. `config` is tokenizer_config.json's object: do_lower_case
/// (true), strip_accents (as do_lower_case), tokenize_chinese_chars (true) and the names of the special
/// tokens are read.
[[nodiscard]] inline PipelineParts bert_parts(const std::filesystem::path& vocabulary_file,
                                              const io::json::Value& config = io::json::Object{}) {
  const detail::Component from(config, "tokenizer_config.json");
  Vocabulary vocabulary;
  detail::for_each_line(io::read_text(vocabulary_file), [&](std::string_view line, std::size_t number) {
    expects<FileError>(io::valid_utf8(line), "'", vocabulary_file.string(), "', line ", number + 1,
                       " is not UTF-8");
    vocabulary.add(line, static_cast<std::int64_t>(number));
  });
  PipelineParts parts;
  WordPieceConfig model;
  model.unknown = detail::special_name(config, "unk_token").value_or(model.unknown);
  parts.model = std::make_shared<WordPiece>(std::move(vocabulary), std::move(model));
  const bool lower = from.flag("do_lower_case", true);
  parts.normalizer = BertNormalizer{true, from.flag("tokenize_chinese_chars", true),
                                    from.flag("strip_accents", lower), lower};
  parts.pre_tokenizer = split_as_bert;
  parts.decoder = DecodeWordPiece{};
  detail::add_special(parts, config, "pad_token", "[PAD]");
  detail::add_special(parts, config, "unk_token", "[UNK]");
  const std::int32_t cls = detail::add_special(parts, config, "cls_token", "[CLS]");
  const std::int32_t sep = detail::add_special(parts, config, "sep_token", "[SEP]");
  detail::add_special(parts, config, "mask_token", "[MASK]");
  expects<FileError>(cls >= 0 && sep >= 0, "'", vocabulary_file.string(), "' has no ",
                     cls < 0 ? "[CLS]" : "[SEP]", ", expected the vocabulary of a BERT");
  parts.around = bert_around(cls, sep);
  parts.end_of_text = sep;
  return parts;
}

/// A byte-level model from vocab.json and merges.txt. `config` says by tokenizer_class which of GPT-2 (also
/// without one), RoBERTa and Qwen2 it is.
[[nodiscard]] inline PipelineParts byte_level_parts(const std::filesystem::path& folder,
                                                    const io::json::Value& config = io::json::Object{}) {
  const detail::Component from(config, "tokenizer_config.json");
  std::string family = from.word("tokenizer_class", "GPT2Tokenizer");
  if (family.ends_with("Fast")) family.resize(family.size() - 4);
  const bool roberta = family == "RobertaTokenizer", qwen = family == "Qwen2Tokenizer";
  expects(roberta || qwen || family == "GPT2Tokenizer", "tokenizer_config.json: tokenizer_class ",
          io::json::quote(family),
          " cannot be read from vocab.json and merges.txt, expected GPT2Tokenizer, "
          "RobertaTokenizer, Qwen2Tokenizer, or a tokenizer.json");
  std::vector<std::pair<std::string, std::string>> merges;
  const std::filesystem::path file = folder / "merges.txt";
  detail::for_each_line(io::read_text(file), [&](std::string_view line, std::size_t number) {
    if (line.empty() || line.starts_with("#version")) return;
    const std::size_t space = line.find(' ');
    expects<FileError>(space != std::string_view::npos && line.find(' ', space + 1) == std::string_view::npos,
                       "'", file.string(), "', line ", number + 1, " is ", io::json::quote(line),
                       ", expected two tokens with a space between");
    merges.emplace_back(line.substr(0, space), line.substr(space + 1));
  });
  PipelineParts parts;
  parts.model = std::make_shared<Bpe>(detail::read_vocabulary(io::json::read(folder / "vocab.json")), merges,
                                      BpeConfig{});
  const bool prefix = from.flag("add_prefix_space", false);
  if (qwen) {
    parts.normalizer = [](Aligned text) { return normal_form(std::move(text), NormalForm::nfc); };
    parts.pre_tokenizer =
        PreTokenizerSequence{{Split{Pattern(detail::qwen2_words)}, ByteLevel(prefix, false)}};
  } else {
    parts.pre_tokenizer = ByteLevel(prefix);
  }
  parts.decoder = decode_byte_level;
  parts.spans = {roberta, roberta && prefix};
  detail::read_added(folder, config, parts);
  if (roberta) {
    const std::int32_t cls = detail::add_special(parts, config, "cls_token", "<s>");
    detail::add_special(parts, config, "pad_token", "<pad>");
    const std::int32_t sep = detail::add_special(parts, config, "sep_token", "</s>");
    detail::add_special(parts, config, "unk_token", "<unk>");
    detail::add_special(parts, config, "mask_token", "<mask>", true);
    expects<FileError>(cls >= 0 && sep >= 0, "'", (folder / "vocab.json").string(), "' has no ",
                       cls < 0 ? "<s>" : "</s>", ", expected the vocabulary of a RoBERTa");
    parts.around = roberta_around(cls, sep);
    parts.end_of_text = sep;
  } else {
    const std::int32_t end = detail::add_special(parts, config, "eos_token", "<|endoftext|>");
    if (end >= 0) parts.end_of_text = end;
  }
  return parts;
}

}  // namespace lorica::text
