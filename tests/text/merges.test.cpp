// SPDX-License-Identifier: MIT
#include <lorica/text/merges.hpp>

#include <support/catch.hpp>

#include <random>

using namespace lorica;
using text::Part;

namespace {
/// The best pair of all, merged, again and again.
std::vector<Part> plainly(const text::Merges& merges, std::vector<Part> parts) {
  for (;;) {
    const text::Merges::Merge* best = nullptr;
    std::size_t where = 0;
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
      const auto* const merge = merges.find(parts[i].id, parts[i + 1].id);
      if (merge != nullptr && (best == nullptr || merge->rank < best->rank)) {
        best = merge;
        where = i;
      }
    }
    if (best == nullptr) return parts;
    parts[where] = {best->merged, parts[where].begin, parts[where + 1].end};
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(where) + 1);
  }
}
std::vector<Part> of(const std::vector<std::int32_t>& ids) {
  std::vector<Part> out;
  for (std::size_t i = 0; i < ids.size(); ++i) out.push_back({ids[i], i, i + 1});
  return out;
}
}  // namespace

TEST_CASE("the best pair merges first, the leftmost of equals", "[text][merges]") {
  text::Merges merges;
  CHECK(merges.find(1, 2) == nullptr);
  merges.add(1, 1, {0, 2});
  merges.add(2, 1, {1, 3});
  merges.add(1, 2, {2, 3});
  CHECK(merges.size() == 3);
  auto parts = of({1, 1, 1});
  merges.apply(parts);
  CHECK(parts == std::vector<Part>{{3, 0, 3}});
  parts = of({1, 9, 1});
  merges.apply(parts);
  CHECK(parts == of({1, 9, 1}));
  parts = {};
  merges.apply(parts);
  CHECK(parts.empty());
}

TEST_CASE("merging with a heap is merging plainly", "[text][merges]") {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    text::Merges merges;
    std::int32_t next = 4;
    for (std::int32_t rank = 0; rank < 30; ++rank) {
      const auto any = [&] { return static_cast<std::int32_t>(random() % static_cast<unsigned>(next)); };
      const std::int32_t left = any(), right = any();
      if (merges.find(left, right) == nullptr) merges.add(left, right, {rank, next++});
    }
    std::vector<std::int32_t> ids(1 + random() % 60);
    for (auto& id : ids) id = static_cast<std::int32_t>(random() % 4);
    auto parts = of(ids);
    merges.apply(parts);
    REQUIRE(parts == plainly(merges, of(ids)));
  }
}

TEST_CASE("a word of a hundred thousand characters is no trouble", "[text][merges]") {
  text::Merges merges;
  for (std::int32_t i = 0; i < 10; ++i) merges.add(i, i, {i, i + 1});
  auto parts = of(std::vector<std::int32_t>(1 << 17, 0));
  merges.apply(parts);
  CHECK(parts.size() == 128);
  CHECK(parts[1] == Part{10, 1024, 2048});
}
