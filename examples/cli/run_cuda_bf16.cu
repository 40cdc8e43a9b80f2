// SPDX-License-Identifier: MIT
// Every model and method on an NVIDIA GPU, weights and activations bf16.
#include "run_on.hpp"

#include <lorica/gpu/cublas_gemm.cuh>
#include <lorica/gpu/device.cuh>

namespace lorica::cli {

std::unique_ptr<Model> on::cuda_bf16(const std::filesystem::path& folder) {
  const auto device = gpu::the_device();
  return std::make_unique<ModelOn<gpu::ThrustBackend<bf16, gpu::CublasGemm>>>(
      folder, message("bf16 on ", device.name, ", products by cuBLAS"));
}

}  // namespace lorica::cli
