// SPDX-License-Identifier: MIT
// Every model and method in float, frozen weights packed by oneDNN.
#include "run_on.hpp"

#include <lorica/cpu/onednn_gemm.hpp>

namespace lorica::cli {

std::unique_ptr<Model> on::onednn(const std::filesystem::path& folder) {
  using B = cpu::EigenBackend<float, cpu::OneDnnGemm>;
  return std::make_unique<ModelOn<B>>(folder, "float, products by " + cpu::onednn::name());
}

}  // namespace lorica::cli
