// SPDX-License-Identifier: MIT
/// @file lorica/gpu/sorted.cuh
/// Numbers in ascending order: by CUB on CUDA, in memory of the pool's, so that nothing waits.
#pragma once

#include <lorica/gpu/buffer.cuh>
#include <lorica/gpu/launch.cuh>

#if THRUST_DEVICE_SYSTEM == THRUST_DEVICE_SYSTEM_CUDA
#  include <cub/device/device_radix_sort.cuh>
#else
#  include <thrust/sort.h>
#endif

#include <limits>
#include <memory>

namespace lorica::gpu::detail {

/// to_i <- x_i, and the one NaN that bits put after infinity for every NaN.
template <class T> struct NanIsLargest {
  static constexpr T nan = std::numeric_limits<T>::quiet_NaN();
  const T* x;
  T* to;
  LORICA_HD void operator()(index_t i) const { to[i] = x[i] == x[i] ? x[i] : T(nan); }
};
/// Ascending, whatever is not a number last.
template <class T> struct NanLast {
  LORICA_HD bool operator()(T a, T b) const { return a < b || (a == a && b != b); }
};

/// The n numbers at x in ascending order, whatever is not a number last.
template <class T> Buffer<T> sorted(const std::shared_ptr<Pool>& pool, const T* x, index_t n) {
  Buffer<T> made(pool, n);
  if (n == 0) return made;
#if THRUST_DEVICE_SYSTEM == THRUST_DEVICE_SYSTEM_CUDA
  Buffer<T> keys(pool, n);
  for_each_index(n, NanIsLargest<T>{x, keys.data()});
  std::size_t bytes = 0;
  const int bits = 8 * static_cast<int>(sizeof(T));
  check(cub::DeviceRadixSort::SortKeys(nullptr, bytes, keys.data(), made.data(), n, 0, bits, stream()),
        "room to sort ", n, " numbers");
  Buffer<std::byte> room(pool, static_cast<index_t>(bytes));
  check(cub::DeviceRadixSort::SortKeys(room.data(), bytes, keys.data(), made.data(), n, 0, bits, stream()),
        "sorting ", n, " numbers");
#else
  on_device(x, made.data(), n);
  queue([to = made.data(), n] { thrust::sort(thrust::device, to, to + n, NanLast<T>{}); });
#endif
  return made;
}

}  // namespace lorica::gpu::detail
