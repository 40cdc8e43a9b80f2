// SPDX-License-Identifier: MIT
/// @file tests/gpu/device.test.cpp
/// A device, and every reason why there may be none.
#if defined(__CUDACC__)
#  include <lorica/gpu/device.cuh>

#  include "support/catch.hpp"

using namespace lorica;

TEST_CASE("why there is no device is one sentence", "[gpu][device]") {
  using gpu::why_no_device;
  CHECK_FALSE(why_no_device(cudaSuccess, 1, 13000, 13000));
  CHECK_FALSE(why_no_device(cudaSuccess, 2, 13020, 13000));
  CHECK(why_no_device(cudaErrorInsufficientDriver, 0, 0, 13000) ==
        "there is no NVIDIA driver on this machine");
  CHECK(why_no_device(cudaErrorInsufficientDriver, 0, 12040, 13000) ==
        "the NVIDIA driver knows CUDA 12.4, this program was built with CUDA 13.0: update the driver");
  CHECK(why_no_device(cudaErrorNoDevice, 0, 13000, 13000) ==
        "the driver finds no NVIDIA GPU (does CUDA_VISIBLE_DEVICES hide it?)");
  CHECK(why_no_device(cudaErrorSystemNotReady, 0, 13000, 13000) ==
        "CUDA does not start: system not yet initialized");
}

TEST_CASE("the device says what it is", "[gpu][device]") {
  const auto d = gpu::the_device();
  CHECK_FALSE(d.name.empty());
  CHECK(d.free <= d.memory);
  CHECK(d.has_bf16());
}
#endif
