// SPDX-License-Identifier: MIT
// The race's side of this library on an NVIDIA GPU: see compare.hpp. What computes in bf16 is compiled beside
// it, in compare_cuda_bf16.cu.
#include <lorica/gpu/device.cuh>

#include "bench/compare.hpp"
#include "bench/on_device.cuh"

namespace lorica::bench {
void run_bf16(const Job& job);
}  // namespace lorica::bench

using namespace lorica;
using namespace lorica::bench;

int main(int argc, char** argv) try {
  const auto device = gpu::the_device();
  const Way ways[] = {{"cublas", "fp32", run<OnCuda, Device>}, {"cublas", "bf16", run_bf16}};
  return compare(argc, argv, ways, {{"has_bf16", device.has_bf16()}, {"device", device.name}});
} catch (const std::exception& error) {
  std::cerr << "compare: " << error.what() << '\n';
  return 1;
}
