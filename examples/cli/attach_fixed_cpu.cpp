// SPDX-License-Identifier: MIT
// Methods whose ranks stay, on the Eigen backend.
#include "attach.hpp"

#include <lorica/cpu/eigen_backend.hpp>

namespace lorica::cli {

using B = cpu::EigenBackend<float>;
template AnyAdapted<B> attach_fixed(B&, const nn::AnyModel<B>&, const Choice&, Adapter,
                                    const adapt::Placement&);

}  // namespace lorica::cli
