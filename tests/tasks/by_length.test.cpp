// SPDX-License-Identifier: MIT
#include <lorica/tasks/by_length.hpp>

#include <support/catch.hpp>

#include <set>

using namespace lorica;
using Order = std::vector<index_t>;

namespace {
std::vector<index_t> lengths(index_t n) {
  std::vector<index_t> out;
  for (index_t i = 0; i < n; ++i) out.push_back(1 + (i * 37) % 101);
  return out;
}
Order take(tasks::LengthOrder order, index_t first, index_t n) {
  Order out;
  for (index_t p = first; p < first + n; ++p) out.push_back(order(p));
  return out;
}
}  // namespace

TEST_CASE("every epoch is a permutation, a function of the seed and the position", "[tasks][order]") {
  const tasks::LengthOrder order(7, lengths(103), 8, 4);
  for (index_t epoch = 0; epoch < 4; ++epoch) {
    const Order seen = take(order, 103 * epoch, 103);
    CHECK(std::set<index_t>(seen.begin(), seen.end()).size() == 103);
    CHECK(*std::ranges::max_element(seen) == 102);
  }
  CHECK(take(order, 0, 103) != take(order, 103, 103));
  CHECK(take(order, 0, 103) == take(tasks::LengthOrder(7, lengths(103), 8, 4), 0, 103));
  CHECK(take(order, 0, 103) != take(tasks::LengthOrder(8, lengths(103), 8, 4), 0, 103));
  CHECK(take(order, 250, 9) == [&] {
    const Order all = take(order, 0, 259);
    return Order(all.begin() + 250, all.end());
  }());
  CHECK(take(tasks::LengthOrder(1, {4}, 8), 0, 3) == Order{0, 0, 0});
  CHECK(take(tasks::LengthOrder(1, {4, 9}, 8), 0, 2).size() == 2);
  CHECK_THROWS_WITH(tasks::LengthOrder(1, {}, 8), "data: no samples");
  CHECK_THROWS_AS(tasks::LengthOrder(1, {4}, 0), ConfigError);
}

TEST_CASE("batches are of like length, in no order of length", "[tasks][order]") {
  const auto length = lengths(400);
  const Order order =
      take(tasks::LengthOrder(3, length, 10, 40), 0, 400);  // one chunk: batches are as alike as can be
  Order longest;
  for (std::size_t b = 0; b < 40; ++b) {
    std::vector<index_t> in;
    for (std::size_t i = 0; i < 10; ++i) in.push_back(length[static_cast<std::size_t>(order[10 * b + i])]);
    CHECK(*std::ranges::max_element(in) - *std::ranges::min_element(in) <= 4);
    longest.push_back(*std::ranges::max_element(in));
  }
  CHECK_FALSE(std::ranges::is_sorted(longest));
  CHECK_FALSE(std::ranges::is_sorted(longest, std::greater<>()));
  // 403 samples leave a batch of three, which the second epoch completes: its own batches begin after that.
  const Order next = take(tasks::LengthOrder(3, lengths(403), 10, 41), 410, 390);
  const auto all = lengths(403);
  for (std::size_t b = 0; b < 39; ++b) {
    std::vector<index_t> in;
    for (std::size_t i = 0; i < 10; ++i) in.push_back(all[static_cast<std::size_t>(next[10 * b + i])]);
    CHECK(*std::ranges::max_element(in) - *std::ranges::min_element(in) <= 4);
  }
}

TEST_CASE("an evaluation meets the longest first", "[tasks][order]") {
  tasks::Samples data;
  for (const std::size_t n : {2u, 5u, 1u, 5u}) data.add(std::vector<std::int32_t>(n, std::int32_t(n)), {});
  const tasks::LongestFirst sorted(data);
  REQUIRE(sorted.size() == 4);
  CHECK(Order{sorted.original(0), sorted.original(1), sorted.original(2), sorted.original(3)} ==
        Order{1, 3, 0, 2});
  CHECK(sorted.length(2) == 2);
  nn::Sequences s;
  sorted.append(s, 3);
  CHECK(s.ids == std::vector<std::int32_t>{1});
  const tasks::ByLength grouped(data);
  static_assert(tasks::Measurable<tasks::ByLength<tasks::Samples>>);
  CHECK(grouped.length(1) == 5);
  nn::Sequences t;
  grouped.append(t, 0);
  CHECK(t.rows() == 2);
  auto order = grouped.order(1, 2);
  CHECK(data.length(order(0)) + data.length(order(1)) + data.length(order(2)) + data.length(order(3)) == 13);
}
