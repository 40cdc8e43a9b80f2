// SPDX-License-Identifier: MIT
// The two backends of an NVIDIA GPU. A file a backend has the model; the methods are in files of their own,
// so that nvcc compiles them side by side.
#pragma once

#include "attach.hpp"

#include <lorica/gpu/cublas_gemm.cuh>

namespace lorica::cli {

using OnCuda = gpu::ThrustBackend<float, gpu::CublasGemm>;
using OnCudaBf16 = gpu::ThrustBackend<bf16, gpu::CublasGemm>;

extern template AnyAdapted<OnCuda> attach_fixed(OnCuda&, const nn::AnyModel<OnCuda>&, const Choice&, Adapter,
                                                const adapt::Placement&);
extern template AnyAdapted<OnCuda> attach_moving(OnCuda&, const nn::AnyModel<OnCuda>&, const Choice&, Adapter,
                                                 Score, const adapt::Placement&);
extern template AnyAdapted<OnCudaBf16> attach_fixed(OnCudaBf16&, const nn::AnyModel<OnCudaBf16>&,
                                                    const Choice&, Adapter, const adapt::Placement&);
extern template AnyAdapted<OnCudaBf16> attach_moving(OnCudaBf16&, const nn::AnyModel<OnCudaBf16>&,
                                                     const Choice&, Adapter, Score, const adapt::Placement&);

}  // namespace lorica::cli
