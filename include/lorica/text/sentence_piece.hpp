// SPDX-License-Identifier: MIT
/// @file lorica/text/sentence_piece.hpp
/// tokenizer.model and spm.model, read and run by the SentencePiece library.
#pragma once

#include <lorica/core/check.hpp>
#include <lorica/text/aligned.hpp>
#include <lorica/text/template.hpp>

#include <sentencepiece_processor.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lorica::text {

/// A SentencePiece model. What stands around a text follows from the model's own tokens: with [CLS] and [SEP]
/// it is BERT's convention (DeBERTa), otherwise Llama's, the token of the beginning before each text, if
/// there is one.
///
/// Copies are cheap and share the model.
class SentencePiece {
 public:
  explicit SentencePiece(const std::filesystem::path& file) {
    auto model = std::make_shared<sentencepiece::SentencePieceProcessor>();
    const auto status = model->Load(file.string());
    expects<FileError>(status.ok(), "'", file.string(), "' is no SentencePiece model: ", status.message());
    model_ = std::move(model);
    const auto cls = id_of("[CLS]"), sep = id_of("[SEP]");
    if (cls && sep) {
      around_ = bert_around(*cls, *sep);
      end_ = sep;
      return;
    }
    if (model_->bos_id() >= 0) around_ = begin_around(model_->bos_id());
    if (model_->eos_id() >= 0) end_ = model_->eos_id();
  }

  /// Bytes that are not UTF-8 are U+FFFD to the model. Names of control tokens in a text are text.
  [[nodiscard]] Encoding encode(std::string_view text) const {
    const Aligned aligned = align(text);
    const auto pieces = model_->EncodeAsImmutableProto(aligned.text);
    Encoding out;
    for (std::size_t i = 0; i < pieces.pieces_size(); ++i) {
      const auto piece = pieces.pieces(static_cast<int>(i));
      const std::size_t begin = piece.begin(), end = piece.end();
      // A mark the model put before the text, or a byte of a character already told, stands for nothing.
      const std::size_t at = begin < aligned.from.size() ? aligned.from[begin].begin : text.size();
      out.push(static_cast<std::int32_t>(piece.id()),
               end > begin ? aligned.source(begin, end) : Span{at, at});
    }
    return out;
  }
  /// Control tokens are nothing; so are ids outside the vocabulary.
  [[nodiscard]] std::string decode(std::span<const std::int32_t> ids) const {
    std::vector<int> known;
    for (const std::int32_t id : ids) {
      if (id >= 0 && id < size()) known.push_back(id);
    }
    std::string out;
    const auto status = model_->Decode(known, &out);
    expects(status.ok(), "SentencePiece cannot decode: ", status.message());
    return out;
  }
  [[nodiscard]] index_t size() const { return model_->GetPieceSize(); }
  [[nodiscard]] Encoding single(std::string_view text) const { return join(around_.one, encode(text)); }
  [[nodiscard]] Encoding pair(std::string_view first, std::string_view second) const {
    return join(around_.two, encode(first), encode(second));
  }
  [[nodiscard]] const Around& around() const { return around_; }
  [[nodiscard]] std::optional<std::int32_t> id_of(std::string_view token) const {
    const int id = model_->PieceToId(std::string(token));
    if (model_->IdToPiece(id) != token) return std::nullopt;  // the library says "unknown"
    return id;
  }
  [[nodiscard]] std::optional<std::int32_t> end_of_text() const { return end_; }

 private:
  std::shared_ptr<const sentencepiece::SentencePieceProcessor> model_;
  Around around_;
  std::optional<std::int32_t> end_;
};
static_assert(PretrainedTokenizer<SentencePiece>);

}  // namespace lorica::text
