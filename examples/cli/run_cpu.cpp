// SPDX-License-Identifier: MIT
// Every model and method on the Eigen backend, but for the methods, which are in files of their own.
#include "run_on.hpp"

#include <lorica/cpu/eigen_backend.hpp>

namespace lorica::cli {

using B = cpu::EigenBackend<float>;
extern template AnyAdapted<B> attach_fixed(B&, const nn::AnyModel<B>&, const Choice&, Adapter,
                                           const adapt::Placement&);
extern template AnyAdapted<B> attach_moving(B&, const nn::AnyModel<B>&, const Choice&, Adapter, Score,
                                            const adapt::Placement&);

std::unique_ptr<Model> on::eigen(const std::filesystem::path& folder) {
  return std::make_unique<ModelOn<B>>(folder, usual_backend);
}

}  // namespace lorica::cli
