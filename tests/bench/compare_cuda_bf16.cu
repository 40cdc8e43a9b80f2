// SPDX-License-Identifier: MIT
// The race's side of this library on an NVIDIA GPU, weights and activations bf16.
#include "bench/compare.hpp"
#include "bench/on_device.cuh"

namespace lorica::bench {

void run_bf16(const Job& job) { run<OnCudaBf16, Device>(job); }

}  // namespace lorica::bench
