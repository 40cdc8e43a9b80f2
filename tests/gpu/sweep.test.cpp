// SPDX-License-Identifier: MIT
/// @file tests/gpu/sweep.test.cpp
/// Whose an index is, where parts are many, empty, or as long as a piece. (Every backend's sweep:
/// tests/core/sweep.test.cpp.)
#include <lorica/gpu/sweep.cuh>

#include <lorica/core/tensor.hpp>
#include <lorica/gpu/thrust_backend.cuh>

#include "support/catch.hpp"

#include <vector>

using namespace lorica;
using B = gpu::ThrustBackend<double>;

namespace {
/// y_i += 1, of a part that says it is large.
struct Count {
  double* y;
  char ballast[100];
  LORICA_HD void operator()(index_t i) const { y[i] += 1; }
};
}  // namespace

TEST_CASE("more parts than one launch takes are several launches", "[gpu][sweep]") {
  using Some = gpu::detail::SweepSome<Count>;
  static_assert(sizeof(Some) < 20000);
  B b;
  const index_t parts = 2 * Some::most + 7;
  std::vector<Tensor<B>> all;
  std::vector<SweepPart<Count>> sweeps;
  for (index_t p = 0; p < parts; ++p) {
    const index_t n = p % 5 == 0 ? 0 : p % 7 == 0 ? 256 : 1 + 37 * p % 700;
    all.push_back(zeros<double>(b, 1, n));
    sweeps.push_back({n, {all.back().data(), {}}});
  }
  b.sweep(std::span<const SweepPart<Count>>(sweeps));
  for (const auto& y : all)
    for (const double times : y.host(b)) REQUIRE(times == 1);
}

TEST_CASE("parts without elements are nobody's", "[gpu][sweep]") {
  gpu::detail::SweepSome<Count> some;
  CHECK(some.indices() == 0);
  double counts[300] = {};
  for (const index_t n : {0, 3, 0, 0, 297, 0}) some.add({n, {counts + (n == 297 ? 3 : 0), {}}});
  CHECK(some.indices() == 3 * gpu::detail::sweep_piece);
#if !defined(__CUDACC__)
  for (index_t i = 0; i < some.indices(); ++i) some(i);
  for (const double times : counts) CHECK(times == 1);
#endif
}
