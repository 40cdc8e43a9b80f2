// SPDX-License-Identifier: MIT
/// @file tests/gpu/tensor_cores.test.cpp
/// Which thread holds what, against the words of the PTX ISA (Matrix fragments for mma.m16n8k16, .bf16). That
/// the instruction is that product only a device can tell; tests/gpu/patches.test.cpp plays it.
#include <lorica/gpu/tensor_cores.cuh>

#include "support/catch.hpp"

#include <array>
#include <set>

using namespace lorica;
using namespace lorica::gpu::detail;

TEST_CASE("threads hold what the instruction expects", "[gpu][tensor_cores][kernel]") {
  for (index_t lane = 0; lane < warp_threads; ++lane) {
    CAPTURE(lane);
    const index_t group = lane >> 2, in_group = lane % 4;
    for (index_t i = 0; i < 8; ++i) {  // A: a0 .. a7
      const index_t row = (0 <= i && i < 2) || (4 <= i && i < 6) ? group : group + 8;
      const index_t col = in_group * 2 + (i & 1) + (i < 4 ? 0 : 8);
      const Place at = left_place(lane, i / 2);
      CHECK((at.row == row && at.col + i % 2 == col));
    }
    for (index_t i = 0; i < 4; ++i) {  // B: b0 .. b3
      const Place at = right_place(lane, i / 2);
      CHECK((at.row + i % 2 == in_group * 2 + (i & 1) + (i < 2 ? 0 : 8) && at.col == group));
    }
    for (index_t i = 0; i < 4; ++i) {  // C and D: c0 .. c3
      const Place at = product_place(lane, i);
      CHECK((at.row == (i < 2 ? group : group + 8) && at.col == in_group * 2 + (i & 1)));
    }
  }
}

TEST_CASE("a warp holds every element once", "[gpu][tensor_cores][kernel]") {
  std::set<std::array<index_t, 2>> left, right, product;
  for (index_t lane = 0; lane < warp_threads; ++lane) {
    for (index_t p = 0; p < 4; ++p)
      for (index_t i = 0; i < 2; ++i) left.insert({left_place(lane, p).row, left_place(lane, p).col + i});
    for (index_t p = 0; p < 2; ++p)
      for (index_t i = 0; i < 2; ++i) right.insert({right_place(lane, p).row + i, right_place(lane, p).col});
    for (index_t e = 0; e < 4; ++e) product.insert({product_place(lane, e).row, product_place(lane, e).col});
  }
  CHECK((left.size() == 256 && *left.rbegin() == std::array<index_t, 2>{15, 15}));
  CHECK((right.size() == 128 && *right.rbegin() == std::array<index_t, 2>{15, 7}));
  CHECK((product.size() == 128 && *product.rbegin() == std::array<index_t, 2>{15, 7}));
}

TEST_CASE("a pair is two numbers as they lie in memory", "[gpu][tensor_cores][kernel]") {
  const bf16 x[] = {bf16(1.5f), bf16(-3.f)};
  const Pair pair = Pair::of(x[0], x[1]);
  CHECK((float(pair[0]) == 1.5f && float(pair[1]) == -3.f));
  Pair read;
  std::memcpy(&read, x, sizeof read);
  CHECK(read.bits == pair.bits);
}
