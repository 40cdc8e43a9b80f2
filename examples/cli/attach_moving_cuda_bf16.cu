// SPDX-License-Identifier: MIT
// Methods under a budget, on an NVIDIA GPU, weights and activations bf16.
#include "on_cuda.hpp"

namespace lorica::cli {

using B = OnCudaBf16;
template AnyAdapted<B> attach_moving(B&, const nn::AnyModel<B>&, const Choice&, Adapter, Score,
                                     const adapt::Placement&);

}  // namespace lorica::cli
