// SPDX-License-Identifier: MIT
/// @file lorica/text/unigram.hpp
/// Unigram: of all ways to cut a word into tokens, the most probable.
#pragma once

#include <lorica/text/aligned.hpp>
#include <lorica/text/bpe.hpp>
#include <lorica/text/model.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace lorica::text {

struct UnigramConfig {
  std::optional<std::int32_t> unknown = {};
  bool byte_fallback =
      false;  ///< what is unknown is spelled in tokens <0x00> ... <0xFF>, where all are there
};

class Unigram : public Model {
 public:
  /// scores[id] is the logarithm of the token's probability.
  Unigram(Vocabulary vocabulary, std::vector<double> scores, UnigramConfig config)
      : Model(std::move(vocabulary)), scores_(std::move(scores)), config_(config) {
    const auto size = this->vocabulary().size();
    expects(scores_.size() == size && size > 0, "Unigram: ", scores_.size(), " scores for ", size, " tokens");
    expects(!config_.unknown || this->vocabulary().token(*config_.unknown) != nullptr, "Unigram: unk_id ",
            config_.unknown.value_or(-1), " is not one of the ", size, " tokens");
    worst_ = std::ranges::min(scores_) - 10;  // what a character without a token costs
  }

  /// Neighbours that are unknown are one unknown token. Throws ConfigError on what is unknown when the model
  /// has no token for that.
  void cut(std::string_view word, std::vector<Part>& out) const override {
    struct Node {
      double score = 0;
      std::size_t begin = none;
      std::int32_t id = -1;  // -1: unknown
    };
    std::vector<Node> best(word.size() + 1);
    for_each_character(word, [&](const Character& c) {
      const double so_far = best[c.begin].score;
      const auto offer = [&](std::size_t end, double score, std::int32_t id) {
        if (best[end].begin == none || score > best[end].score) best[end] = {score, c.begin, id};
      };
      bool alone = false;
      const std::size_t furthest = std::min(word.size(), c.begin + vocabulary().longest());
      for (std::size_t end = c.end; end <= furthest; end = next(word, end)) {
        const auto id = vocabulary().id_of(word.substr(c.begin, end - c.begin));
        if (id) offer(end, so_far + scores_[static_cast<std::size_t>(*id)], *id);
        alone = alone || (id && end == c.end);
      }
      if (!alone) offer(c.end, so_far + worst_, -1);
    });
    std::vector<Part> reversed;
    for (std::size_t end = word.size(); end > 0; end = best[end].begin) {
      const Node& node = best[end];
      const bool unknown = node.id < 0 || (config_.unknown && node.id == *config_.unknown);
      if (unknown && !reversed.empty() && reversed.back().id < 0)
        reversed.back().begin = node.begin;
      else
        reversed.push_back({unknown ? -1 : node.id, node.begin, end});
    }
    for (auto part = reversed.rbegin(); part != reversed.rend(); ++part) {
      if (part->id >= 0)
        out.push_back(*part);
      else
        push_unknown(word, *part, out);
    }
  }

 private:
  static constexpr std::size_t none = std::numeric_limits<std::size_t>::max();

  [[nodiscard]] static std::size_t next(std::string_view word, std::size_t end) {
    return end < word.size() ? character(word, end).end : end + 1;
  }
  void push_unknown(std::string_view word, const Part& part, std::vector<Part>& out) const {
    const std::string_view bytes = word.substr(part.begin, part.end - part.begin);
    const std::size_t before = out.size();
    for (const char c : config_.byte_fallback ? bytes : std::string_view{}) {
      const auto id = vocabulary().id_of(byte_token(static_cast<unsigned char>(c)));
      if (!id) {
        out.resize(before);
        break;
      }
      out.push_back({*id, part.begin, part.end});
    }
    if (out.size() > before) return;
    expects(config_.unknown.has_value(), "Unigram: ", io::json::quote(bytes),
            " is in no token, and the model has no unknown token");
    out.push_back({*config_.unknown, part.begin, part.end});
  }

  std::vector<double> scores_;
  UnigramConfig config_;
  double worst_ = 0;
};

}  // namespace lorica::text
