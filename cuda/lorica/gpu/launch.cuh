// SPDX-License-Identifier: MIT
/// @file lorica/gpu/launch.cuh
/// A functor for every index, a block of threads for every row, and copies. On CUDA all but a copy to the
/// host only queue their work, in the one stream that all work runs in; elsewhere Thrust does it.
#pragma once

#include <lorica/core/check.hpp>
#include <lorica/core/lanes.hpp>
#include <lorica/gpu/recording.cuh>

#include <thrust/copy.h>
#include <thrust/device_ptr.h>
#include <thrust/execution_policy.h>
#include <thrust/for_each.h>
#include <thrust/iterator/counting_iterator.h>

#include <algorithm>
#include <vector>

namespace lorica::gpu::detail {

#if THRUST_DEVICE_SYSTEM == THRUST_DEVICE_SYSTEM_CUDA

template <class F> __global__ void at_each_index(index_t n, const __grid_constant__ F f) {
  const index_t step = index_t(gridDim.x) * blockDim.x;
  for (index_t i = index_t(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += step) f(i);
}
template <class F> __global__ void at_each_block(const __grid_constant__ F f) { f(blockIdx.x); }
/// Of at most 512 threads, whose registers the compiler keeps few enough for.
template <class F>
__global__ void __launch_bounds__(512) at_each_row(index_t n, const __grid_constant__ F f) {
  for (index_t i = blockIdx.x; i < n; i += gridDim.x) f(i);
}

/// n values from the host; up to 64 KiB are taken along with what is queued (CUDA's guide, on asynchronous
/// execution). Thrust's own copies, also those on the device, wait for all that was queued before.
template <class U> void to_device(const U* from, U* to, index_t n) {
  expects_no_recording("numbers are brought to the device");
  check(cudaMemcpy(to, from, static_cast<std::size_t>(n) * sizeof(U), cudaMemcpyHostToDevice), "a copy of ",
        n, " values to the device");
}
template <class U> void to_host(const U* from, U* to, index_t n) {
  expects_no_recording("numbers are brought to the host");
  check(cudaMemcpy(to, from, static_cast<std::size_t>(n) * sizeof(U), cudaMemcpyDeviceToHost), "a copy of ",
        n, " values from the device, or what was queued before it");
}
template <class U> void on_device(const U* from, U* to, index_t n) {
  check(
      cudaMemcpyAsync(to, from, static_cast<std::size_t>(n) * sizeof(U), cudaMemcpyDeviceToDevice, stream()),
      "a copy of ", n, " values on the device");
}

/// f(i) for i in 0 .. n, at once.
template <class F> void for_each_index(index_t n, F f) {
  if (n <= 0) return;
  constexpr index_t threads = 256, most = index_t(1) << 20;
  const index_t blocks = std::min((n + threads - 1) / threads, most);
  at_each_index<<<static_cast<unsigned>(blocks), threads, 0, stream()>>>(n, f);
  check(cudaGetLastError(), "a kernel over ", n, " indices (", name_of<F>(), ")");
}
/// f(i) for i in 0 .. n, a block of threads each where f is over RowLanes, else a thread.
template <class F> void for_rows(index_t n, F f) {
  if constexpr (InRows<F>) {
    if (n <= 0) return;
    // Four numbers a thread: enough in flight, and few enough threads to wait for each other.
    index_t threads = 32;
    while (threads < 512 && 4 * threads < f.cols()) threads *= 2;
    const index_t blocks = std::min(n, index_t(1) << 20);
    at_each_row<<<static_cast<unsigned>(blocks), static_cast<unsigned>(threads), 0, stream()>>>(n, f);
    check(cudaGetLastError(), "a kernel over ", n, " rows of ", f.cols(), " (", name_of<F>(), ")");
  } else {
    for_each_index(n, f);
  }
}
/// f(i) for i in 0 .. n, by blocks of 256 threads with f.bytes() of memory each.
struct Blocks {
  template <class F> void operator()(index_t n, const F& f) const {
    if (n <= 0) return;
    const std::size_t bytes = f.bytes();
    if (bytes > (std::size_t(48) << 10))  // more has to be asked for
      check(cudaFuncSetAttribute(at_each_block<F>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                 static_cast<int>(bytes)),
            bytes, " bytes of shared memory for a block (", name_of<F>(), ")");
    at_each_block<<<static_cast<unsigned>(n), 256, bytes, stream()>>>(f);
    check(cudaGetLastError(), "a kernel of ", n, " blocks (", name_of<F>(), ")");
  }
};

#else

template <class U> void to_device(const U* from, U* to, index_t n) {
  expects_no_recording("numbers are brought to the device");
  thrust::copy(from, from + n, thrust::device_pointer_cast(to));
}
template <class U> void to_host(const U* from, U* to, index_t n) {
  expects_no_recording("numbers are brought to the host");
  const auto first = thrust::device_pointer_cast(from);
  thrust::copy(first, first + n, to);
}
template <class U> void on_device(const U* from, U* to, index_t n) {
  queue([=] { thrust::copy(thrust::device, from, from + n, to); });
}

template <class F> void for_each_index(index_t n, F f) {
  if (n > 0) queue([=] { thrust::for_each_n(thrust::device, thrust::counting_iterator<index_t>(0), n, f); });
}
template <class F> void for_rows(index_t n, F f) { for_each_index(n, f); }

/// A block of one thread, with the memory it wants.
template <class F> struct AloneInBlock {
  F f;
  void operator()(index_t i) const {
    thread_local std::vector<double> room;
    room.resize(std::max(room.size(), f.bytes() / sizeof(double) + 1));
    block::host.memory = room.data();
    f(i);
  }
};
struct Blocks {
  template <class F> void operator()(index_t n, const F& f) const { for_each_index(n, AloneInBlock<F>{f}); }
};

#endif

}  // namespace lorica::gpu::detail
