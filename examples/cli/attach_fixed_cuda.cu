// SPDX-License-Identifier: MIT
// Methods whose ranks stay, on an NVIDIA GPU, weights and activations float.
#include "on_cuda.hpp"

namespace lorica::cli {

using B = OnCuda;
template AnyAdapted<B> attach_fixed(B&, const nn::AnyModel<B>&, const Choice&, Adapter,
                                    const adapt::Placement&);

}  // namespace lorica::cli
