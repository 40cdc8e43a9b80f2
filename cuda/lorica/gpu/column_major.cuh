// SPDX-License-Identifier: MIT
/// @file lorica/gpu/column_major.cuh
/// A row-major product as the call a column-major BLAS wants: memory that holds C by rows holds C^T by
/// columns, and C = op(A) op(B) is C^T = op(B)^T op(A)^T. The operands change places and nothing is moved.
/// Pure arithmetic, kept apart from cuBLAS so that it is tested where there is none.
#pragma once

#include <lorica/core/matrix.hpp>

#include <compare>

namespace lorica::gpu {

/// What to tell the BLAS; "first" is B's memory, "second" A's.
struct ColumnMajor {
  Trans first = Trans::no, second = Trans::no;
  index_t m = 0, n = 0, k = 0;
  index_t ld_first = 1, ld_second = 1, ld_result = 1;
  auto operator<=>(const ColumnMajor&) const = default;
};

/// Whether a BLAS can express these rows: none overlaps the next.
template <class T> bool has_leading_dimension(MatrixRef<T> x) { return x.rows <= 1 || x.stride >= x.cols; }

/// A BLAS refuses a leading dimension shorter than its vectors, even where there is one of them or none.
template <class T> index_t leading_dimension(MatrixRef<T> x) {
  const index_t least = x.cols > 1 ? x.cols : 1;
  return x.rows > 1 && x.stride > least ? x.stride : least;
}

/// For C [rows, cols] = op(A) op(B), shapes already checked.
template <class TA, class TB, class TC>
ColumnMajor column_major(Trans ta, Trans tb, MatrixRef<TA> a, MatrixRef<TB> b, MatrixRef<TC> c) {
  return {tb,
          ta,
          c.cols,
          c.rows,
          ta == Trans::no ? a.cols : a.rows,
          leading_dimension(b),
          leading_dimension(a),
          leading_dimension(c)};
}

}  // namespace lorica::gpu
