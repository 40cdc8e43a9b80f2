// SPDX-License-Identifier: MIT
/// @file lorica/tasks/metrics/likelihood.hpp
/// A loss in nats, said as perplexity or as bits a byte.
#pragma once

#include <lorica/core/check.hpp>

#include <cmath>
#include <numbers>

namespace lorica::tasks {

/// e to the mean loss of a token. Infinite beyond 709 nats. Comparable between models of one tokenizer only.
[[nodiscard]] inline double perplexity(double nats_per_token) { return std::exp(nats_per_token); }

/// The loss summed over all tokens, in bits, for each byte of the text they spell; it compares models of
/// different tokenizers.
[[nodiscard]] inline double bits_per_byte(double nats, index_t bytes) {
  expects(bytes > 0, "bits per byte: a text of ", bytes, " bytes, expected at least 1");
  return nats / std::numbers::ln2 / static_cast<double>(bytes);
}

}  // namespace lorica::tasks
