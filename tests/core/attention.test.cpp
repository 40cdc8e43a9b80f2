// SPDX-License-Identifier: MIT
/// @file tests/core/attention.test.cpp
/// The portable attention on every backend against the textbook in double.
#include <lorica/core/attention.hpp>

#include <lorica/core/tensor.hpp>

#include "support/backends.hpp"

#include <limits>

using namespace lorica;

namespace {

struct Naive {
  AttentionShape shape;
  std::vector<index_t> offsets;
  std::vector<double> q, k, v, up;
  std::vector<double> o = {}, lse = {}, dq = {}, dk = {}, dv = {};

  index_t rows() const { return offsets.back(); }
  std::size_t at(index_t i, index_t h, index_t heads, index_t d) const {
    return static_cast<std::size_t>((i * heads + h) * shape.head_dim + d);
  }
  void run() {
    const index_t n = rows(), heads = shape.heads, groups = shape.kv_heads, dim = shape.head_dim;
    o.assign(q.size(), 0), dq = o;
    dk.assign(k.size(), 0), dv = dk;
    lse.assign(static_cast<std::size_t>(heads * n), 0);
    for (std::size_t s = 0; s + 1 < offsets.size(); ++s)
      for (index_t h = 0; h < heads; ++h)
        for (index_t i = offsets[s]; i < offsets[s + 1]; ++i) {
          const index_t g = h / (heads / groups), first = offsets[s],
                        last = shape.causal ? i + 1 : offsets[s + 1];
          std::vector<double> p, dp;
          double total = 0, mean = 0;
          for (index_t j = first; j < last; ++j) {
            double score = 0, d_p = 0;
            for (index_t d = 0; d < dim; ++d) {
              score += q[at(i, h, heads, d)] * k[at(j, g, groups, d)];
              d_p += up[at(i, h, heads, d)] * v[at(j, g, groups, d)];
            }
            p.push_back(std::exp(score * shape.scale));
            dp.push_back(d_p);
            total += p.back();
          }
          for (double& x : p) x /= total;
          for (std::size_t j = 0; j < p.size(); ++j) mean += p[j] * dp[j];
          lse[static_cast<std::size_t>(h * n + i)] = std::log(total);
          for (index_t j = first; j < last; ++j) {
            const double pj = p[static_cast<std::size_t>(j - first)];
            const double ds = pj * (dp[static_cast<std::size_t>(j - first)] - mean) * shape.scale;
            for (index_t d = 0; d < dim; ++d) {
              o[at(i, h, heads, d)] += pj * v[at(j, g, groups, d)];
              dv[at(j, g, groups, d)] += pj * up[at(i, h, heads, d)];
              dq[at(i, h, heads, d)] += ds * k[at(j, g, groups, d)];
              dk[at(j, g, groups, d)] += ds * q[at(i, h, heads, d)];
            }
          }
        }
  }
};

template <class B> void check(B& b, AttentionShape shape, const std::vector<index_t>& lengths) {
  using T = typename B::scalar;
  using M = typename B::master;
  std::vector<index_t> offsets = {0};
  std::vector<std::int32_t> begin, end;
  for (const index_t length : lengths) {
    for (index_t i = 0; i < length; ++i) {
      begin.push_back(static_cast<std::int32_t>(offsets.back()));
      end.push_back(static_cast<std::int32_t>(offsets.back() + length));
    }
    offsets.push_back(offsets.back() + length);
  }
  const index_t n = offsets.back(), wide = shape.heads * shape.head_dim,
                narrow = shape.kv_heads * shape.head_dim;
  shape.scale = 1 / std::sqrt(double(shape.head_dim));
  Naive want{shape,
             offsets,
             test::rounded<T>(test::random_numbers(1, n * wide)),
             test::rounded<T>(test::random_numbers(2, n * narrow)),
             test::rounded<T>(test::random_numbers(3, n * narrow)),
             test::rounded<T>(test::random_numbers(4, n * wide))};
  want.run();
  const Tensor<B> q(b, n, wide, want.q), k(b, n, narrow, want.k), v(b, n, narrow, want.v),
      up(b, n, wide, want.up);
  Tensor<B> o(b, n, wide), dq(b, n, wide), dk(b, n, narrow), dv(b, n, narrow);
  MasterTensor<B> lse(b, shape.heads, n);
  const Integers<B> first(b, begin), last(b, end);
  const row::Heads<T, M> heads{shape, n, first.data(), last.data(), q.ref(), k.ref(), v.ref(), lse.data()};
  b.for_each_index(n * shape.heads, row::Attend<T, M>{heads, o.ref()});
  b.for_each_index(n * shape.heads, row::AttendByQuery<T, M>{heads, o.cref(), up.ref(), dq.ref()});
  b.for_each_index(n * shape.kv_heads, row::AttendByKey<T, M>{heads, o.cref(), up.ref(), dk.ref(), dv.ref()});
  const double tolerance = test::tolerance<B>();
  CAPTURE(shape.heads, shape.kv_heads, shape.head_dim, shape.causal, n);
  REQUIRE(test::relative_error(o.template host<double>(b), want.o) < tolerance);
  REQUIRE(test::relative_error(lse.template host<double>(b), want.lse) < tolerance);
  REQUIRE(test::relative_error(dq.template host<double>(b), want.dq) < tolerance);
  REQUIRE(test::relative_error(dk.template host<double>(b), want.dk) < tolerance);
  REQUIRE(test::relative_error(dv.template host<double>(b), want.dv) < tolerance);
}

/// The last rows of one sequence asking alone, against the same rows of all asking together.
template <class B> void check_last_rows(B& b, AttentionShape shape, index_t n, index_t before) {
  using T = typename B::scalar;
  using M = typename B::master;
  const index_t wide = shape.heads * shape.head_dim, narrow = shape.kv_heads * shape.head_dim;
  shape.scale = 1 / std::sqrt(double(shape.head_dim));
  const auto numbers = test::random_numbers(1, n * wide);
  const Tensor<B> k(b, n, narrow, test::random_numbers(2, n * narrow)),
      v(b, n, narrow, test::random_numbers(3, n * narrow));
  const auto asked = [&](index_t first) {
    const index_t rows = n - first;
    const Tensor<B> q(b, rows, wide, std::span(numbers).subspan(static_cast<std::size_t>(first * wide)));
    Tensor<B> o(b, rows, wide);
    MasterTensor<B> lse(b, shape.heads, rows);
    const Integers<B> begin(b, std::vector<std::int32_t>(static_cast<std::size_t>(rows))),
        end(b, std::vector<std::int32_t>(static_cast<std::size_t>(rows), static_cast<std::int32_t>(rows)));
    b.for_each_index(rows * shape.heads, row::Attend<T, M>{{shape, rows, begin.data(), end.data(), q.ref(),
                                                            k.ref(), v.ref(), lse.data(), first},
                                                           o.ref()});
    return o.template host<double>(b);
  };
  auto want = asked(0);
  want.erase(want.begin(), want.begin() + before * wide);
  CAPTURE(shape.heads, shape.head_dim, shape.causal, shape.window, before);
  REQUIRE(asked(before) == want);
}

}  // namespace

TEMPLATE_TEST_CASE("portable attention and its gradients are the textbook's", "[core][attention]",
                   LORICA_BACKENDS) {
  TestType b;
  const std::vector<index_t> ragged = {1, 5, 2, 17, 1, 40};
  for (const bool causal : {true, false}) {
    check(b, {.heads = 1, .kv_heads = 1, .head_dim = 1, .causal = causal}, ragged);
    check(b, {.heads = 3, .kv_heads = 3, .head_dim = 7, .causal = causal}, ragged);
    check(b, {.heads = 4, .kv_heads = 2, .head_dim = 16, .causal = causal}, ragged);
    check(b, {.heads = 6, .kv_heads = 1, .head_dim = 33, .causal = causal}, {9, 1});
    check(b, {.heads = 2, .kv_heads = 1, .head_dim = row::max_head_dim, .causal = causal}, {3});
    check(b, {.heads = 2, .kv_heads = 2, .head_dim = 4, .causal = causal}, {1});
  }
}

TEMPLATE_TEST_CASE("portable attention answers the last rows as it answers all", "[core][attention]",
                   LORICA_BACKENDS) {
  TestType b;
  for (const index_t window : {-1, 0, 1, 4, 30})  // -1: not causal
    for (const index_t before : {1, 5, 22}) {
      const bool causal = window >= 0;
      const index_t seen = std::max<index_t>(window, 0);
      check_last_rows(b, {.heads = 1, .kv_heads = 1, .head_dim = 3, .causal = causal, .window = seen}, 23,
                      before);
      check_last_rows(b, {.heads = 4, .kv_heads = 2, .head_dim = 16, .causal = causal, .window = seen}, 23,
                      before);
    }
}

TEST_CASE("a window wider than any sequence is none", "[core][attention]") {
  const AttentionShape wide{.window = std::numeric_limits<index_t>::max()}, two{.window = 2};
  CHECK(wide.first_seen(4) == 0);
  CHECK(wide.last_seeing(1, 5) == 5);
  CHECK(two.first_seen(4) == 3);
  CHECK(two.last_seeing(1, 5) == 3);
  CHECK(two.last_seeing(4, 5) == 5);
}
