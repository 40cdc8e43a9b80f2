// SPDX-License-Identifier: MIT
/// @file lorica/core/reduce.hpp
/// Reductions whose results may stay where they are, or come to the host all at once: a device that is waited
/// for after each of a hundred small ones stands still most of the time. Without a fast path they are the
/// backend's own, one by one, with the same results.
#pragma once

#include <lorica/core/tensor.hpp>

#include <span>
#include <vector>

namespace lorica {

/// The sum of n numbers in the backend's memory, which it does not leave.      [1, 1]
template <Backend B> MasterTensor<B> sum_of(B& b, const typename B::master* x, index_t n) {
  if constexpr (requires(typename B::master * out) { b.sum_into(x, n, out); }) {
    MasterTensor<B> total(b, 1, 1);
    b.sum_into(x, n, total.data());
    return total;
  } else {
    return MasterTensor<B>(b, 1, 1, std::vector<double>{n == 0 ? 0.0 : b.sum(x, n)});
  }
}

/// The same of their squares.      [1, 1]
template <Backend B, class T> MasterTensor<B> sum_of_squares(B& b, const T* x, index_t n) {
  if constexpr (requires(typename B::master * out) { b.sum_squares_into(x, n, out); }) {
    MasterTensor<B> total(b, 1, 1);
    b.sum_squares_into(x, n, total.data());
    return total;
  } else {
    return MasterTensor<B>(b, 1, 1, std::vector<double>{n == 0 ? 0.0 : b.sum_squares(x, n)});
  }
}

/// *out <- the k-th smallest of n numbers, out in the backend's memory, which they do not leave. As the
/// backend's own verb counts: from 1, NaN last.
template <Backend B>
void kth_smallest_into(B& b, const typename B::master* x, index_t n, index_t k, typename B::master* out) {
  if constexpr (requires { b.kth_smallest_into(x, n, k, out); }) {
    b.kth_smallest_into(x, n, k, out);
  } else {
    const auto found = convert<typename B::master>(b.kth_smallest(x, n, k));
    b.upload(std::span(&found, 1), out);
  }
}

/// The sum of squares of each of these, which lie in the backend's memory.
template <Backend B>
std::vector<double> sums_of_squares(B& b, const std::vector<std::span<const typename B::master>>& all) {
  using Numbers = std::span<const typename B::master>;
  if constexpr (requires { b.sums_of_squares(std::span<const Numbers>(all)); }) {
    return b.sums_of_squares(std::span<const Numbers>(all));
  } else {
    std::vector<double> sums;
    for (const Numbers& x : all) sums.push_back(b.sum_squares(x.data(), static_cast<index_t>(x.size())));
    return sums;
  }
}

}  // namespace lorica
