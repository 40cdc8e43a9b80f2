// SPDX-License-Identifier: MIT
/// @file tests/cpu/attention.test.cpp
/// The blocked attention against the portable one, which tests/core/attention.test.cpp holds against the
/// textbook.
#include <lorica/cpu/attention.hpp>

#include <lorica/core/tensor.hpp>
#include <lorica/cpu/eigen_backend.hpp>

#include "support/attention.hpp"
#include "support/catch.hpp"
#include "support/threads.hpp"
#include "support/tolerance.hpp"

using namespace lorica;

namespace {

template <class T, class M = T> using Both = test::BothAttentions<cpu::EigenBackend<T, cpu::EigenGemm, M>>;

}  // namespace

TEMPLATE_TEST_CASE("blocked attention is the portable one", "[cpu][attention]", double, float) {
  const std::vector<std::vector<index_t>> lengths = {{1}, {48}, {1, 47, 48, 49, 2}, {200, 1, 5}, {96, 97}};
  for (const auto& shape : {AttentionShape{1, 1, 8, true, 1}, AttentionShape{3, 3, 5, true, 1},
                            AttentionShape{4, 2, 16, true, 1}, AttentionShape{4, 1, 33, true, 1}})
    for (const index_t window : {-1, 0, 2, 40, 48, 150})  // -1: not causal
      for (const auto& of : lengths) {
        AttentionShape s = shape;
        s.causal = window >= 0;
        s.window = std::max<index_t>(window, 0);
        CAPTURE(s.heads, s.kv_heads, s.head_dim, window, of.size(), of.front());
        Both<TestType> both(s, of);
        const auto got = both.run(true), want = both.run(false);
        for (std::size_t i = 0; i < got.size(); ++i) {
          CAPTURE(test::attention_names[i]);
          CHECK(test::relative_error(got[i], want[i]) < test::tolerance_of<TestType>());
        }
      }
}

TEMPLATE_TEST_CASE("blocked attention has the same bits for any number of threads", "[cpu][attention]",
                   double, float) {
  Both<TestType> both({4, 2, 64, true, 1, 70}, {200, 1, 65, 130});
  std::vector<std::vector<double>> alone;
  for (const int threads : {1, 2, 3}) {
    const test::Threads with(threads);
    const auto got = both.run(true);
    if (alone.empty()) alone = got;
    REQUIRE(got == alone);
  }
}

TEST_CASE("blocked attention of bf16 is that of floats, rounded once", "[cpu][attention]") {
  for (const bool causal : {true, false}) {
    Both<bf16, float> halves({4, 2, 16, causal, 1}, {1, 63, 130, 2});
    Both<float> floats(halves.shape, {1, 63, 130, 2});
    const auto widened = [&](const auto& from, auto& to) {
      to = Tensor<cpu::EigenBackend<float>>(floats.b, from.rows(), from.cols(),
                                            from.template host<double>(halves.b));
    };
    widened(halves.q, floats.q);
    widened(halves.k, floats.k);
    widened(halves.v, floats.v);
    widened(halves.up, floats.up);
    const auto got = halves.run(true), want = floats.run(true);
    CHECK(got[4] == want[4]);  // the sums are float's own
    for (std::size_t i = 0; i < want[0].size(); ++i)
      REQUIRE(got[0][i] == double(convert<float>(convert<bf16>(static_cast<float>(want[0][i])))));
    for (const std::size_t i : {1U, 2U, 3U}) {
      CAPTURE(test::attention_names[i], causal);
      CHECK(test::relative_error(got[i], want[i]) < 1e-2);  // the output that is kept is rounded as well
    }
  }
}

TEST_CASE("blocked attention holds a block's scores and a head's rows, not a sequence's scores",
          "[cpu][attention]") {
  const test::Threads with(1);
  constexpr index_t dim = 16;  // whole registers on every target: what is narrower is copied
  Both<float> both({1, 1, dim, true, 1}, {1000});
  const std::size_t before = both.b.pool().in_use();
  both.b.pool().reset_peak();
  (void)both.run(true);
  const std::size_t results = (3 * dim + 2 * dim + 1) * 1000 * sizeof(float),
                    operands = 5 * dim * 1000 * sizeof(float), block = 2 * 48 * 1000 * sizeof(float);
  REQUIRE(both.b.pool().peak() - before < (results + operands + block) * 9 / 8 + 1024);
}

TEMPLATE_TEST_CASE("blocked attention answers the last rows as it answers all", "[cpu][attention]", double,
                   float) {
  for (const index_t window : {-1, 0, 2, 40, 64, 150})  // -1: not causal
    for (const index_t before : {1, 63, 64, 130, 199}) {
      AttentionShape s{4, 2, 16, window >= 0, 1, std::max<index_t>(window, 0)};
      CAPTURE(window, before);
      Both<TestType> all(s, {200});
      const auto want = all.run(true);
      auto& b = all.b;
      const index_t rows = 200 - before;
      Tensor<cpu::EigenBackend<TestType>> o(b, rows, all.q.cols()), lse(b, s.heads, rows);
      b.attention({all.shape, std::vector<index_t>{0, rows}, all.q.cref().slice(before, rows), all.k.cref(),
                   all.v.cref(), o.ref(), lse.data(), before});
      const auto rows_of = [&](const std::vector<double>& x, index_t from, index_t count) {
        return std::vector<double>(x.begin() + from, x.begin() + from + count);
      };
      CHECK(test::relative_error(o.template host<double>(b), rows_of(want[0], before * o.cols(), o.size())) <
            test::tolerance_of<TestType>());
      // A logarithm may be near 0: what counts, under exp, is how far it is off.
      const auto by_head = lse.template host<double>(b);
      for (index_t h = 0; h < s.heads; ++h)
        for (index_t i = 0; i < rows; ++i) {
          const double right = want[4][static_cast<std::size_t>(h * 200 + before + i)];
          REQUIRE(std::abs(by_head[static_cast<std::size_t>(h * rows + i)] - right) <
                  test::tolerance_of<TestType>() * std::max(1.0, std::abs(right)));
        }
    }
}
