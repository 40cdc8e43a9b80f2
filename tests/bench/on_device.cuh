// SPDX-License-Identifier: MIT
/// @file tests/bench/on_device.cuh
/// What benchmarks measure of a GPU.
#pragma once

#include <lorica/gpu/cublas_gemm.cuh>

namespace lorica::bench {

using OnCuda = gpu::ThrustBackend<float, gpu::CublasGemm>;
using OnCudaBf16 = gpu::ThrustBackend<bf16, gpu::CublasGemm>;

/// bench/compare.hpp's Place.
struct Device {
  /// MiB of the pool's buffers, and cuBLASLt's room: what PyTorch counts as allocated.
  template <class B> static double peak(B& b) {
    return double(b.pool().peak() + gpu::CublasLt::workspace_bytes) / 1048576.0;
  }
  static void finish() { gpu::detail::check(cudaDeviceSynchronize(), "waiting for the device"); }
};

}  // namespace lorica::bench
