// SPDX-License-Identifier: MIT
/// @file tests/support/main_gpu.cpp
/// Runs the device's tests where there is a device; otherwise exits 77, which CTest reports as Skipped.
#define CATCH_CONFIG_RUNNER
#include "support/catch.hpp"

#include <cuda_runtime_api.h>

#include <cstdio>
#include <string_view>

int main(int argc, char** argv) {
  bool listing = false;  // the build lists the tests, on machines without a device too
  for (int i = 1; i < argc; ++i) listing = listing || std::string_view(argv[i]).starts_with("--list");
  int devices = 0;
  if (!listing && (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0)) {
    std::puts("skipped: there is no CUDA device");
    return 77;
  }
  return Catch::Session().run(argc, argv);
}
