// SPDX-License-Identifier: MIT
/// @file lorica/text/load.hpp
/// The tokenizer of a model folder, whichever files it has.
#pragma once

#include <lorica/text/any.hpp>
#include <lorica/text/llama2c.hpp>
#include <lorica/text/vocabulary_files.hpp>
#if defined(LORICA_SENTENCEPIECE)
#  include <lorica/text/sentence_piece.hpp>
#endif

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lorica::text {

namespace detail {

/// Which token ends a text, by tokenizer_config.json or special_tokens_map.json, or else by its usual names.
inline void find_end_of_text(const std::filesystem::path& folder, const io::json::Value& config,
                             PipelineParts& parts) {
  if (parts.end_of_text) return;
  std::vector<std::string> names;
  if (const auto name = special_name(config, "eos_token")) names.push_back(*name);
  const std::filesystem::path map = folder / "special_tokens_map.json";
  if (std::filesystem::exists(map)) {
    if (const auto name = special_name(io::json::read(map), "eos_token")) names.push_back(*name);
  }
  for (const char* usual : {"<|end_of_text|>", "<|endoftext|>", "</s>", "[SEP]"}) names.emplace_back(usual);
  for (const std::string& name : names) {
    const auto added = std::ranges::find(parts.added, name, &AddedToken::content);
    parts.end_of_text =
        added != parts.added.end() ? std::optional(added->id) : parts.model->vocabulary().id_of(name);
    if (parts.end_of_text) return;
  }
}

[[nodiscard]] inline AnyTokenizer load_sentence_piece(const std::filesystem::path& file) {
#if defined(LORICA_SENTENCEPIECE)
  return SentencePiece(file);
#else
  throw ConfigError(message("'", file.string(),
                            "' needs the SentencePiece library, which this program was built without "
                            "(libsentencepiece-dev)"));
#endif
}

/// The file names of a folder that end so, in order.
[[nodiscard]] inline std::vector<std::filesystem::path> files_ending(const std::filesystem::path& folder,
                                                                     std::string_view ending) {
  std::vector<std::filesystem::path> out;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.is_regular_file() && entry.path().filename().string().ends_with(ending))
      out.push_back(entry.path());
  }
  std::ranges::sort(out);
  return out;
}

}  // namespace detail

/// Reads the first there is: tokenizer.json; vocab.json with merges.txt; vocab.txt (or the only *vocab.txt);
/// tokenizer.model or spm.model; llama2.c's only tok*.bin. Throws FileError when there is none.
[[nodiscard]] inline AnyTokenizer load(const std::filesystem::path& folder) {
  namespace fs = std::filesystem;
  expects<FileError>(fs::is_directory(folder), "no tokenizer: '", folder.string(),
                     "' is not a folder, expected a model's folder");
  const io::json::Value config = detail::tokenizer_config(folder);
  const auto finished = [&](PipelineParts parts) {
    detail::find_end_of_text(folder, config, parts);
    return Pipeline(std::move(parts));
  };
  if (fs::exists(folder / "tokenizer.json")) return finished(tokenizer_parts(folder / "tokenizer.json"));
  const bool vocabulary = fs::exists(folder / "vocab.json"), merges = fs::exists(folder / "merges.txt");
  expects<FileError>(vocabulary == merges, "no tokenizer: '", folder.string(), "' has ",
                     vocabulary ? "vocab.json without merges.txt" : "merges.txt without vocab.json",
                     ", expected both");
  if (vocabulary) return finished(byte_level_parts(folder, config));
  const auto bert = [&](const fs::path& list) {
    PipelineParts parts = bert_parts(list, config);
    detail::read_added(folder, config, parts);
    return finished(std::move(parts));
  };
  if (fs::exists(folder / "vocab.txt")) return bert(folder / "vocab.txt");
  if (const auto lists = detail::files_ending(folder, "vocab.txt"); lists.size() == 1) return bert(lists[0]);
  for (const char* const name : {"tokenizer.model", "spm.model"}) {
    if (fs::exists(folder / name)) return detail::load_sentence_piece(folder / name);
  }
  auto binaries = detail::files_ending(folder, ".bin");
  std::erase_if(binaries, [](const fs::path& file) { return !file.filename().string().starts_with("tok"); });
  if (binaries.size() == 1) return Llama2c(binaries[0]);
  throw FileError(
      message("no tokenizer in '", folder.string(),
              "': looked for tokenizer.json, vocab.json with merges.txt, vocab.txt, tokenizer.model "
              "or spm.model, llama2.c's tok*.bin"));
}

}  // namespace lorica::text
