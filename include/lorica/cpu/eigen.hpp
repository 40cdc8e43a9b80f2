// SPDX-License-Identifier: MIT
/// @file lorica/cpu/eigen.hpp
/// Eigen, and our matrices as Eigen sees them.
#pragma once

#include <lorica/core/bf16.hpp>
#include <lorica/core/matrix.hpp>

#if defined(__GNUC__) && \
    !defined(__clang__)  // g++ 12 mistrusts the "undefined" registers of its own AVX-512 header
#  pragma GCC diagnostic push
#  pragma GCC diagnostic ignored "-Wuninitialized"
#  pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <Eigen/Core>
#if defined(__GNUC__) && !defined(__clang__)
#  pragma GCC diagnostic pop
#endif

namespace lorica::cpu {

template <class T> using RowMajor = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class T>
using Map =
    Eigen::Map<std::conditional_t<std::is_const_v<T>, const RowMajor<std::remove_const_t<T>>, RowMajor<T>>, 0,
               Eigen::OuterStride<>>;

template <class T> Map<T> map_of(MatrixRef<T> m) {
  return {m.data, m.rows, m.cols, Eigen::OuterStride<>(m.stride)};
}

}  // namespace lorica::cpu
