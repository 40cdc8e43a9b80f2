// SPDX-License-Identifier: MIT
/// @file lorica/io/llama2c.hpp
/// The model files of llama2.c (version 0), such as stories260K.bin: a small Llama in one file.
#pragma once

#include <lorica/io/file.hpp>
#include <lorica/nn/models/llama.hpp>

#include <array>
#include <cstring>
#include <map>

namespace lorica::io {

namespace detail {
/// Seven int32 (width, hidden, layers, heads, kv heads, vocabulary, negative where the head is its own,
/// positions), then floats: the embedding, the gains before attention, q, k, v, o, the gains before the
/// feed-forward, gate, down, up, the last gain, two tables of angles that are not read, the head.
class Llama2cFile {
 public:
  explicit Llama2cFile(const std::filesystem::path& path) : path_(path), file_(path) {
    std::array<std::int32_t, 7> h{};
    expects<FileError>(file_.bytes().size() >= sizeof h, "'", path.string(), "' has ", file_.bytes().size(),
                       " bytes, expected a model of llama2.c, which begins with 28");
    std::memcpy(h.data(), file_.bytes().data(), sizeof h);
    const bool sane = h[0] > 0 && h[1] > 0 && h[2] > 0 && h[3] > 0 && h[4] > 0 && h[5] != 0 && h[6] > 0 &&
                      h[0] % h[3] == 0 && h[3] % h[4] == 0;
    expects<FileError>(sane, "'", path.string(), "' is no model of llama2.c: it says width ", h[0],
                       ", hidden ", h[1], ", layers ", h[2], ", heads ", h[3], ", kv heads ", h[4],
                       ", vocabulary ", h[5], ", positions ", h[6]);
    config_ = {
        .vocabulary = std::abs(h[5]), .width = h[0], .layers = h[2], .positions = h[6], .tied = h[5] > 0};
    config_.block.norm.eps = 1e-5;
    config_.block.attention.heads = h[3];
    config_.block.attention.kv_heads = h[4];
    config_.block.feed_forward.hidden = h[1];
    lay_out();
  }
  [[nodiscard]] const nn::DecoderConfig& config() const { return config_; }

  /// The numbers of a weight. Pairs of a head are turned together as (2j, 2j + 1) there and as
  /// (j, j + dim / 2) here: rows of q and k change places.
  [[nodiscard]] std::vector<float> read(const std::string& name, Shape shape) const {
    const auto dot = name.find('.', 7);
    const bool layered = name.starts_with("blocks.");
    const std::string part = layered ? name.substr(dot + 1) : name;
    const index_t layer = layered ? std::stoll(name.substr(7, dot - 7)) : 0;
    const index_t size = shape.rows * shape.cols;
    std::vector<float> out(static_cast<std::size_t>(size));
    std::memcpy(out.data(), file_.bytes().data() + 28 + 4 * (start_.at(part) + layer * size), out.size() * 4);
    if (part != "q.weight" && part != "k.weight") return out;
    const index_t dim = config_.width / config_.block.attention.heads, half = dim / 2;
    std::vector<float> turned(out.size());
    for (index_t row = 0; row < shape.rows; ++row) {
      const index_t j = row % dim, from = row - j + (j < half ? 2 * j : 2 * (j - half) + 1);
      std::copy_n(out.begin() + from * shape.cols, shape.cols, turned.begin() + row * shape.cols);
    }
    return turned;
  }

 private:
  void lay_out() {
    const auto& c = config_;
    const index_t d = c.width, dim = d / c.block.attention.heads, kv = c.block.attention.kv_heads * dim,
                  hidden = c.block.feed_forward.hidden;
    index_t at = 0;
    const auto put = [&](const char* part, index_t size) {
      start_[part] = at;
      at += size;
    };
    put("embedding.weight", c.vocabulary * d);
    put("norm_1.weight", c.layers * d);
    put("q.weight", c.layers * d * d);
    put("k.weight", c.layers * kv * d);
    put("v.weight", c.layers * kv * d);
    put("o.weight", c.layers * d * d);
    put("norm_2.weight", c.layers * d);
    put("gate.weight", c.layers * hidden * d);
    put("down.weight", c.layers * hidden * d);
    put("up.weight", c.layers * hidden * d);
    put("final_norm.weight", d);
    put("angles", c.positions * dim);
    if (!c.tied) put("head.weight", c.vocabulary * d);
    const auto needed = static_cast<std::size_t>(28 + 4 * at);
    expects<FileError>(file_.bytes().size() == needed, "'", path_.string(), "' has ", file_.bytes().size(),
                       " bytes, expected ", needed, " for the sizes it begins with");
  }

  std::filesystem::path path_;
  MappedFile file_;
  nn::DecoderConfig config_;
  std::map<std::string, index_t> start_;  // in floats, from the end of the header
};
}  // namespace detail

/// A model of llama2.c; its tokenizer is text::Llama2c.
template <Backend B> nn::Decoder<B> load_llama2c(B& b, const std::filesystem::path& file) {
  const auto read = std::make_shared<const detail::Llama2cFile>(file);
  return nn::Decoder<B>(b, read->config(), [read](const std::string& name, Shape s) -> nn::Numbers {
    return read->read(name, s);
  });
}

}  // namespace lorica::io
