// SPDX-License-Identifier: MIT
/// @file lorica/text/llama2c.hpp
/// The tokenizer files of llama2.c, such as tok512.bin: scored pieces, merged best score first.
#pragma once

#include <lorica/core/check.hpp>
#include <lorica/io/file.hpp>
#include <lorica/text/decoder.hpp>
#include <lorica/text/merges.hpp>
#include <lorica/text/template.hpp>
#include <lorica/text/vocabulary.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lorica::text {

/// Ids 0 to 2 are unknown, begin and end; 3 to 258 the bytes; then pieces. Copies are cheap.
///
/// A text that is not empty gets a space before it, which decoding takes away again: bytes, UTF-8 or not,
/// survive.
class Llama2c {
 public:
  static constexpr std::int32_t unknown = 0, begin = 1, end = 2, first_byte = 3;

  /// Reads int32 longest, then { float score, int32 length, bytes } until the file ends; little-endian.
  explicit Llama2c(const std::filesystem::path& file) {
    const io::MappedFile mapped(file);
    std::span<const std::byte> bytes = mapped.bytes();
    const auto take = [&](void* to, std::size_t count) {
      expects<FileError>(count <= bytes.size(), "'", file.string(), "' ends within token ", pieces_.size(),
                         ", expected a tokenizer of llama2.c");
      std::memcpy(to, bytes.data(), count);
      bytes = bytes.subspan(count);
    };
    std::vector<float> scores;
    std::int32_t longest = 0;
    take(&longest, sizeof longest);
    while (!bytes.empty()) {
      float score = 0;
      std::int32_t length = 0;
      take(&score, sizeof score);
      take(&length, sizeof length);
      expects<FileError>(length >= 0 && length <= longest && std::isfinite(score), "'", file.string(),
                         "', token ", pieces_.size(), " has ", length, " bytes and score ", score,
                         ", expected 0 to ", longest, " bytes and a finite score");
      std::string piece(static_cast<std::size_t>(length), '\0');
      take(piece.data(), piece.size());
      ids_.try_emplace(piece, static_cast<std::int32_t>(pieces_.size()));
      pieces_.push_back(std::move(piece));
      scores.push_back(score);
    }
    expects<FileError>(pieces_.size() >= first_byte + 256, "'", file.string(), "' has ", pieces_.size(),
                       " tokens, expected at least 259: three special ones and the bytes");
    learn_merges(scores);
  }

  [[nodiscard]] Encoding encode(std::string_view text) const {
    std::vector<Part> parts;
    if (text.empty()) return {};
    const auto space = id_of(" ");
    if (space) parts.push_back({*space, 0, 0});
    for (std::size_t at = 0; at < text.size();) {
      std::size_t stop = at + 1;  // a byte and up to three that continue it
      while (stop < text.size() && stop < at + 4 && (static_cast<unsigned char>(text[stop]) & 0xC0) == 0x80)
        ++stop;
      if (const auto id = id_of(text.substr(at, stop - at))) {
        parts.push_back({*id, at, stop});
      } else {
        for (std::size_t i = at; i < stop; ++i) {
          parts.push_back({static_cast<unsigned char>(text[i]) + first_byte, i, i + 1});
        }
      }
      at = stop;
    }
    merges_.apply(parts);
    Encoding out;
    for (const Part& part : parts) out.push(part.id, {part.begin, part.end});
    return out;
  }

  /// The special tokens are nothing, and so are ids outside the vocabulary; one leading space goes.
  [[nodiscard]] std::string decode(std::span<const std::int32_t> ids) const {
    std::string out;
    bool at_start = true;
    for (const std::int32_t id : ids) {
      if (id < first_byte || id >= size()) continue;
      const std::string piece =
          id < first_byte + 256
              ? std::string(1, static_cast<char>(static_cast<unsigned char>(id - first_byte)))
              : pieces_[static_cast<std::size_t>(id)];
      out += at_start && piece.starts_with(' ') ? piece.substr(1) : piece;
      at_start = false;
    }
    return out;
  }

  [[nodiscard]] index_t size() const { return static_cast<index_t>(pieces_.size()); }
  [[nodiscard]] Encoding single(std::string_view text) const { return join(around_.one, encode(text)); }
  [[nodiscard]] Encoding pair(std::string_view first, std::string_view second) const {
    return join(around_.two, encode(first), encode(second));
  }
  [[nodiscard]] const Around& around() const { return around_; }
  [[nodiscard]] std::optional<std::int32_t> id_of(std::string_view token) const {
    const auto found = ids_.find(token);
    if (found == ids_.end()) return std::nullopt;
    return found->second;
  }
  [[nodiscard]] std::optional<std::int32_t> end_of_text() const { return end; }

 private:
  /// Two pieces merge when together they are a piece; the better its score, the sooner.
  void learn_merges(const std::vector<float>& scores) {
    std::vector<float> distinct = scores;
    std::ranges::sort(distinct, std::greater<>{});
    distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
    for (std::size_t id = 0; id < pieces_.size(); ++id) {
      const std::string& piece = pieces_[id];
      if (id_of(piece) != static_cast<std::int32_t>(id)) continue;
      const auto rank = std::ranges::lower_bound(distinct, scores[id], std::greater<>{}) - distinct.begin();
      for (std::size_t cut = 1; cut < piece.size(); ++cut) {
        const auto left = id_of(std::string_view(piece).substr(0, cut));
        const auto right = id_of(std::string_view(piece).substr(cut));
        if (left && right)
          merges_.add(*left, *right, {static_cast<std::int32_t>(rank), static_cast<std::int32_t>(id)});
      }
    }
  }

  std::vector<std::string> pieces_;
  std::map<std::string, std::int32_t, std::less<>> ids_;
  Merges merges_;
  Around around_ = begin_around(begin);
};
static_assert(PretrainedTokenizer<Llama2c>);

}  // namespace lorica::text
