// SPDX-License-Identifier: MIT
// Every model and method over weights and activations of bf16, frozen weights packed by oneDNN.
#include "run_on.hpp"

#include <lorica/cpu/onednn_gemm.hpp>

namespace lorica::cli {

std::unique_ptr<Model> on::onednn_bf16(const std::filesystem::path& folder) {
  using B = cpu::EigenBackend<bf16, cpu::OneDnnGemm, float>;
  return std::make_unique<ModelOn<B>>(
      folder, message(has_bf16() ? "bf16" : "bf16 computed in float", ", products by ", cpu::onednn::name()));
}
bool on::has_bf16() { return cpu::OneDnnGemm::has_bf16(); }

}  // namespace lorica::cli
