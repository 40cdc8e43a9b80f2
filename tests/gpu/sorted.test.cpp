// SPDX-License-Identifier: MIT
#include <lorica/gpu/sorted.cuh>

#include "support/catch.hpp"
#include "support/tolerance.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

using namespace lorica;

namespace {

template <class T> std::vector<T> sorted(const std::vector<T>& x) {
  const auto n = static_cast<index_t>(x.size());
  const auto pool = std::make_shared<gpu::Pool>();
  gpu::Buffer<T> on_device(pool, n);
  if (n > 0) gpu::detail::to_device(x.data(), on_device.data(), n);
  const auto made = gpu::detail::sorted(pool, std::as_const(on_device).data(), n);
  std::vector<T> out(x.size());
  if (n > 0) gpu::detail::to_host(made.data(), out.data(), n);
  return out;
}

}  // namespace

TEMPLATE_TEST_CASE("sorted is in ascending order, with NaN of either sign last", "[gpu][sorted][kernel]",
                   float, double) {
  using T = TestType;
  using limits = std::numeric_limits<T>;
  for (const index_t n : {0, 1, 2, 1001, 70000}) {
    CAPTURE(n);
    std::vector<T> x;
    for (const double v : test::random_numbers(1, n)) x.push_back(T(v));
    auto want = x;
    std::ranges::sort(want);
    REQUIRE(sorted(x) == want);
  }
  const auto odd = sorted<T>({limits::quiet_NaN(), 2, -limits::infinity(), -limits::quiet_NaN(),
                              limits::infinity(), -limits::denorm_min(), 0});
  REQUIRE(std::vector<T>(odd.begin(), odd.begin() + 5) ==
          std::vector<T>{-limits::infinity(), -limits::denorm_min(), 0, 2, limits::infinity()});
  REQUIRE((std::isnan(odd[5]) && std::isnan(odd[6])));
}

TEST_CASE("every NaN becomes the one whose bits come last", "[gpu][sorted][kernel]") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float x[] = {-nan, 1.f, nan};
  float to[3];
  for (index_t i = 0; i < 3; ++i) gpu::detail::NanIsLargest<float>{x, to}(i);
  REQUIRE((std::isnan(to[0]) && !std::signbit(to[0]) && to[1] == 1.f && std::isnan(to[2])));
}
