// SPDX-License-Identifier: MIT
/// @file tests/gpu/attention.test.cpp
/// Attention in tiles against the portable form, which tests/core/attention.test.cpp holds against the
/// textbook: sequences longer and shorter than a tile. (By several threads of a block: the preset cpp.)
#include <lorica/gpu/attention.cuh>

#include <lorica/core/tensor.hpp>
#include <lorica/gpu/thrust_backend.cuh>

#include "support/backends.hpp"

#include <cmath>
#include <limits>

using namespace lorica;

namespace {

/// Everything one forward and backward leaves: o, dq, dk, dv, lse.
template <class T, class M> struct Both {
  using B = gpu::ThrustBackend<T, gpu::LoopGemm, M>;
  B b;
  AttentionShape shape;
  std::vector<index_t> offsets = {0};
  Integers<B> begin, end;
  Tensor<B> q, k, v, up;

  Both(AttentionShape s, const std::vector<index_t>& lengths) : shape(s) {
    shape.scale = 1 / std::sqrt(double(shape.head_dim));
    std::vector<std::int32_t> from, to;
    for (const index_t length : lengths) {
      for (index_t i = 0; i < length; ++i) {
        from.push_back(static_cast<std::int32_t>(offsets.back()));
        to.push_back(static_cast<std::int32_t>(offsets.back() + length));
      }
      offsets.push_back(offsets.back() + length);
    }
    begin = Integers<B>(b, from);
    end = Integers<B>(b, to);
    const index_t n = offsets.back(), wide = shape.heads * shape.head_dim,
                  narrow = shape.kv_heads * shape.head_dim;
    q = Tensor<B>(b, n, wide, test::random_numbers(1, n * wide));
    k = Tensor<B>(b, n, narrow, test::random_numbers(2, n * narrow));
    v = Tensor<B>(b, n, narrow, test::random_numbers(3, n * narrow));
    up = Tensor<B>(b, n, wide, test::random_numbers(4, n * wide));
  }
  std::vector<std::vector<double>> run(bool tiled) {
    const index_t n = offsets.back();
    Tensor<B> o(b, n, q.cols()), dq(b, n, q.cols()), dk(b, n, k.cols()), dv(b, n, k.cols());
    MasterTensor<B> lse(b, shape.heads, n);
    for (auto* t : {&o, &dq, &dk, &dv})
      fill(b, *t, std::numeric_limits<arithmetic_t<T>>::quiet_NaN());  // all is overwritten
    fill(b, lse, std::numeric_limits<M>::quiet_NaN());
    if (tiled) {
      b.attention({shape, offsets, q.cref(), k.cref(), v.cref(), o.ref(), lse.data()});
      b.attention_gradient({shape, offsets, q.cref(), k.cref(), v.cref(), o.cref(), up.cref(),
                            std::as_const(lse).data(), dq.ref(), dk.ref(), dv.ref()});
    } else {
      const row::Heads<T, M> heads{shape,    n,        begin.data(), end.data(),
                                   q.cref(), k.cref(), v.cref(),     lse.data()};
      b.for_each_index(n * shape.heads, row::Attend<T, M>{heads, o.ref()});
      b.for_each_index(n * shape.heads, row::AttendByQuery<T, M>{heads, o.cref(), up.cref(), dq.ref()});
      b.for_each_index(n * shape.kv_heads,
                       row::AttendByKey<T, M>{heads, o.cref(), up.cref(), dk.ref(), dv.ref()});
    }
    std::vector<std::vector<double>> out;
    for (auto* t : {&o, &dq, &dk, &dv}) out.push_back(t->template host<double>(b));
    out.push_back(lse.template host<double>(b));
    return out;
  }
};
template <class T, class M> void agrees(const AttentionShape& shape, const std::vector<index_t>& lengths) {
  CAPTURE(shape.heads, shape.kv_heads, shape.head_dim, shape.causal, shape.window, lengths.size());
  Both<T, M> both(shape, lengths);
  const auto got = both.run(true), want = both.run(false);
  constexpr const char* names[] = {"o", "dq", "dk", "dv", "lse"};
  for (std::size_t i = 0; i < got.size(); ++i) {
    CAPTURE(names[i]);
    CHECK(test::relative_error(got[i], want[i]) < test::tolerance_of<T>());
  }
}

}  // namespace

TEST_CASE("attention in tiles is the portable one", "[gpu][attention]") {
  // A tile of double has 64 rows up to a head of 32, 32 up to one of 64.
  const std::vector<std::vector<index_t>> lengths = {{1}, {64}, {1, 63, 64, 65, 2}, {150, 1, 5}};
  for (const auto& shape : {AttentionShape{3, 3, 5, true, 1}, AttentionShape{4, 2, 16, true, 1},
                            AttentionShape{2, 1, 33, true, 1}})
    for (const index_t window : {-1, 0, 2, 40, 64, 130})  // -1: not causal
      for (const auto& of : lengths) {
        AttentionShape s = shape;
        s.causal = window >= 0;
        s.window = std::max<index_t>(window, 0);
        agrees<double, double>(s, of);
      }
}

TEST_CASE("and in float, in bf16, and of large heads", "[gpu][attention]") {
  for (const index_t dim : {1, 64, 80, 128, 256}) {
    agrees<float, float>({2, 1, dim, true, 1}, {70, 3});
    agrees<bf16, float>({2, 2, dim, false, 1}, {70, 3});
    agrees<float, double>({1, 1, dim, true, 1, 20}, {70, 3});
  }
}

TEST_CASE("a tile fits the memory of a multiprocessor", "[gpu][attention]") {
  const auto fits = []<class M>(M, index_t dim) {
    const gpu::detail::Tiles<M, M> at{{1, 1, dim}, nullptr, gpu::detail::tile_side<M>(dim), 1};
    const std::size_t most = std::size_t(163) << 10;  // of sm_80
    return gpu::detail::AttendTile<M, M>{at, {}, {}, {}, {}, nullptr}.bytes() <= most &&
           gpu::detail::AttendTileByQuery<M, M>{at, {}, {}, {}, {}, nullptr, nullptr, {}}.bytes() <= most &&
           gpu::detail::AttendTileByKey<M, M>{at, {}, {}, {}, {}, nullptr, nullptr, {}, {}}.bytes() <= most;
  };
  for (index_t dim = 1; dim <= row::max_head_dim; ++dim) {
    CAPTURE(dim);
    CHECK(fits(1.f, dim));
    CHECK(fits(1.0, dim));
  }
}

TEST_CASE("a table of tiles is asked for again, and changes with the batch", "[gpu][attention]") {
  const std::vector<index_t> offsets = {0, 3, 8};
  CHECK(gpu::detail::tiles_of(offsets, 4) == std::vector<std::int32_t>{0, 3, 0, 3, 3, 8, 3, 4, 3, 8, 7, 1});
  Both<double, double> one({1, 1, 4, true, 1}, {5, 70});
  const auto first = one.run(true);
  CHECK(one.run(true) == first);
  Both<double, double> other({1, 1, 4, true, 1}, {70, 5});
  other.b = one.b;  // with its table
  CHECK(other.run(true) == Both<double, double>({1, 1, 4, true, 1}, {70, 5}).run(true));
}
