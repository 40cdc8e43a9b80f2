// SPDX-License-Identifier: MIT
/// @file tests/nn/sampling.test.cpp
/// What may be drawn against transformers (oracle/sampling.json), and how often it is.
#include <lorica/nn/sampling.hpp>

#include <lorica/io/json.hpp>

#include "support/catch.hpp"

#include <cmath>
#include <filesystem>
#include <limits>

using namespace lorica;
using Ids = std::vector<std::int32_t>;

namespace {
std::vector<double> numbers(const io::json::Value& list) {
  std::vector<double> out;
  for (const auto& x : list.as_array()) out.push_back(x.as_number());
  return out;
}
/// How often each token came among n.
std::vector<double> counts(const nn::Sampling& s, const std::vector<double>& logits, std::uint64_t n) {
  std::vector<double> c(logits.size());
  for (std::uint64_t i = 0; i < n; ++i) c[static_cast<std::size_t>(nn::next_token(s, logits, i))] += 1;
  return c;
}
}  // namespace

TEST_CASE("the tokens that may come next and their probabilities are those of transformers",
          "[nn][sampling]") {
  const auto oracle = io::json::read(std::filesystem::path(LORICA_TESTS_DIR) / "oracle/sampling.json");
  std::size_t cases = 0;
  for (const auto& c : oracle.at("cases").as_array()) {
    const auto logits = numbers(oracle.at("rows").at(c.at("row").as_string()));
    const nn::Sampling s{.temperature = c.at("temperature").as_number(),
                         .top_k = c.at("top_k").as_integer(),
                         .top_p = c.at("top_p").as_number()};
    CAPTURE(c.at("row").as_string(), s.temperature, s.top_k, s.top_p);
    Ids tokens;
    std::vector<double> got;
    for (const auto& chance : nn::chances(s, logits)) {
      tokens.push_back(chance.token);
      got.push_back(chance.probability);
    }
    Ids wanted;
    for (const double t : numbers(c.at("tokens"))) wanted.push_back(static_cast<std::int32_t>(t));
    const auto want = numbers(c.at("probabilities"));
    REQUIRE(tokens == wanted);
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i] == Approx(want[i]).epsilon(1e-12));
    ++cases;
  }
  CHECK(cases == 77);
}

TEST_CASE("tokens come as often as they are likely", "[nn][sampling]") {
  const std::vector<double> logits = {0.3, -1.2, 2.0, 0.9, -0.4, 1.1, 0.0, -2.5};
  const std::uint64_t n = 20000;
  for (const nn::Sampling& s :
       {nn::Sampling{.temperature = 1, .seed = 3}, nn::Sampling{.temperature = 2.5, .seed = 4},
        nn::Sampling{.temperature = 0.7, .top_k = 5, .top_p = 0.9, .seed = 5}}) {
    const auto likely = nn::chances(s, logits);
    const auto seen = counts(s, logits, n);
    double total = 0, square = 0;
    for (const auto& [token, p] : likely) {
      const double want = p * double(n), difference = seen[static_cast<std::size_t>(token)] - want;
      square += difference * difference / want;
      total += seen[static_cast<std::size_t>(token)];
    }
    CHECK(total == double(n));  // nothing else came
    // Chi square of at most 7 degrees of freedom is above 24.3 once in a thousand.
    CAPTURE(s.temperature, square);
    CHECK(square < 24.3);
    CHECK(square > 0.05);
  }
}

TEST_CASE("a token is a function of seed and step", "[nn][sampling]") {
  const std::vector<double> logits(50, 0.0);
  const auto some = [&](Seed seed, std::uint64_t first) {
    Ids out;
    for (std::uint64_t i = first; i < first + 12; ++i)
      out.push_back(nn::next_token({.temperature = 1, .seed = seed}, logits, i));
    return out;
  };
  CHECK(some(1, 0) == some(1, 0));
  CHECK(some(1, 0) != some(2, 0));
  CHECK(some(1, 0) != some(1, 12));
}

TEST_CASE("without a temperature the first of the likeliest comes", "[nn][sampling]") {
  const std::vector<double> logits = {1, 3, 2, 3};
  for (const Seed seed : {0, 1, 2}) CHECK(nn::next_token({.seed = seed}, logits, seed) == 1);
  CHECK(nn::next_token({.top_k = 3, .top_p = 0.2}, logits, 0) == 1);
  // As the temperature falls, only the likeliest are left.
  CHECK(nn::chances({.temperature = 1e-300}, logits).front().probability == 0);
  CHECK(nn::chances({.temperature = 1e-300}, logits)[1].probability == 0.5);
  const double none = -std::numeric_limits<double>::infinity();
  CHECK(nn::chances({.temperature = 1}, std::vector<double>{none, 0, none})[1].probability == 1);
}

TEST_CASE("settings and logits that cannot be are errors", "[nn][sampling]") {
  const auto error = [](const nn::Sampling& s, const std::vector<double>& logits) {
    return test::error_of<Error>([&] { (void)nn::next_token(s, logits, 0); });
  };
  const double nan = std::numeric_limits<double>::quiet_NaN(),
               infinite = std::numeric_limits<double>::infinity();
  CHECK(error({}, {1}) == "no error");
  CHECK(error({.temperature = -1}, {1}) == "Sampling: the temperature is -1, expected 0 or above, finite");
  CHECK(error({.temperature = nan}, {1}) == "Sampling: the temperature is nan, expected 0 or above, finite");
  CHECK(error({.temperature = infinite}, {1}) ==
        "Sampling: the temperature is inf, expected 0 or above, finite");
  CHECK(error({.top_k = -2}, {1}) == "Sampling: top_k is -2, expected 0 or above");
  CHECK(error({.top_p = 1.5}, {1}) == "Sampling: top_p is 1.5, expected 0 to 1");
  CHECK(error({.top_p = nan}, {1}) == "Sampling: top_p is nan, expected 0 to 1");
  CHECK(error({}, {}) == "sampling: there are no logits");
  CHECK(error({}, {0, nan}) == "sampling: the logit of token 1 is nan, expected a number");
  CHECK(error({}, {infinite}) == "sampling: the logit of token 0 is inf, expected a number");
  CHECK(error({}, {-infinite, -infinite}) == "sampling: every logit is -inf, expected a number");
}
