// SPDX-License-Identifier: MIT
/// @file tests/gpu/cublas_lt.test.cpp
/// The handle itself; every product it does for a backend is held against the loop in cublas_gemm.test.cpp.
#if defined(__CUDACC__)
#  include <lorica/gpu/cublas_lt.cuh>

#  include <lorica/core/tensor.hpp>
#  include <lorica/gpu/thrust_backend.cuh>

#  include "support/catch.hpp"

using namespace lorica;

TEST_CASE("a plan serves again, and other alignments have their own", "[gpu][cublas_lt]") {
  using B = gpu::ThrustBackend<float>;
  B b;
  gpu::CublasLt lt;
  // By columns: z [2, 1] = x [2, 3] y [3, 1].
  gpu::ColumnMajor p;
  p.m = 2, p.n = 1, p.k = 3;
  p.ld_first = 2, p.ld_second = 3, p.ld_result = 2;
  const Tensor<B> x(b, 1, 7, std::vector<double>{9, 1, 2, 3, 4, 5, 6}),
      y(b, 1, 3, std::vector<double>{1, 10, 100});
  for (int again = 0; again < 2; ++again) {
    Tensor<B> z(b, 1, 2, std::vector<double>{1, 1});
    REQUIRE(lt.multiply(p, 1.f, x.data() + 1, y.data(), 2.f, z.data()));
    CHECK(z.host(b) == std::vector<float>{533, 644});
  }
  Tensor<B> z(b, 1, 2, std::vector<double>{0, 0});
  REQUIRE(lt.multiply(p, 1.f, x.data(), y.data(), 0.f, z.data()));
  CHECK(z.host(b) == std::vector<float>{429, 531});
}
#endif
