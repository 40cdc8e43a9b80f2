// SPDX-License-Identifier: MIT
/// @file tests/cpu/disentangled.test.cpp
/// The blocked disentangled attention against the portable one, which tests/core/disentangled.test.cpp holds
/// against the textbook.
#include <lorica/cpu/disentangled.hpp>

#include <lorica/autograd/disentangled_ops.hpp>
#include <lorica/cpu/eigen_backend.hpp>

#include "support/catch.hpp"
#include "support/threads.hpp"
#include "support/tolerance.hpp"

using namespace lorica;

namespace {

/// Everything one forward and backward leaves: o, lse, dq, dk, dv, dpos_k, dpos_q.
template <class T> struct Both {
  using B = cpu::EigenBackend<T>;
  B b;
  DisentangledShape shape;
  bool c2p, p2c, tables = true;
  Ragged<B> where;
  RelativeRows<B> rows;
  Tensor<B> q, k, v, up, pos_k, pos_q;

  Both(DisentangledShape s, const RelativePositions& positions, bool with_c2p, bool with_p2c,
       std::vector<index_t> offsets)
      : shape(s), c2p(with_c2p), p2c(with_p2c), where(b, offsets), rows(b, positions, longest(offsets)) {
    shape.scale = 1 / std::sqrt(3.0 * double(shape.head_dim));
    const auto some = [&](int seed, index_t n) {
      const index_t wide = shape.heads * shape.head_dim;
      return Tensor<B>(b, n, wide, test::random_numbers(seed, n * wide));
    };
    const index_t n = where.rows();
    q = some(1, n), k = some(2, n), v = some(3, n), up = some(4, n);
    pos_k = some(5, rows.count()), pos_q = some(6, rows.count());
  }
  static index_t longest(const std::vector<index_t>& offsets) {
    index_t most = 0;
    for (std::size_t s = 0; s + 1 < offsets.size(); ++s) most = std::max(most, offsets[s + 1] - offsets[s]);
    return most + 3;  // the table may reach farther than the batch
  }
  std::vector<std::vector<double>> run(bool blocked) {
    const index_t n = where.rows(), wide = q.cols();
    Tensor<B> o(b, n, wide), lse(b, shape.heads, n), dq(b, n, wide), dk(b, n, wide), dv(b, n, wide),
        dpos_k(b, rows.count(), wide), dpos_q(b, rows.count(), wide), mean(b, shape.heads, n);
    for (auto* t : {&o, &lse, &dq, &dk, &dv, &dpos_k, &dpos_q})
      fill(b, *t, std::numeric_limits<T>::quiet_NaN());  // all is overwritten
    const MatrixRef<const T> none, pk = c2p ? pos_k.cref() : none, pq = p2c ? pos_q.cref() : none;
    const MatrixRef<T> nothing, dpk = c2p && tables ? dpos_k.ref() : nothing,
                                dpq = p2c && tables ? dpos_q.ref() : nothing;
    if (blocked) {
      b.disentangled_attention(
          {shape, where.offsets, q.cref(), k.cref(), v.cref(), pk, pq, rows.ref(), o.ref(), lse.data()});
      b.disentangled_attention_gradient({shape, where.offsets, q.cref(), k.cref(), v.cref(), pk, pq,
                                         rows.ref(), o.cref(), up.cref(), std::as_const(lse).data(), dq.ref(),
                                         dk.ref(), dv.ref(), dpk, dpq});
    } else {
      const row::Disentangled<T, T> at{shape,    n,          where.begin.data(), where.end.data(),
                                       q.cref(), k.cref(),   v.cref(),           pk,
                                       pq,       rows.ref(), lse.data()};
      b.for_each_index(n * shape.heads, row::DisentangledAttend<T, T>{at, o.ref()});
      b.for_each_index(n * shape.heads,
                       row::DisentangledByQuery<T, T>{at, o.cref(), up.cref(), dq.ref(), mean.data()});
      b.for_each_index(n * shape.heads,
                       row::DisentangledByKey<T, T>{at, up.cref(), mean.data(), dk.ref(), dv.ref()});
      b.for_each_index(rows.count() * shape.heads,
                       row::DisentangledByPosition<T, T>{at, up.cref(), mean.data(), dpk, dpq});
    }
    std::vector<std::vector<double>> out;
    for (auto* t : {&o, &lse, &dq, &dk, &dv}) out.push_back(t->template host<double>(b));
    if (c2p && tables) out.push_back(dpos_k.template host<double>(b));
    if (p2c && tables) out.push_back(dpos_q.template host<double>(b));
    return out;
  }
};

}  // namespace

TEMPLATE_TEST_CASE("blocked disentangled attention is the portable one", "[cpu][disentangled]", double,
                   float) {
  const std::vector<std::vector<index_t>> batches = {
      {0, 1}, {0, 64}, {0, 1, 64, 128, 193, 195}, {0, 130, 131, 136}, {0, 128, 257}};
  for (const auto& shape :
       {DisentangledShape{1, 8, 1}, DisentangledShape{3, 5, 1}, DisentangledShape{2, 33, 1}})
    for (const auto& positions :
         {RelativePositions{.buckets = 8, .longest = 32}, RelativePositions{.buckets = 64, .longest = 128},
          RelativePositions{.buckets = 0, .longest = 20}})
      for (const auto& of : batches)
        for (const int terms : {0, 1, 2, 3, 7}) {
          Both<TestType> both(shape, positions, terms % 2 == 1, terms / 2 % 2 == 1, of);
          both.tables = terms < 4;
          CAPTURE(shape.heads, shape.head_dim, positions.buckets, of.size(), of.back(), terms);
          const auto got = both.run(true), want = both.run(false);
          for (std::size_t i = 0; i < got.size(); ++i) {
            CAPTURE(i);
            CHECK(test::relative_error(got[i], want[i]) < test::tolerance_of<TestType>());
          }
        }
}

TEMPLATE_TEST_CASE("blocked disentangled attention has the same bits for any number of threads",
                   "[cpu][disentangled]", double, float) {
  for (const bool tables : {true, false}) {
    Both<TestType> both({4, 64, 1}, {.buckets = 32, .longest = 128}, true, true, {0, 200, 201, 266, 396});
    both.tables = tables;
    std::vector<std::vector<double>> alone;
    for (const int threads : {1, 2, 3}) {
      const test::Threads with(threads);
      const auto got = both.run(true);
      if (alone.empty()) alone = got;
      REQUIRE(got == alone);
    }
  }
}

TEST_CASE("blocked disentangled attention holds a block's scores and what keys say to positions",
          "[cpu][disentangled]") {
  const test::Threads with(1);
  Both<float> both({1, 8, 1}, {.buckets = 32, .longest = 128}, true, true, {0, 1000});
  const std::size_t before = both.b.pool().in_use();
  both.b.pool().reset_peak();
  (void)both.run(true);
  const std::size_t reach = 64, n = 1000, block = 64;
  const std::size_t results = (5 * 8 + 2) * n + 2 * reach * 8, scores = 2 * block * n,
                    positions = 2 * n * reach + block * reach;
  REQUIRE(both.b.pool().peak() - before < (results + scores + positions) * sizeof(float) * 9 / 8 + 1024);
}
