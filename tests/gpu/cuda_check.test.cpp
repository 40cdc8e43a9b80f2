// SPDX-License-Identifier: MIT
#if defined(__CUDACC__)
#  include <lorica/gpu/cuda_check.cuh>

#  include "support/catch.hpp"

using namespace lorica;

TEST_CASE("an error of CUDA says what was being done", "[gpu][cuda_check]") {
  REQUIRE_NOTHROW(gpu::detail::check(cudaSuccess, "nothing"));
  REQUIRE_THROWS_WITH(gpu::detail::check(cudaErrorInvalidValue, "a copy of ", 3, " numbers"),
                      "a copy of 3 numbers: invalid argument (cudaErrorInvalidValue)");
  REQUIRE_THROWS_AS(gpu::detail::check(cudaErrorInvalidValue, ""), gpu::DeviceError);
  CHECK(gpu::detail::name_of<float>() == "float");
}
#endif
