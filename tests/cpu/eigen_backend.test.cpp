// SPDX-License-Identifier: MIT
/// @file tests/cpu/eigen_backend.test.cpp
/// The verbs of the Eigen backend give the same bits for any number of threads. (That they are right is the
/// concern of tests/core/backend.test.cpp.)
#include <lorica/cpu/eigen_backend.hpp>

#include <lorica/core/row.hpp>
#include <lorica/core/tensor.hpp>

#include "support/backends.hpp"
#include "support/threads.hpp"

using namespace lorica;

namespace {

template <class B>
concept HasAttention = requires(B& b, const AttentionCall<typename B::scalar, typename B::master>& c) {
  b.attention(c);
};

/// A bit of everything: elementwise, rows, reductions, products.
template <class B> std::vector<double> work() {
  using T = typename B::scalar;
  using M = typename B::master;
  B b;
  const index_t n = 301, d = 157;
  const Tensor<B> x(b, n, d, test::random_numbers(1, n * d)), w(b, d, d, test::random_numbers(2, d * d));
  const MasterTensor<B> gain(b, 1, d, test::random_numbers(3, d));
  Tensor<B> y(b, n, d), z(b, n, d);
  MasterTensor<B> sums(b, 1, d), dots(b, 1, d), weight(b, d, d);
  b.multiply(x.cref(), b.pack(w.cref(), nullptr), Trans::yes, 0, y.ref());
  b.map(n * d, fn::Gelu{}, z.data(), y.cref().data);
  b.for_rows(n, row::RmsNorm<T, T, M>{z.ref(), gain.data(), y.ref(), nullptr, M(1e-6)});
  b.gemm(Trans::yes, Trans::no, 1, y.cref(), x.cref(), 0, weight.ref());
  b.column_sums(y.cref(), 0, sums.data());
  b.column_dots(y.cref(), x.cref(), 0, dots.data());
  auto all = y.template host<double>(b);
  for (auto* t : {&sums, &dots, &weight}) {
    const auto more = t->template host<double>(b);
    all.insert(all.end(), more.begin(), more.end());
  }
  all.push_back(b.sum(y.cref().data, n * d));
  all.push_back(b.sum_squares(x.data(), n * d));
  all.push_back(b.kth_smallest(weight.data(), d * d, 1000));
  return all;
}

}  // namespace

TEMPLATE_TEST_CASE("every verb gives the same bits for any number of threads", "[cpu][eigen_backend]",
                   LORICA_EIGEN_BACKENDS) {
  std::vector<double> alone;
  for (const int threads : {1, 2, 3, 5}) {
    const test::Threads with(threads);
    const auto got = work<TestType>();
    if (alone.empty()) alone = got;
    REQUIRE(got == alone);
  }
}

TEST_CASE("memory goes back to the pool and comes from it", "[cpu][eigen_backend]") {
  cpu::EigenBackend<float> b;
  const float* first = nullptr;
  {
    Tensor<cpu::EigenBackend<float>> x(b, 10, 10);
    first = x.data();
    REQUIRE(b.pool().in_use() >= 400);
  }
  REQUIRE(b.pool().in_use() == 0);
  const Tensor<cpu::EigenBackend<float>> y(b, 10, 10);
  REQUIRE(y.data() == first);
}

TEST_CASE("the fast paths are there where scalar and master are one type", "[cpu][eigen_backend]") {
  using Same = cpu::EigenBackend<float>;
  using Mixed = cpu::EigenBackend<float, cpu::EigenGemm, double>;
  STATIC_REQUIRE(HasAttention<Same>);
  STATIC_REQUIRE_FALSE(HasAttention<Mixed>);
}
