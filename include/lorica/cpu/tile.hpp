// SPDX-License-Identifier: MIT
/// @file lorica/cpu/tile.hpp
/// Products of operands that are small and near: a head's scores and what is made of them. A general product
/// copies both operands into panels first; here a tile of the result is summed in registers from where they
/// lie. One thread, and every element is one chain of sums.
#pragma once

#include <lorica/core/matrix.hpp>
#include <lorica/cpu/eigen.hpp>
#include <lorica/cpu/unrolled.hpp>

#include <algorithm>
#include <type_traits>

namespace lorica::cpu::tile {

template <class T> using Packet = typename Eigen::internal::packet_traits<T>::type;
/// Numbers a register holds.
template <class T> inline constexpr index_t lanes = Eigen::internal::unpacket_traits<Packet<T>>::size;
/// n, or what is missing to whole registers more.
template <class T> constexpr index_t padded(index_t n) { return (n + lanes<T> - 1) / lanes<T> * lanes<T>; }

/// The left operand: its element (i, l) lies at data[i * row + l * step].
template <class T> struct Left {
  const T* data;
  index_t row, step;
};
template <class T> Left<T> as_it_lies(MatrixRef<const T> a) { return {a.data, a.stride, 1}; }
template <class T> Left<T> transposed(MatrixRef<const T> a) { return {a.data, 1, a.stride}; }

namespace detail {
inline constexpr index_t most_rows = 6;  // with two registers a row, twelve sums: what AVX2 has room for

/// R rows of C, P registers of each, from column j on.
template <index_t R, index_t P, class T>
void sums(Left<T> a, MatrixRef<const T> b, bool adds, MatrixRef<T> c, index_t i, index_t j) {
  namespace in = Eigen::internal;
  constexpr index_t w = lanes<T>;
  Packet<T> sum[R * P];
  unrolled<R * P>([&](auto s) LORICA_UNROLLED {
    sum[s] = adds ? in::ploadu<Packet<T>>(c.row(i + s / P) + j + s % P * w) : in::pset1<Packet<T>>(T(0));
  });
  const T* al = a.data + i * a.row;
  const T* bl = b.data + j;
  for (index_t l = 0; l < b.rows; ++l, al += a.step, bl += b.stride) {
    Packet<T> x[P];
    unrolled<P>([&](auto p) LORICA_UNROLLED { x[p] = in::ploadu<Packet<T>>(bl + p * w); });
    unrolled<R>([&](auto r) LORICA_UNROLLED {
      const auto y = in::pset1<Packet<T>>(al[r * a.row]);
      unrolled<P>([&](auto p) LORICA_UNROLLED { sum[r * P + p] = in::pmadd(y, x[p], sum[r * P + p]); });
    });
  }
  unrolled<R * P>([&](auto s) LORICA_UNROLLED { in::pstoreu(c.row(i + s / P) + j + s % P * w, sum[s]); });
}
/// All rows of P registers of columns.
template <index_t P, class T>
void column(Left<T> a, MatrixRef<const T> b, bool adds, MatrixRef<T> c, index_t j) {
  index_t i = 0;
  for (; i + most_rows <= c.rows; i += most_rows) sums<most_rows, P>(a, b, adds, c, i, j);
  with_number<most_rows - 1>(c.rows - i,
                             [&](auto rest) { sums<decltype(rest)::value, P>(a, b, adds, c, i, j); });
}
}  // namespace detail

#pragma GCC diagnostic push
// A register as a template argument loses its alignment, which a block of them does not need.
#pragma GCC diagnostic ignored "-Wignored-attributes"
/// to <- from^T       from [n, k], to [k, m], m whole registers and at least n: zero beyond column n.
template <class T> void transpose(MatrixRef<const T> from, std::type_identity_t<MatrixRef<T>> to) {
  namespace in = Eigen::internal;
  constexpr index_t w = lanes<T>;
  for (index_t i = 0; i < to.cols; i += w) {
    const index_t here = std::clamp<index_t>(from.rows - i, 0, w);
    index_t j = 0;
    for (; j + w <= from.cols; j += w) {
      in::PacketBlock<Packet<T>, w> block;
      for (index_t r = 0; r < w; ++r)
        block.packet[r] = r < here ? in::ploadu<Packet<T>>(from.row(i + r) + j) : in::pset1<Packet<T>>(T(0));
      in::ptranspose(block);
      for (index_t r = 0; r < w; ++r) in::pstoreu(to.row(j + r) + i, block.packet[r]);
    }
    for (; j < from.cols; ++j)
      for (index_t r = 0; r < w; ++r) to.row(j)[i + r] = r < here ? from.row(i + r)[j] : T(0);
  }
}
#pragma GCC diagnostic pop

/// C <- A B, or C <- A B + C       A [n, k], B [k, m], C [n, m]
/// Rows of B may be read, and rows of C written, up to padded(m).
template <class T>
void product(Left<T> a, std::type_identity_t<MatrixRef<const T>> b, bool adds,
             std::type_identity_t<MatrixRef<T>> c) {
  constexpr index_t w = lanes<T>;
  index_t j = 0;
  for (; j + w < c.cols; j += 2 * w) detail::column<2, T>(a, b, adds, c, j);
  if (j < c.cols) detail::column<1, T>(a, b, adds, c, j);
}

}  // namespace lorica::cpu::tile
