// SPDX-License-Identifier: MIT
/// @file tests/core/disentangled.test.cpp
/// Rows of distances, and the portable disentangled attention on every backend against the textbook in
/// double.
#include <lorica/core/disentangled.hpp>

#include <lorica/autograd/disentangled_ops.hpp>

#include "support/backends.hpp"

using namespace lorica;

namespace {

/// o and all gradients by plain loops over pairs of rows.
struct Naive {
  DisentangledShape shape;
  RelativePositions positions;
  bool c2p, p2c;
  std::vector<index_t> offsets;
  index_t low, count;
  std::vector<double> q, k, v, pos_k, pos_q, up;
  std::vector<double> o = {}, lse = {}, dq = {}, dk = {}, dv = {}, dpos_k = {}, dpos_q = {};

  std::size_t at(index_t i, index_t h, index_t d) const {
    return static_cast<std::size_t>((i * shape.heads + h) * shape.head_dim + d);
  }
  void run() {
    const index_t n = offsets.back();
    o.assign(q.size(), 0), dq = dk = dv = o;
    dpos_k.assign(pos_k.size(), 0), dpos_q = dpos_k;
    lse.assign(static_cast<std::size_t>(shape.heads * n), 0);
    for (std::size_t s = 0; s + 1 < offsets.size(); ++s)
      for (index_t h = 0; h < shape.heads; ++h)
        for (index_t i = offsets[s]; i < offsets[s + 1]; ++i) row(offsets[s], offsets[s + 1], h, i);
  }
  void row(index_t first, index_t last, index_t h, index_t i) {
    std::vector<double> p, dp;
    double total = 0, mean = 0;
    for (index_t j = first; j < last; ++j) {
      const index_t t = positions.row(i - j) - low;
      double score = 0, d_p = 0;
      for (index_t d = 0; d < shape.head_dim; ++d) {
        score += q[at(i, h, d)] * k[at(j, h, d)];
        if (c2p) score += q[at(i, h, d)] * pos_k[at(t, h, d)];
        if (p2c) score += k[at(j, h, d)] * pos_q[at(t, h, d)];
        d_p += up[at(i, h, d)] * v[at(j, h, d)];
      }
      p.push_back(std::exp(score * shape.scale));
      dp.push_back(d_p);
      total += p.back();
    }
    for (double& x : p) x /= total;
    for (std::size_t j = 0; j < p.size(); ++j) mean += p[j] * dp[j];
    lse[static_cast<std::size_t>(h * offsets.back() + i)] = std::log(total);
    for (index_t j = first; j < last; ++j) {
      const index_t t = positions.row(i - j) - low;
      const double pj = p[static_cast<std::size_t>(j - first)];
      const double ds = pj * (dp[static_cast<std::size_t>(j - first)] - mean) * shape.scale;
      for (index_t d = 0; d < shape.head_dim; ++d) {
        o[at(i, h, d)] += pj * v[at(j, h, d)];
        dv[at(j, h, d)] += pj * up[at(i, h, d)];
        dq[at(i, h, d)] += ds * (k[at(j, h, d)] + (c2p ? pos_k[at(t, h, d)] : 0));
        dk[at(j, h, d)] += ds * (q[at(i, h, d)] + (p2c ? pos_q[at(t, h, d)] : 0));
        dpos_k[at(t, h, d)] += ds * q[at(i, h, d)];
        dpos_q[at(t, h, d)] += ds * k[at(j, h, d)];
      }
    }
  }
};

template <class B>
void check(B& b, DisentangledShape shape, const RelativePositions& positions, bool c2p, bool p2c,
           const std::vector<index_t>& lengths) {
  using T = typename B::scalar;
  using M = typename B::master;
  std::vector<index_t> offsets = {0};
  for (const index_t length : lengths) offsets.push_back(offsets.back() + length);
  const Ragged<B> where(b, offsets);
  const RelativeRows<B> rows(b, positions, std::ranges::max(lengths));
  const index_t n = offsets.back(), wide = shape.heads * shape.head_dim;
  shape.scale = 1 / std::sqrt(3.0 * double(shape.head_dim));
  const auto some = [&](int seed, index_t of) {
    return test::rounded<T>(test::random_numbers(seed, of * wide));
  };
  Naive want{shape,
             positions,
             c2p,
             p2c,
             offsets,
             rows.low(),
             rows.count(),
             some(1, n),
             some(2, n),
             some(3, n),
             some(4, rows.count()),
             some(5, rows.count()),
             some(6, n)};
  want.run();
  const Tensor<B> q(b, n, wide, want.q), k(b, n, wide, want.k), v(b, n, wide, want.v),
      up(b, n, wide, want.up), pos_k(b, rows.count(), wide, want.pos_k),
      pos_q(b, rows.count(), wide, want.pos_q);
  Tensor<B> o(b, n, wide), dq(b, n, wide), dk(b, n, wide), dv(b, n, wide), dpos_k(b, rows.count(), wide),
      dpos_q(b, rows.count(), wide);
  MasterTensor<B> lse(b, shape.heads, n), mean(b, shape.heads, n);
  const MatrixRef<const T> none;
  const row::Disentangled<T, M> at{
      shape,     n,       where.begin.data(),       where.end.data(),         q.ref(),
      k.ref(),   v.ref(), c2p ? pos_k.ref() : none, p2c ? pos_q.ref() : none, rows.ref(),
      lse.data()};
  b.for_each_index(n * shape.heads, row::DisentangledAttend<T, M>{at, o.ref()});
  b.for_each_index(n * shape.heads,
                   row::DisentangledByQuery<T, M>{at, o.cref(), up.ref(), dq.ref(), mean.data()});
  b.for_each_index(n * shape.heads,
                   row::DisentangledByKey<T, M>{at, up.ref(), mean.data(), dk.ref(), dv.ref()});
  b.for_each_index(rows.count() * shape.heads,
                   row::DisentangledByPosition<T, M>{at, up.ref(), mean.data(), dpos_k.ref(), dpos_q.ref()});
  const double tolerance = 2 * test::tolerance<B>();
  CAPTURE(shape.heads, shape.head_dim, positions.buckets, positions.longest, c2p, p2c, n);
  const auto same = [&](const char* what, const auto& got, const std::vector<double>& wanted) {
    CAPTURE(what);
    CHECK(test::relative_error(got.template host<double>(b), wanted) < tolerance);
  };
  same("o", o, want.o);
  same("lse", lse, want.lse);
  same("dq", dq, want.dq);
  same("dk", dk, want.dk);
  same("dv", dv, want.dv);
  same("dpos_k", dpos_k, want.dpos_k);
  same("dpos_q", dpos_q, want.dpos_q);
}

}  // namespace

TEMPLATE_TEST_CASE("portable disentangled attention and its gradients are the textbook's",
                   "[core][disentangled]", LORICA_BACKENDS) {
  TestType b;
  const std::vector<index_t> ragged = {1, 5, 2, 17, 1, 30};
  for (const bool c2p : {true, false})
    for (const bool p2c : {true, false}) {
      check(b, {.heads = 2, .head_dim = 5}, {.buckets = 6, .longest = 20}, c2p, p2c, ragged);
      check(b, {.heads = 1, .head_dim = 1}, {.buckets = 0, .longest = 4}, c2p, p2c, ragged);
      check(b, {.heads = 3, .head_dim = 16}, {.buckets = 8, .longest = 64}, c2p, p2c, {9, 1});
      check(b, {.heads = 1, .head_dim = row::max_head_dim}, {.buckets = 0, .longest = 8}, c2p, p2c, {3});
      check(b, {.heads = 2, .head_dim = 4}, {.buckets = 4, .longest = 16}, c2p, p2c, {1});
    }
}

TEST_CASE("near distances have a row each, far ones share rows by their logarithm", "[core][disentangled]") {
  const RelativePositions p{.buckets = 8, .longest = 32};
  REQUIRE(p.span() == 8);
  std::vector<index_t> rows;
  for (index_t d = -40; d <= 40; ++d) rows.push_back(p.row(d));
  const auto at = [&](index_t d) { return rows[static_cast<std::size_t>(d + 40)]; };
  for (index_t d = -4; d <= 4; ++d) CHECK(at(d) == 8 + d);
  // ln(d / 4) / ln(31 / 4) * 3, rounded up, beyond 4
  for (const auto& [d, row] : std::vector<std::pair<index_t, index_t>>{
           {5, 13}, {7, 13}, {8, 14}, {15, 14}, {16, 15}, {31, 15}, {32, 15}, {40, 15}}) {
    CAPTURE(d);
    CHECK(at(d) == row);
    CHECK(at(-d) == std::max<index_t>(0, 16 - row - (d >= 32 ? 1 : 0)));
  }
  CHECK(std::ranges::is_sorted(rows));
}

TEST_CASE("without buckets every distance below the longest has a row", "[core][disentangled]") {
  const RelativePositions p{.buckets = -1, .longest = 3};
  REQUIRE(p.span() == 3);
  std::vector<index_t> rows;
  for (index_t d = -5; d <= 5; ++d) rows.push_back(p.row(d));
  CHECK(rows == std::vector<index_t>{0, 0, 0, 1, 2, 3, 4, 5, 5, 5, 5});
}

TEST_CASE("buckets that cannot be filled are errors", "[core][disentangled]") {
  const auto error = [](const RelativePositions& p) -> std::string {
    try {
      p.validate();
    } catch (const ConfigError& e) {
      return e.what();
    }
    return "no error";
  };
  CHECK(error({.buckets = 256, .longest = 512}) == "no error");
  CHECK(error({.buckets = 0, .longest = 1}) == "no error");
  CHECK(error({.buckets = 0, .longest = 0}) ==
        "relative positions: the longest distance is 0, expected at least 1");
  CHECK(error({.buckets = 1, .longest = 512}) ==
        "relative positions: 1 buckets for distances up to 512, expected at least 2 and a distance above 1");
  CHECK(error({.buckets = 8, .longest = 5}) ==
        "relative positions: 8 buckets for distances up to 5, expected at least 2 and a distance above 5");
}
