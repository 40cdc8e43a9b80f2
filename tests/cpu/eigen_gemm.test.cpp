// SPDX-License-Identifier: MIT
/// @file tests/cpu/eigen_gemm.test.cpp
/// What a product is worth does not depend on who computes it: bit for bit, for any number of threads. (That
/// it is right is the concern of tests/core/backend.test.cpp.)
#include <lorica/cpu/eigen_gemm.hpp>

#include <lorica/core/random.hpp>

#include "support/catch.hpp"
#include "support/threads.hpp"

#include <array>
#include <cstring>
#include <vector>

using namespace lorica;

namespace {

template <class T> std::vector<T> numbers(Seed seed, index_t n) {
  std::vector<T> x;
  for (const double v : uniforms(Stream(seed, "test", ""), n, 1.0)) x.push_back(static_cast<T>(v));
  return x;
}

/// How many of the numbers of op(A) op(B) differ from those of one thread, over numbers of threads.
template <class TA, class TB, class TC>
int differences(index_t m, index_t n, index_t k, Trans ta, Trans tb, double beta) {
  const auto a = numbers<TA>(1, m * k);
  const auto b = numbers<TB>(2, k * n);
  const auto before = numbers<TC>(3, m * n);
  const MatrixRef<const TA> ra(a.data(), ta == Trans::no ? m : k, ta == Trans::no ? k : m);
  const MatrixRef<const TB> rb(b.data(), tb == Trans::no ? k : n, tb == Trans::no ? n : k);
  std::vector<TC> alone;
  int count = 0;
  for (const int threads : {1, 2, 3, 4, 7}) {
    const test::Threads with(threads);
    auto c = before;
    cpu::EigenGemm::gemm(ta, tb, 1.0, ra, rb, beta, MatrixRef<TC>(c.data(), m, n));
    if (alone.empty()) alone = c;
    for (std::size_t i = 0; i < c.size(); ++i) count += std::memcmp(&c[i], &alone[i], sizeof(TC)) != 0;
  }
  return count;
}

/// Rows, columns, depth. Eigen blocks the depth above some 300 and rows and columns by its caches; it has
/// kernels of its own for what is left over, for single rows and columns, and for little products.
constexpr std::array<index_t, 3> shapes[] = {
    {128, 768, 768}, {257, 96, 1000}, {129, 40, 700}, {1000, 8, 768},  {1, 768, 768},  {768, 1, 300},
    {2, 3000, 65},   {8, 768, 1024},  {8, 8, 5000},   {1, 8, 20000},   {17, 90, 400},  {17, 95, 3000},
    {15, 90, 1000},  {16, 96, 513},   {65, 145, 129}, {127, 97, 1030}, {24, 2000, 33}, {131, 131, 131},
    {200, 3, 1000},  {300, 1, 400},   {20000, 3, 2},  {40, 1, 9000},   {9, 193, 300},  {1025, 17, 64}};

template <class TA, class TB, class TC> void check_all() {
  for (const auto& [m, n, k] : shapes)
    for (const Trans ta : {Trans::no, Trans::yes})
      for (const Trans tb : {Trans::no, Trans::yes}) {
        CAPTURE(m, n, k, ta == Trans::yes, tb == Trans::yes);
        CHECK(differences<TA, TB, TC>(m, n, k, ta, tb, 0.0) == 0);
        if (m * n < 20000) CHECK(differences<TA, TB, TC>(m, n, k, ta, tb, 0.5) == 0);
      }
}

}  // namespace

TEST_CASE("float products have the same bits for any number of threads", "[cpu][eigen_gemm]") {
  check_all<float, float, float>();
}
TEST_CASE("double products have the same bits for any number of threads", "[cpu][eigen_gemm]") {
  check_all<double, double, double>();
}
TEST_CASE("mixed products have the same bits for any number of threads", "[cpu][eigen_gemm]") {
  check_all<float, double, float>();
}

TEST_CASE("Eigen's packing is the identity", "[cpu][eigen_gemm]") {
  const auto w = numbers<float>(1, 12);
  const auto keep = std::make_shared<int>(0);
  const auto packed = cpu::EigenGemm::pack(MatrixRef<const float>(w.data(), 3, 4), keep);
  REQUIRE(cpu::EigenGemm::unpacked(packed).data == w.data());
  REQUIRE(keep.use_count() == 2);
}

TEST_CASE("a map sees the stride", "[cpu][eigen_gemm]") {
  float x[6] = {1, 2, 3, 4, 5, 6};
  const auto m = cpu::map_of(MatrixRef<float>(x, 3, 2).columns(1, 1));
  REQUIRE(m.rows() == 3);
  REQUIRE(m(2, 0) == 6);
}
