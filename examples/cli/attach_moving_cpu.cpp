// SPDX-License-Identifier: MIT
// Methods under a budget, on the Eigen backend.
#include "attach.hpp"

#include <lorica/cpu/eigen_backend.hpp>

namespace lorica::cli {

using B = cpu::EigenBackend<float>;
template AnyAdapted<B> attach_moving(B&, const nn::AnyModel<B>&, const Choice&, Adapter, Score,
                                     const adapt::Placement&);

}  // namespace lorica::cli
