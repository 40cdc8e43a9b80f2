// SPDX-License-Identifier: MIT
/// @file tests/gpu/attention.test.cpp
/// Attention in tiles against the portable form, which tests/core/attention.test.cpp holds against the
/// textbook: sequences longer and shorter than a tile. By warps: tensor cores, played on the host. (By three
/// threads of a block: the preset cpp.)
#include <lorica/gpu/attention.cuh>

#include <lorica/gpu/thrust_backend.cuh>

#include "support/attention.hpp"
#include "support/backends.hpp"
#if !defined(__CUDACC__)
#  include "support/block.hpp"
#endif

#include <algorithm>

using namespace lorica;

namespace {

template <class T, class M> using Both = test::BothAttentions<gpu::ThrustBackend<T, gpu::LoopGemm, M>>;

template <class T, class M, class B = gpu::ThrustBackend<T, gpu::LoopGemm, M>>
void agrees(const AttentionShape& shape, const std::vector<index_t>& lengths) {
  CAPTURE(shape.heads, shape.kv_heads, shape.head_dim, shape.causal, shape.window, lengths.size());
  test::BothAttentions<B> both(shape, lengths);
  const auto got = both.run(true), want = both.run(false);
  for (std::size_t i = 0; i < got.size(); ++i) {
    CAPTURE(test::attention_names[i]);
    CHECK(test::relative_error(got[i], want[i]) < test::tolerance_of<T>());
  }
}

}  // namespace

TEST_CASE("attention in tiles is the portable one", "[gpu][attention][kernel]") {
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

TEST_CASE("and in float, in bf16, and of large heads", "[gpu][attention][kernel]") {
  for (const index_t dim : {1, 64, 80, 128, 256}) {
    agrees<float, float>({2, 1, dim, true, 1}, {70, 3});
    agrees<bf16, float>({2, 2, dim, false, 1}, {70, 3});
    agrees<float, double>({1, 1, dim, true, 1, 20}, {70, 3});
  }
}

#if !defined(__CUDACC__)
TEST_CASE("by the tensor cores of a warp, and with several threads a row", "[gpu][attention][kernel]") {
  using Warp = test::BlockBackend<bf16, float, gpu::detail::warp_threads>;
  for (const index_t dim : {1, 16, 40, 64}) {  // tiles of 64
    agrees<bf16, float, Warp>({2, 1, dim, true, 1}, {70, 3});
    agrees<bf16, float, Warp>({1, 1, dim, false, 1}, {5, 65});
  }
  agrees<bf16, float, Warp>({1, 1, 24, true, 1, 20}, {130});
  agrees<bf16, float, Warp>({1, 1, 136, true, 1}, {33});  // tiles of 32
  using Several = test::BlockBackend<float, float, 64>;
  agrees<float, float, Several>({2, 1, 80, true, 1}, {20, 33, 3});  // tiles of 32: two threads a row, or more
  agrees<float, float, Several>({1, 1, 8, false, 1, 0}, {70});
}
#endif

TEST_CASE("a tile fits the memory of a multiprocessor", "[gpu][attention][kernel]") {
  const auto fits = []<class T, class M>(T, M, index_t dim) {
    using namespace gpu::detail;
    const Tiles<T, M> at{{1, 1, dim}, nullptr, tile_side<T, M>(dim), 1};
    const std::size_t most = std::size_t(163) << 10;  // of sm_80
    return AttendTile<T, M>{at, {}, {}, {}, {}, nullptr}.bytes() <= most &&
           AttendTileByQuery<T, M>{at, {}, {}, {}, {}, nullptr, nullptr, {}}.bytes() <= most &&
           AttendTileByKey<T, M>{at, {}, {}, {}, {}, nullptr, nullptr, {}, {}}.bytes() <= most;
  };
  for (index_t dim = 1; dim <= row::max_head_dim; ++dim) {
    CAPTURE(dim);
    CHECK(fits(1.f, 1.f, dim));
    CHECK(fits(1.0, 1.0, dim));
    CHECK(fits(bf16(1.f), 1.f, dim));
    CHECK(fits(bf16(1.f), 1.0, dim));
  }
}

TEST_CASE("a table of tiles is asked for again, and changes with the batch", "[gpu][attention][kernel]") {
  const std::vector<index_t> offsets = {0, 3, 8};
  CHECK(gpu::detail::tiles_of(offsets, 4) == std::vector<std::int32_t>{0, 3, 0, 3, 3, 8, 3, 4, 3, 8, 7, 1});
  Both<double, double> one({1, 1, 4, true, 1}, {5, 70});
  const auto first = one.run(true);
  CHECK(one.run(true) == first);
  Both<double, double> other({1, 1, 4, true, 1}, {70, 5});
  other.b = one.b;  // with its table
  CHECK(other.run(true) == Both<double, double>({1, 1, 4, true, 1}, {70, 5}).run(true));
}
