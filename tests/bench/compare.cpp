// SPDX-License-Identifier: MIT
// The race's side of this library on a CPU: see compare.hpp.
#include <lorica/cpu/eigen_backend.hpp>

#include "bench/compare.hpp"

#if defined(LORICA_ONEDNN)
#  include <lorica/cpu/onednn_gemm.hpp>
#endif

using namespace lorica;
using namespace lorica::bench;

int main(int argc, char** argv) {
  const Way ways[] = {
    {"eigen", "fp32", run<cpu::EigenBackend<float>>},
#if defined(LORICA_ONEDNN)
    {"onednn", "fp32", run<cpu::EigenBackend<float, cpu::OneDnnGemm>>},
    {"onednn", "bf16", run<cpu::EigenBackend<bf16, cpu::OneDnnGemm, float>>},
#endif
  };
#if defined(LORICA_ONEDNN)
  return compare(argc, argv, ways, {{"has_bf16", cpu::OneDnnGemm::has_bf16()}});
#else
  return compare(argc, argv, ways, {{"has_bf16", false}});
#endif
}
