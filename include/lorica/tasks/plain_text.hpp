// SPDX-License-Identifier: MIT
/// @file lorica/tasks/plain_text.hpp
/// A text file as windows of tokens.
#pragma once

#include <lorica/io/file.hpp>
#include <lorica/text/encoding.hpp>
#include <lorica/train/data.hpp>

#include <filesystem>
#include <string>
#include <string_view>

namespace lorica::tasks {

struct PlainText {
  train::Windows windows;
  index_t tokens = 0;  // of the whole text
  index_t bytes = 0;

  /// With a mean loss in nats a token: bits a byte = nats / ln 2 / this, were all of the text as hard.
  [[nodiscard]] double bytes_per_token() const {
    return static_cast<double>(bytes) / static_cast<double>(tokens);
  }
};

/// The whole file, tokenized in one piece. Throws ConfigError where it is too short for one window.
template <text::Tokenizer T>
[[nodiscard]] PlainText plain_text(const T& tokenizer, const std::filesystem::path& path,
                                   const train::Windows::config& config) {
  const std::string text = io::read_text(path);
  std::vector<std::int32_t> ids = tokenizer.encode(text).ids;
  const auto tokens = static_cast<index_t>(ids.size());
  try {
    return {train::Windows(std::move(ids), config), tokens, static_cast<index_t>(text.size())};
  } catch (const ConfigError& error) {
    throw ConfigError(message('\'', path.string(), "': ", error.what()));
  }
}

}  // namespace lorica::tasks
