// SPDX-License-Identifier: MIT
/// @file lorica/core/block.hpp
/// A block of a device's threads: who is who, how they wait for each other, and memory they share. On a host
/// a block is one thread, unless somebody lets several play one after the other (our tests do). All threads
/// of a block come to the same waits.
#pragma once

#include <lorica/core/config.hpp>

#include <cstddef>

namespace lorica::block {

#if !defined(__CUDA_ARCH__)
/// The block that a host's thread is, or plays in.
struct Host {
  index_t threads = 1, thread = 0;
  void (*wait)() = nullptr;  // until all others have come to the same place
  double* shared = nullptr;  // [6 threads], where there are several
  double* memory = nullptr;  // what the launch asked for
};
inline thread_local Host host;
#endif

LORICA_HD inline index_t threads() {
#if defined(__CUDA_ARCH__)
  return blockDim.x;
#else
  return host.threads;
#endif
}
LORICA_HD inline index_t thread() {
#if defined(__CUDA_ARCH__)
  return threadIdx.x;
#else
  return host.thread;
#endif
}
/// Until all threads have come here; what each has written, all can read.
LORICA_HD inline void wait() {
#if defined(__CUDA_ARCH__)
  __syncthreads();
#else
  if (host.wait != nullptr) host.wait();
#endif
}
/// The memory that the launch gave the block, unspecified at first.
template <class T> LORICA_HD T* memory() {
#if defined(__CUDA_ARCH__)
  extern __shared__ double lorica_block_memory[];
  return reinterpret_cast<T*>(lorica_block_memory);
#else
  return reinterpret_cast<T*>(host.memory);
#endif
}

/// One number of `width` neighbouring threads', for each of them: a power of two, no more than a warp, and a
/// divisor of threads(). All threads of the block come here.
template <class T, class F> LORICA_HD T over_neighbours(T x, index_t width, F f) {
#if defined(__CUDA_ARCH__)
  for (index_t away = width / 2; away > 0; away /= 2)
    x = f(x, __shfl_xor_sync(0xffffffffu, x, static_cast<int>(away)));
  return x;
#else
  if (width == 1) return x;
  wait();
  host.shared[host.thread] = static_cast<double>(x);
  wait();
  const index_t first = host.thread / width * width;
  x = static_cast<T>(host.shared[first]);
  for (index_t t = first + 1; t < first + width; ++t) x = f(x, static_cast<T>(host.shared[t]));
  return x;
#endif
}

/// One number of all the threads', the same for all and from run to run. blockDim.x: a multiple of a warp.
template <class T, class F> LORICA_HD T over_all(T x, F f) {
#if defined(__CUDA_ARCH__)
  __shared__ T of_warp[32];
  for (int away = 16; away > 0; away /= 2) x = f(x, __shfl_xor_sync(0xffffffffu, x, away));
  if (blockDim.x == 32) return x;
  __syncthreads();  // whoever still reads what the last call left
  if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = x;
  __syncthreads();
  x = of_warp[0];
  for (unsigned w = 1; w < blockDim.x / 32; ++w) x = f(x, of_warp[w]);
  return x;
#else
  if (host.threads == 1) return x;
  wait();
  host.shared[host.thread] = static_cast<double>(x);
  wait();
  x = static_cast<T>(host.shared[0]);
  for (index_t t = 1; t < host.threads; ++t) x = f(x, static_cast<T>(host.shared[t]));
  return x;
#endif
}

}  // namespace lorica::block
