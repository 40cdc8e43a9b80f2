// SPDX-License-Identifier: MIT
#include <lorica/core/reduce.hpp>

#include "support/backends.hpp"

using namespace lorica;

namespace {
/// Fewer than a piece of a sum, some pieces, and more than are added up at once.
constexpr index_t sizes[] = {1, 255, 257, 5000, 1100000};
}  // namespace

TEMPLATE_TEST_CASE("a sum that stays with the backend is the one that comes to the host", "[core][reduce]",
                   LORICA_BACKENDS) {
  using B = TestType;
  using M = typename B::master;
  B b;
  for (const index_t n : sizes) {
    CAPTURE(n);
    const MasterTensor<B> x(b, 1, n, test::random_numbers(1, n));
    const auto stays = sum_of(b, x.cref().data, n);
    REQUIRE(stays.shape() == Shape{1, 1});
    REQUIRE(stays.template host<M>(b)[0] == static_cast<M>(b.sum(x.cref().data, n)));
  }
  const MasterTensor<B> none(b, 1, 1, std::vector<double>{3});
  REQUIRE(sum_of(b, none.cref().data, 0).template host<M>(b)[0] == M(0));
}

TEMPLATE_TEST_CASE("a k-th smallest that stays with the backend is the one that comes to the host",
                   "[core][reduce]", LORICA_BACKENDS) {
  using B = TestType;
  using M = typename B::master;
  B b;
  for (const index_t n : {1, 257, 5000}) {
    MasterTensor<B> x(b, 1, n + 1, test::random_numbers(1, n + 1));  // into the place behind them
    for (const index_t k : {index_t(1), (n + 1) / 2, n}) {
      CAPTURE(n, k);
      kth_smallest_into(b, x.cref().data, n, k, x.data() + n);
      const auto host = x.template host<M>(b);
      REQUIRE(double(host[static_cast<std::size_t>(n)]) == b.kth_smallest(x.cref().data, n, k));
    }
    REQUIRE_THROWS_AS(kth_smallest_into(b, x.cref().data, n, n + 1, x.data() + n), ConfigError);
  }
}

TEMPLATE_TEST_CASE("sums of squares of many are those of each, to the last bit", "[core][reduce]",
                   LORICA_BACKENDS) {
  using B = TestType;
  using M = typename B::master;
  B b;
  std::vector<MasterTensor<B>> held;
  std::vector<std::span<const M>> all;
  for (int times = 0; times < 100; ++times)  // more than one launch takes
    for (const index_t n : sizes) {
      if (n > 100000 && times > 0) continue;
      held.emplace_back(b, 1, n, test::random_numbers(static_cast<std::uint64_t>(n + times), n));
    }
  for (const auto& x : held) all.emplace_back(x.cref().data, static_cast<std::size_t>(x.size()));
  all.emplace_back();  // nobody's
  const auto sums = sums_of_squares(b, all);
  REQUIRE(sums.size() == all.size());
  for (std::size_t i = 0; i < held.size(); ++i)
    REQUIRE(sums[i] == b.sum_squares(held[i].cref().data, held[i].size()));
  REQUIRE(sums.back() == 0);
  REQUIRE(sums_of_squares(b, std::vector<std::span<const M>>{}).empty());
}
