// SPDX-License-Identifier: MIT
// Every model and method on an NVIDIA GPU, weights and activations bf16.
#include "on_cuda.hpp"
#include "run_on.hpp"

#include <lorica/gpu/device.cuh>

namespace lorica::cli {

std::unique_ptr<Model> on::cuda_bf16(const std::filesystem::path& folder) {
  const auto device = gpu::the_device();
  return std::make_unique<ModelOn<OnCudaBf16>>(folder,
                                               message("bf16 on ", device.name, ", products by cuBLAS"));
}

}  // namespace lorica::cli
