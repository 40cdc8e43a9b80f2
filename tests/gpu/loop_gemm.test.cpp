// SPDX-License-Identifier: MIT
/// @file tests/gpu/loop_gemm.test.cpp
/// What only the loop can do. (All its products are held against plain loops in tests/core/backend.test.cpp.)
#include <lorica/gpu/loop_gemm.cuh>

#include <lorica/core/tensor.hpp>
#include <lorica/gpu/thrust_backend.cuh>

#include "support/catch.hpp"
#include "support/threads.hpp"
#include "support/tolerance.hpp"

using namespace lorica;
using B = gpu::ThrustBackend<double>;

TEST_CASE("a row may be said many times", "[gpu][loop_gemm]") {
  B b;
  const Tensor<B> x(b, 1, 3, std::vector<double>{1, 2, 3}), w(b, 2, 3, std::vector<double>{1, 0, 0, 0, 1, 1});
  Tensor<B> y(b, 4, 2);
  const MatrixRef<const double> repeated(x.data(), 4, 3, 0);
  gpu::LoopGemm{}.gemm(Trans::no, Trans::yes, 1.0, repeated, w.cref(), 0.0, y.ref());
  REQUIRE(y.host(b) == std::vector<double>{1, 5, 1, 5, 1, 5, 1, 5});
}

TEST_CASE("sums are taken in the widest type that takes part", "[gpu][loop_gemm]") {
  using Mixed = gpu::ThrustBackend<float, gpu::LoopGemm, double>;
  Mixed b;
  // 2^30 + 1 - 2^30: a float would lose the one.
  const Tensor<Mixed> a(b, 1, 3, std::vector<double>{0x1p30, 1, -0x1p30}),
      ones(b, 1, 3, std::vector<double>{1, 1, 1});
  MasterTensor<Mixed> c(b, 1, 1);
  b.gemm(Trans::no, Trans::yes, 1, a.cref(), ones.cref(), 0, c.ref());
  REQUIRE(c.host(b)[0] == 1);
}

TEST_CASE("bf16 is widened, summed in float and rounded once", "[gpu][loop_gemm]") {
  using Half = gpu::ThrustBackend<bf16>;
  STATIC_REQUIRE(std::same_as<Half::master, float>);
  Half b;
  const auto x = test::rounded<bf16>(test::random_numbers(1, 7 * 50)),
             w = test::rounded<bf16>(test::random_numbers(2, 5 * 50));
  const Tensor<Half> tx(b, 7, 50, x), tw(b, 5, 50, w);
  MasterTensor<Half> y(b, 7, 5);
  Tensor<Half> rounded(b, 7, 5);
  b.gemm(Trans::no, Trans::yes, 1, tx.cref(), tw.cref(), 0, y.ref());
  b.gemm(Trans::no, Trans::yes, 1, tx.cref(), tw.cref(), 0, rounded.ref());
  std::vector<double> want;
  for (std::size_t i = 0; i < 7; ++i)
    for (std::size_t j = 0; j < 5; ++j) {
      double s = 0;
      for (std::size_t p = 0; p < 50; ++p) s += x[i * 50 + p] * w[j * 50 + p];
      want.push_back(s);
    }
  REQUIRE(test::relative_error(y.template host<double>(b), want) < 1e-6);
  REQUIRE(rounded.template host<double>(b) == test::rounded<bf16>(y.template host<double>(b)));
}

TEST_CASE("a loop's product has the same bits for any number of threads", "[gpu][loop_gemm]") {
  std::vector<double> alone;
  for (const int threads : {1, 2, 3}) {
    const test::Threads with(threads);
    B b;
    const Tensor<B> x(b, 33, 70, test::random_numbers(1, 33 * 70)),
        w(b, 70, 41, test::random_numbers(2, 70 * 41));
    Tensor<B> y(b, 33, 41);
    b.gemm(Trans::no, Trans::no, 1, x.cref(), w.cref(), 0, y.ref());
    const auto got = y.host(b);
    if (alone.empty()) alone = got;
    REQUIRE(got == alone);
  }
}
