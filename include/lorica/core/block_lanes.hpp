// SPDX-License-Identifier: MIT
/// @file lorica/core/block_lanes.hpp
/// A block of a device's threads as one wide register, a number a thread: row functors, written over lanes,
/// are then done by a block a row, each thread reading and writing neighbours of the next one's. All threads
/// of the block take the same way through a functor; its width is not known to the compiler.
#pragma once

#include <lorica/core/bf16.hpp>

#include <type_traits>

namespace lorica {

namespace detail {
#if !defined(__CUDA_ARCH__)
/// A block on a host: one thread, unless somebody lets several play one after the other (our tests do).
struct HostBlock {
  index_t threads = 1, thread = 0;
  void (*wait)() = nullptr;  // until all others have come to the same place
  double* shared = nullptr;  // [threads]
};
inline thread_local HostBlock host_block;
#endif

LORICA_HD inline index_t block_threads() {
#if defined(__CUDA_ARCH__)
  return blockDim.x;
#else
  return host_block.threads;
#endif
}
LORICA_HD inline index_t block_thread() {
#if defined(__CUDA_ARCH__)
  return threadIdx.x;
#else
  return host_block.thread;
#endif
}

/// One number of all the threads', the same for all and from run to run. blockDim.x: a multiple of a warp.
template <class T, class F> LORICA_HD T over_block(T x, F f) {
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
  auto& block = host_block;
  if (block.threads == 1) return x;
  block.wait();
  block.shared[block.thread] = static_cast<double>(x);
  block.wait();
  x = static_cast<T>(block.shared[0]);
  for (index_t t = 1; t < block.threads; ++t) x = f(x, static_cast<T>(block.shared[t]));
  return x;
#endif
}
}  // namespace detail

template <class T> struct BlockLanes {
  using Mask = bool;
  using value_type = T;
  /// How many there are; no constant.
  LORICA_HD static index_t count() { return detail::block_threads(); }
  T v;

  BlockLanes() = default;
  LORICA_HD BlockLanes(T x) : v(x) {}
  LORICA_HD BlockLanes& operator+=(BlockLanes b) {
    v += b.v;
    return *this;
  }
  LORICA_HD BlockLanes& operator-=(BlockLanes b) {
    v -= b.v;
    return *this;
  }
  LORICA_HD BlockLanes& operator*=(BlockLanes b) {
    v *= b.v;
    return *this;
  }
  LORICA_HD friend BlockLanes operator+(BlockLanes a, BlockLanes b) { return a.v + b.v; }
  LORICA_HD friend BlockLanes operator-(BlockLanes a, BlockLanes b) { return a.v - b.v; }
  LORICA_HD friend BlockLanes operator*(BlockLanes a, BlockLanes b) { return a.v * b.v; }
  LORICA_HD friend BlockLanes operator/(BlockLanes a, BlockLanes b) { return a.v / b.v; }
  LORICA_HD friend BlockLanes operator-(BlockLanes a) { return -a.v; }
  LORICA_HD friend bool operator<(BlockLanes a, BlockLanes b) { return a.v < b.v; }
  LORICA_HD friend bool operator>(BlockLanes a, BlockLanes b) { return a.v > b.v; }
  LORICA_HD friend BlockLanes select(bool m, BlockLanes a, BlockLanes b) { return m ? a : b; }
};

template <class V> inline constexpr bool is_block = false;
template <class T> inline constexpr bool is_block<BlockLanes<T>> = true;
/// Two kinds of lanes, with functions of the same names: those of a block, here, and those of a register.
template <class V>
concept InBlock = is_block<V>;
template <class V>
concept InRegister = !is_block<V>;

/// p[0 .. left) into the threads, `fill` beyond; widens bf16.
template <InBlock V, class T> LORICA_HD V load(const T* p, index_t left, typename V::value_type fill = 0) {
  const index_t t = detail::block_thread();
  return t < left ? V(convert<typename V::value_type>(p[t])) : V(fill);
}
template <InBlock V, class T> LORICA_HD void store(T* p, index_t left, V x) {
  const index_t t = detail::block_thread();
  if (t < left) p[t] = convert<T>(x.v);
}
/// x, and 0 from lane `left` on.
template <InBlock V> LORICA_HD V first_of(V x, index_t left) {
  return detail::block_thread() < left ? x : V(0);
}
/// p_j += x, where p was last written by lanes that began at p.
template <InBlock V, class T> LORICA_HD void add_at(T* p, index_t j, T x) {
  if (j % detail::block_threads() == detail::block_thread()) p[j] += x;
}
namespace detail {
struct Plus {
  template <class T> LORICA_HD T operator()(T a, T b) const { return a + b; }
};
struct Larger {
  template <class T> LORICA_HD T operator()(T a, T b) const { return a > b ? a : b; }
};
}  // namespace detail
template <InBlock V> LORICA_HD typename V::value_type sum(V x) {
  return detail::over_block(x.v, detail::Plus{});
}
template <InBlock V> LORICA_HD typename V::value_type largest(V x) {
  return detail::over_block(x.v, detail::Larger{});
}

}  // namespace lorica
