// SPDX-License-Identifier: MIT
// Every model and method on an NVIDIA GPU, weights and activations float.
#include "on_cuda.hpp"
#include "run_on.hpp"

#include <lorica/gpu/device.cuh>

namespace lorica::cli {

std::unique_ptr<Model> on::cuda(const std::filesystem::path& folder) {
  const auto device = gpu::the_device();
  return std::make_unique<ModelOn<OnCuda>>(folder, message("float on ", device.name, ", products by cuBLAS"));
}
std::optional<std::string> on::why_no_cuda() {
  std::string why;
  return gpu::find_device(&why) ? std::nullopt : std::optional(why);
}

}  // namespace lorica::cli
