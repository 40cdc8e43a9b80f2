// SPDX-License-Identifier: MIT
/// @file lorica/nn/sampling.hpp
/// Which token comes next, given the logits of all: the likeliest, or one drawn from those that are likely.
#pragma once

#include <lorica/core/check.hpp>
#include <lorica/core/random.hpp>

#include <algorithm>
#include <limits>
#include <span>

namespace lorica::nn {

/// How a token is drawn: logits over the temperature, then the top_k largest, then the fewest that together
/// have the probability top_p. In the order of Hugging Face's transformers, and with its rules at the edges:
/// all that equal the top_k-th stay; of equals at the edge of top_p those with the lowest ids go first.
struct Sampling {
  double temperature = 0;  // 0: the likeliest, the first among equals
  index_t top_k = 0;       // 0: all
  double top_p = 1;        // 1: all
  Seed seed = 0;

  void validate() const {
    expects(temperature >= 0 && temperature <= std::numeric_limits<double>::max(),
            "Sampling: the temperature is ", temperature, ", expected 0 or above, finite");
    expects(top_k >= 0, "Sampling: top_k is ", top_k, ", expected 0 or above");
    expects(top_p >= 0 && top_p <= 1, "Sampling: top_p is ", top_p, ", expected 0 to 1");
  }
};

/// A token that may come next.
struct Chance {
  std::int32_t token;
  double probability;
};

/// The first of the largest logits.
inline std::int32_t likeliest(std::span<const double> logits) {
  expects(!logits.empty(), "sampling: there are no logits");
  for (std::size_t i = 0; i < logits.size(); ++i)
    expects<NumericError>(logits[i] < std::numeric_limits<double>::infinity(),
                          "sampling: the logit of token ", i, " is ", logits[i], ", expected a number");
  const auto at = std::ranges::max_element(logits);
  expects<NumericError>(*at > -std::numeric_limits<double>::infinity(),
                        "sampling: every logit is -inf, expected a number");
  return static_cast<std::int32_t>(at - logits.begin());
}

/// The tokens that may come next, by id, and their probabilities, whose sum is 1.
inline std::vector<Chance> chances(const Sampling& s, std::span<const double> logits) {
  s.validate();
  const std::int32_t first = likeliest(logits);
  if (s.temperature == 0) return {{first, 1.0}};
  const double top = logits[static_cast<std::size_t>(first)];
  std::vector<double> score(logits.size());  // of the likeliest: 0
  std::ranges::transform(logits, score.begin(), [&](double z) { return (z - top) / s.temperature; });

  double least = -std::numeric_limits<double>::infinity();
  if (s.top_k > 0 && s.top_k < static_cast<index_t>(score.size())) {
    std::vector<double> largest = score;
    std::ranges::nth_element(largest, largest.begin() + (s.top_k - 1), std::greater<>());
    least = largest[static_cast<std::size_t>(s.top_k - 1)];
  }
  std::vector<Chance> kept;
  for (std::size_t i = 0; i < score.size(); ++i)
    if (score[i] >= least) kept.push_back({static_cast<std::int32_t>(i), std::exp(score[i])});
  const auto normalise = [&kept] {
    double total = 0;
    for (const Chance& c : kept) total += c.probability;
    for (Chance& c : kept) c.probability /= total;
  };
  normalise();
  if (s.top_p < 1) {
    // What the least likely have together goes as long as top_p remains; the likeliest stays.
    std::ranges::stable_sort(kept, {},
                             [&](const Chance& c) { return score[static_cast<std::size_t>(c.token)]; });
    double gone = 0;
    std::size_t n = 0;
    while (n + 1 < kept.size() && gone + kept[n].probability <= 1 - s.top_p) gone += kept[n++].probability;
    kept.erase(kept.begin(), kept.begin() + static_cast<std::ptrdiff_t>(n));
    std::ranges::sort(kept, {}, &Chance::token);
    normalise();
  }
  return kept;
}

/// The token after `step` others. A function of the seed, the step and the logits alone.
inline std::int32_t next_token(const Sampling& s, std::span<const double> logits, std::uint64_t step) {
  const auto likely = chances(s, logits);
  double left = Stream(s.seed, "sampling", "", step).uniform(0);
  for (const Chance& c : likely) {
    if (left < c.probability) return c.token;
    left -= c.probability;
  }
  // What rounding left over goes to the likeliest.
  return std::ranges::max_element(likely, {}, &Chance::probability)->token;
}

}  // namespace lorica::nn
