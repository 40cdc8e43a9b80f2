// SPDX-License-Identifier: MIT
/// @file tests/gpu/cublas_gemm.test.cpp
/// cuBLAS against the loop, on a device. (Its layout is tested without one in
/// tests/gpu/column_major.test.cpp, and all its products with the other backends in
/// tests/core/backend.test.cpp.)
#if defined(__CUDACC__)
#  include <lorica/gpu/cublas_gemm.cuh>

#  include <lorica/core/tensor.hpp>

#  include "support/catch.hpp"
#  include "support/tolerance.hpp"

using namespace lorica;

namespace {

template <class B, class T>
std::vector<double> product(B& b, MatrixRef<const T> a, Trans ta, MatrixRef<const T> x, Trans tb, index_t m,
                            index_t n) {
  Tensor<B> c(b, m, n, test::random_numbers(3, m * n));
  b.gemm(ta, tb, T(0.5), a, x, T(-1), c.ref());
  return c.template host<double>(b);
}

}  // namespace

TEMPLATE_TEST_CASE("cuBLAS computes what the loop computes", "[gpu][cublas_gemm]", float, double) {
  using T = TestType;
  using Fast = gpu::ThrustBackend<T, gpu::CublasGemm>;
  using Slow = gpu::ThrustBackend<T>;
  Fast fast;
  Slow slow;
  constexpr index_t shapes[][3] = {{1, 1, 1},       {1, 700, 300}, {300, 1, 64}, {129, 257, 511},
                                   {512, 768, 768}, {7, 0, 3},     {5, 6, 0}};
  for (const auto& [m, n, k] : shapes)
    for (const Trans ta : {Trans::no, Trans::yes})
      for (const Trans tb : {Trans::no, Trans::yes}) {
        CAPTURE(m, n, k, ta == Trans::yes, tb == Trans::yes);
        const index_t ar = ta == Trans::no ? m : k, ac = ta == Trans::no ? k : m;
        const index_t br = tb == Trans::no ? k : n, bc = tb == Trans::no ? n : k;
        const Tensor<Fast> a(fast, ar, ac + 3, test::random_numbers(1, ar * (ac + 3))),
            x(fast, br, bc + 2, test::random_numbers(2, br * (bc + 2)));
        const auto ra = a.ref().columns(2, ac), rx = x.ref().columns(1, bc);
        REQUIRE(test::relative_error(product(fast, ra, ta, rx, tb, m, n),
                                     product(slow, ra, ta, rx, tb, m, n)) < test::tolerance_of<T>());
      }
}

namespace {
/// The error of C <- A B^T / 2 - C in these types, beside the loop's. A second run gives the same bits.
template <class TA, class TB, class TC> double error_of_bf16() {
  using B = gpu::ThrustBackend<bf16, gpu::CublasGemm>;
  B b;
  double worst = 0;
  constexpr index_t shapes[][3] = {{1, 8, 64}, {129, 16, 768}, {300, 257, 511}, {16, 768, 300}};
  for (const auto& [m, n, k] : shapes) {
    const Tensor<B, TA> a(b, m, k, test::random_numbers(1, m * k));
    const Tensor<B, TB> x(b, n, k, test::random_numbers(2, n * k));
    const auto by = [&](const auto& policy) {
      Tensor<B, TC> c(b, m, n, test::random_numbers(3, m * n));
      policy.gemm(Trans::no, Trans::yes, 0.5f, a.cref(), x.cref(), -1.f, c.ref());
      return c.template host<double>(b);
    };
    const gpu::CublasGemm fast;
    const auto got = by(fast);
    REQUIRE(by(fast) == got);
    worst = std::max(worst, test::relative_error(got, by(gpu::LoopGemm{})));
  }
  return worst;
}
}  // namespace

TEST_CASE("bf16 is multiplied on tensor cores, and what meets it is rounded", "[gpu][cublas_gemm]") {
  CHECK(error_of_bf16<bf16, bf16, float>() < 1e-5);
  CHECK(error_of_bf16<bf16, bf16, bf16>() < 1e-2);
  CHECK(error_of_bf16<bf16, float, float>() < 1e-2);
  CHECK(error_of_bf16<float, bf16, float>() < 1e-2);
  CHECK(error_of_bf16<float, float, bf16>() < 1e-2);
}

TEST_CASE("what cuBLAS cannot express goes to the loop", "[gpu][cublas_gemm]") {
  using B = gpu::ThrustBackend<double, gpu::CublasGemm>;
  B b;
  const Tensor<B> x(b, 1, 3, std::vector<double>{1, 2, 3}), w(b, 2, 3, std::vector<double>{1, 0, 0, 0, 1, 1});
  Tensor<B> y(b, 2, 2);
  b.gemm(Trans::no, Trans::yes, 1, MatrixRef<const double>(x.data(), 2, 3, 0), w.cref(), 0, y.ref());
  REQUIRE(y.host(b) == std::vector<double>{1, 5, 1, 5});
}
#endif
