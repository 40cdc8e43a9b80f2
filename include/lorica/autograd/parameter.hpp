// SPDX-License-Identifier: MIT
/// @file lorica/autograd/parameter.hpp
/// A matrix that trains.
#pragma once

#include <lorica/core/tensor.hpp>

#include <string>

namespace lorica {

/// A named trainable matrix and the place its gradient accumulates, both [rows, cols] in the master type. The
/// gradient is empty until a backward pass reaches it; it is the tape's bookkeeping, so a const model may
/// receive one.
template <Backend B> struct Parameter {
  using backend = B;
  std::string name;
  MasterTensor<B> value;
  mutable MasterTensor<B> grad = {};

  [[nodiscard]] index_t rows() const noexcept { return value.rows(); }
  [[nodiscard]] index_t cols() const noexcept { return value.cols(); }
  [[nodiscard]] Shape shape() const noexcept { return value.shape(); }
};

}  // namespace lorica
