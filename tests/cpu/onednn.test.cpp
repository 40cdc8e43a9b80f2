// SPDX-License-Identifier: MIT
/// @file tests/cpu/onednn.test.cpp
/// What OneDnnGemm asks of oneDNN: memory, conversions, products prepared once, errors in our words. (That
/// products are right is the concern of tests/cpu/onednn_gemm.test.cpp.)
#if defined(LORICA_ONEDNN)
#  include <lorica/cpu/onednn.hpp>

#  include "support/catch.hpp"

#  include <limits>
#  include <vector>

using namespace lorica;
using namespace lorica::cpu;

TEST_CASE("scratch memory of a purpose is kept, and grows", "[cpu][onednn]") {
  using onednn::Purpose;
  auto* const small = static_cast<char*>(onednn::scratch(Purpose::left, 100));
  REQUIRE(reinterpret_cast<std::uintptr_t>(small) % 64 == 0);
  small[99] = 'x';
  REQUIRE(onednn::scratch(Purpose::left, 50) == small);
  REQUIRE(onednn::scratch(Purpose::right, 100) != small);
  auto* const large = static_cast<char*>(onednn::scratch(Purpose::left, 1000000));
  large[999999] = 'x';
  REQUIRE(onednn::scratch(Purpose::left, 100) == large);
}

TEST_CASE("copies convert, scale, and fill up with zeros", "[cpu][onednn]") {
  const float from[] = {1, 2, -1, 3, 4, -1};  // [2, 2] in rows of 3
  std::vector<bf16> to(6, bf16(9));
  onednn::copy(MatrixRef<const float>(from, 2, 2, 3), MatrixRef<bf16>(to.data(), 3, 2), 0.5);
  const float want[] = {0.5, 1, 1.5, 2, 0, 0};
  for (int i = 0; i < 6; ++i) REQUIRE(float(to[std::size_t(i)]) == want[i]);

  float y[] = {10, 20, -1, 30, 40, -1};
  const MatrixRef<float> inside(y, 2, 2, 3);
  onednn::blend(2, MatrixRef<const float>(from, 2, 2, 3), 0.5, inside);
  REQUIRE(y[0] == 7);
  REQUIRE(y[4] == 28);
  onednn::scale(0.5, inside);
  REQUIRE(y[0] == 3.5);
  REQUIRE(y[2] == -1);
  y[0] = std::numeric_limits<float>::quiet_NaN();
  onednn::scale(0, inside);
  REQUIRE(y[0] == 0);
  y[0] = std::numeric_limits<float>::quiet_NaN();
  onednn::blend(2, MatrixRef<const float>(from, 2, 2, 3), 0, inside);
  REQUIRE(y[0] == 2);
}

TEST_CASE("a product is prepared once", "[cpu][onednn]") {
  onednn::Cache cache;
  const onednn::Problem p{.m = 5, .n = 6, .k = 7, .a_stride = 7, .b_stride = 6, .c_stride = 6};
  const auto first = cache.prepared(p);
  REQUIRE(cache.prepared(p) == first);
  auto other = p;
  other.adds = true;
  REQUIRE(cache.prepared(other) != first);
  REQUIRE(cache.packed(onednn::Type::f32, 7, 6) == cache.packed(onednn::Type::f32, 7, 6));
}

TEST_CASE("what oneDNN refuses is named", "[cpu][onednn]") {
  onednn::Problem p{.m = 5, .n = 6, .k = 7, .a_stride = 7, .b_stride = 6, .c_stride = 6};
  p.k = -2;
  const auto said = test::error_of<Error>([&] { (void)onednn::cache().prepared(p); });
  CAPTURE(said);
  REQUIRE(said.find("a product of [5, -2] by [-2, 6] in float into float failed: ") != std::string::npos);
}

TEST_CASE("inside a parallel region oneDNN is told of one thread", "[cpu][onednn]") {
  const int before = threads();
  {
    const onednn::OneThreadInside nothing;
    REQUIRE(threads() == before);
    REQUIRE_FALSE(onednn::inside_parallel());
  }
#  if defined(_OPENMP)
  int inside[2] = {}, after[2] = {};
#    pragma omp parallel for num_threads(2)
  for (int i = 0; i < 2; ++i) {
    const int mine = omp_get_max_threads();
    {
      const onednn::OneThreadInside one;
      inside[i] = omp_get_max_threads();
    }
    after[i] = omp_get_max_threads() - mine;
  }
  REQUIRE(inside[0] == 1);
  REQUIRE(after[0] == 0);
  REQUIRE(inside[1] == 1);
#  endif
}
#endif
