// SPDX-License-Identifier: MIT
/// @file tests/gpu/epilogue.test.cpp
/// A product with what comes after it, against the product and then the rest, by every policy there is.
#include <lorica/gpu/epilogue.cuh>

#include <lorica/core/frozen.hpp>
#include <lorica/gpu/thrust_backend.cuh>

#include "support/backends.hpp"

#include <cmath>
#include <numbers>
#include <vector>

using namespace lorica;

namespace {
#if defined(__CUDACC__)
template <class T> using Policy = gpu::ThrustBackend<T, gpu::CublasGemm>;
#else
template <class T> using Policy = gpu::ThrustBackend<T>;
#endif
double gelu(double x) {
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
}
}  // namespace

TEMPLATE_TEST_CASE("a bias and GELU in the product are those after it", "[gpu][epilogue]", float, bf16) {
  using T = TestType;
  using B = Policy<T>;
  const double near = std::same_as<T, bf16> ? 1e-2 : 1e-5;
  B b;
  constexpr index_t shapes[][3] = {
      {3, 8, 8}, {129, 64, 40}, {512, 768, 256}};  // cuBLASLt's are multiples of 8
  for (const auto& shape : shapes) {
    const index_t n = shape[0], m = shape[1], k = shape[2];
    CAPTURE(n, m, k);
    const auto some = [](Seed seed, index_t count) {
      return test::rounded<bf16>(test::random_numbers(seed, count));
    };
    const auto hx = some(1, n * k), hw = some(2, m * k), hb = some(3, m), hy = some(4, n * m);
    const Tensor<B> x(b, n, k, hx);
    const Frozen<B> w(b, Tensor<B>(b, m, k, hw));
    const MasterTensor<B> bias(b, 1, m, hb);
    std::vector<double> product;
    for (index_t i = 0; i < n; ++i)
      for (index_t j = 0; j < m; ++j) {
        double s = 0;
        for (index_t p = 0; p < k; ++p)
          s += hx[static_cast<std::size_t>(i * k + p)] * hw[static_cast<std::size_t>(j * k + p)];
        product.push_back(s);
      }
    const auto expected = [&](bool with_bias, bool onto, bool of_gelu) {
      auto all = product;
      for (std::size_t e = 0; e < all.size(); ++e) {
        all[e] += (with_bias ? hb[e % static_cast<std::size_t>(m)] : 0) + (onto ? hy[e] : 0);
        if (of_gelu) all[e] = gelu(all[e]);
      }
      return all;
    };
    Tensor<B> y(b, n, m), z(b, n, m);
    const bool done = b.multiply_biased(x.cref(), w.packed(), bias.data(), y.ref());
    REQUIRE((done || n == 3));  // cuBLASLt may refuse the smallest
    if (!done) continue;
    CHECK(test::relative_error(y.template host<double>(b), expected(true, false, false)) < near);
    for (const bool with_bias : {false, true})
      for (const bool onto : {false, true}) {
        CAPTURE(with_bias, onto);
        y = Tensor<B>(b, n, m, hy);
        REQUIRE(b.multiply_gelu_tanh(x.cref(), w.packed(), with_bias ? bias.data() : nullptr, onto ? 1 : 0,
                                     z.ref(), y.ref()));
        CHECK(test::relative_error(z.template host<double>(b), expected(with_bias, onto, false)) < near);
        CHECK(test::relative_error(y.template host<double>(b), expected(with_bias, onto, true)) < near);
      }
  }
}

TEST_CASE("a width that cuBLASLt has no GELU for is refused, and y is as it was", "[gpu][epilogue]") {
  using B = Policy<float>;
  B b;
  const index_t n = 5, m = 20, k = 16;
  const Tensor<B> x(b, n, k, test::random_numbers(1, n * k));
  const Frozen<B> w(b, Tensor<B>(b, m, k, test::random_numbers(2, m * k)));
  const auto before = test::rounded<float>(test::random_numbers(3, n * m));
  Tensor<B> y(b, n, m, before), z(b, n, m);
  if (!b.multiply_gelu_tanh(x.cref(), w.packed(), nullptr, 1, z.ref(), y.ref()))
    CHECK(y.template host<double>(b) == before);
  else
    CHECK(y.template host<double>(b) != before);
}

TEST_CASE("a product with an epilogue names what does not fit", "[gpu][epilogue]") {
  using B = gpu::ThrustBackend<double>;
  B b;
  const Tensor<B> x(b, 2, 3);
  const Frozen<B> w(b, zeros<double>(b, 4, 3));
  Tensor<B> y(b, 2, 4), narrow(b, 2, 3);
  CHECK(test::error_of<ShapeError>([&] {
          (void)b.multiply_gelu_tanh(x.cref(), w.packed(), nullptr, 0, narrow.ref(), y.ref());
        }) == "multiply_gelu_tanh: Z is [2, 3], expected [2, 4]");
  CHECK(test::error_of<ShapeError>([&] {
          (void)b.multiply_biased(x.cref(), w.packed(), nullptr, narrow.ref());
        }) == "multiply: Y is [2, 3], expected [2, 4]");
}
