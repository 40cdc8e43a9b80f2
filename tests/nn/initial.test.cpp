// SPDX-License-Identifier: MIT
#include <lorica/nn/initial.hpp>

#include "support/catch.hpp"

using namespace lorica;

namespace {
double deviation(const nn::Numbers& numbers) {
  const auto v = numbers.list();
  double sum = 0, squares = 0;
  for (const float x : v) {
    sum += x;
    squares += double(x) * double(x);
  }
  const double n = double(v.size()), mean = sum / n;
  CHECK(std::abs(mean) < 5 * std::sqrt(squares / n / n));
  return std::sqrt(squares / n - mean * mean);
}
}  // namespace

TEST_CASE("a weight's numbers depend on its name and the seed alone", "[nn][initial]") {
  const auto a = nn::initial(1, 4), b = nn::initial(1, 4), other = nn::initial(2, 4);
  const auto q = a("blocks.0.q.weight", {8, 8}).list(), k = a("blocks.0.k.weight", {8, 8}).list();
  CHECK(b("blocks.0.k.weight", {8, 8}).list() == k);  // the other way round
  CHECK(b("blocks.0.q.weight", {8, 8}).list() == q);
  CHECK(q != k);
  CHECK(other("blocks.0.q.weight", {8, 8}).list() != q);
}

TEST_CASE("gains start at 1 and biases at 0", "[nn][initial]") {
  const auto from = nn::initial(3, 4);
  for (const char* name : {"blocks.2.norm_1.weight", "final_norm.weight", "embedding.norm.weight"})
    CHECK(from(name, {1, 3}).list() == std::vector<float>{1, 1, 1});
  for (const char* name : {"blocks.2.norm_1.bias", "blocks.0.q.bias", "blocks.0.down.bias"})
    CHECK(from(name, {1, 3}).list() == std::vector<float>{0, 0, 0});
}

TEST_CASE("tables and matrices have the spread of GPT-2", "[nn][initial]") {
  const auto from = nn::initial(4, 8);
  const Shape s{120, 400};  // 48000 numbers: the spread is known to 0.4 %
  CHECK(deviation(from("embedding.weight", s)) == Approx(0.02).epsilon(0.02));
  CHECK(deviation(from("positions.weight", s)) == Approx(0.02).epsilon(0.02));
  CHECK(deviation(from("blocks.1.q.weight", s)) == Approx(1 / std::sqrt(400.0)).epsilon(0.02));
  CHECK(deviation(from("blocks.1.gate.weight", s)) == Approx(1 / std::sqrt(400.0)).epsilon(0.02));
  CHECK(deviation(from("blocks.1.o.weight", s)) == Approx(1 / std::sqrt(400.0) / 4).epsilon(0.02));
  CHECK(deviation(from("blocks.1.down.weight", s)) == Approx(1 / std::sqrt(400.0) / 4).epsilon(0.02));
}
