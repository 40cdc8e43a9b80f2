// SPDX-License-Identifier: MIT
#include <lorica/train/data.hpp>

#include <support/catch.hpp>

#include <algorithm>
#include <numeric>

using namespace lorica;
using train::Shuffle;
using train::Windows;

namespace {
using Ids = std::vector<std::int32_t>;
Ids up_to(std::int32_t n) {
  Ids ids(static_cast<std::size_t>(n));
  std::iota(ids.begin(), ids.end(), 0);
  return ids;
}
std::vector<index_t> take(Shuffle order, index_t first, index_t n) {
  std::vector<index_t> out;
  for (index_t i = first; i < first + n; ++i) out.push_back(order(i));
  return out;
}
}  // namespace

TEST_CASE("windows do not overlap, and the target of a token is the one that follows", "[train][data]") {
  const Windows w(up_to(12), {.length = 4});  // 0..3, 4..7; 8..11 lacks the token after its last
  REQUIRE(w.size() == 2);
  REQUIRE(w.length() == 4);
  nn::Sequences s;
  w.append(s, 1);
  w.append(s, 0);
  REQUIRE(s.ids == Ids{4, 5, 6, 7, 0, 1, 2, 3});
  REQUIRE(s.targets == Ids{5, 6, 7, 8, 1, 2, 3, 4});
  REQUIRE(s.offsets == std::vector<index_t>{0, 4, 8});
  REQUIRE(Windows(up_to(13), {.length = 4}).size() == 3);
  REQUIRE(Windows().size() == 0);
}

TEST_CASE("a sample is evenly spaced over the text", "[train][data]") {
  const Windows w(up_to(21), {.length = 2});
  REQUIRE(w.size() == 10);
  REQUIRE(w.sample(4).ids == Ids{0, 1, 4, 5, 10, 11, 14, 15});
  REQUIRE(w.sample(100).count() == 10);
  const Windows few = w.at_most(4);
  REQUIRE(few.size() == 4);
  nn::Sequences s;
  few.append(s, 2);
  REQUIRE(s.ids == Ids{10, 11});
  REQUIRE_THROWS_WITH(w.sample(0), "windows: a sample of 0, expected at least 1");
}

TEST_CASE("every byte is a token", "[train][data]") {
  const std::vector<std::uint8_t> text = {0, 65, 255, 128};
  const Windows w = train::windows(text, {.length = 3});
  nn::Sequences s;
  w.append(s, 0);
  REQUIRE(s.ids == Ids{0, 65, 255});
  REQUIRE(s.targets == Ids{65, 255, 128});
}

TEST_CASE("a text too short for one window is refused", "[train][data]") {
  REQUIRE_NOTHROW(Windows(up_to(5), {.length = 4}));
  REQUIRE_THROWS_WITH(Windows(up_to(4), {.length = 4}),
                      "windows: 4 tokens are too few for one window of 4 and the token that follows");
  REQUIRE_THROWS_AS(Windows({}, {.length = 4}), ConfigError);
  REQUIRE_THROWS_WITH(Windows(up_to(4), {.length = 0}), "windows: a length of 0 tokens, expected at least 1");
}

TEST_CASE("every epoch is a permutation of its own, a function of the seed and the position",
          "[train][data]") {
  std::vector<index_t> all(50);
  std::iota(all.begin(), all.end(), index_t{0});
  const auto first = take(Shuffle(7, 50), 0, 50), second = take(Shuffle(7, 50), 50, 50);
  for (auto epoch : {first, second}) {
    REQUIRE(epoch != all);
    std::ranges::sort(epoch);
    REQUIRE(epoch == all);
  }
  REQUIRE(first != second);
  REQUIRE(take(Shuffle(7, 50), 0, 50) == first);
  REQUIRE(take(Shuffle(8, 50), 0, 50) != first);
  Shuffle order(7, 50);  // a cursor is a number: nobody need walk there
  REQUIRE(order(73) == second[23]);
  REQUIRE(order(11) == first[11]);
}

TEST_CASE("an order of nothing is refused", "[train][data]") {
  REQUIRE_THROWS_WITH(Shuffle(1, 0), "data: no samples");
}
