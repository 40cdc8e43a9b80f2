// SPDX-License-Identifier: MIT
/// @file lorica/core/matrix.hpp
/// A matrix that belongs to someone else: a pointer and a shape. Rows are tokens; storage is row-major.
#pragma once

#include <lorica/core/check.hpp>

#include <type_traits>

namespace lorica {

/// Whether an operand of a product is taken transposed.
enum class Trans : bool { no, yes };

/// A non-owning row-major matrix [rows, cols]; row i starts at data + i * stride. Trivially copyable, so that
/// it may enter a device functor. The pointer lives where the backend's memory lives.
template <class T> struct MatrixRef {
  T* data = nullptr;
  index_t rows = 0;
  index_t cols = 0;
  index_t stride = 0;

  MatrixRef() = default;
  LORICA_HD MatrixRef(T* p, index_t r, index_t c) : data(p), rows(r), cols(c), stride(c) {}
  LORICA_HD MatrixRef(T* p, index_t r, index_t c, index_t s) : data(p), rows(r), cols(c), stride(s) {}

  /// A writable matrix may be read.
  template <class U>
    requires(!std::is_const_v<T> && std::is_same_v<U, const T>)
  LORICA_HD operator MatrixRef<U>() const { return {data, rows, cols, stride}; }

  LORICA_HD T* row(index_t i) const { return data + i * stride; }
  LORICA_HD index_t size() const { return rows * cols; }
  LORICA_HD bool contiguous() const { return stride == cols || rows <= 1; }
  Shape shape() const { return {rows, cols}; }

  /// Rows first .. first + count.
  LORICA_HD MatrixRef slice(index_t first, index_t count) const { return {row(first), count, cols, stride}; }
  /// Columns first .. first + count; not contiguous in general.
  LORICA_HD MatrixRef columns(index_t first, index_t count) const {
    return {data + first, rows, count, stride};
  }
};

}  // namespace lorica
