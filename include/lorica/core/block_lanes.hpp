// SPDX-License-Identifier: MIT
/// @file lorica/core/block_lanes.hpp
/// A block of a device's threads as one wide register, a number a thread: row functors, written over lanes,
/// are then done by a block a row, each thread reading and writing neighbours of the next one's. All threads
/// of the block take the same way through a functor; its width is not known to the compiler.
#pragma once

#include <lorica/core/bf16.hpp>
#include <lorica/core/block.hpp>

#include <type_traits>

namespace lorica {

template <class T> struct BlockLanes {
  using Mask = bool;
  using value_type = T;
  /// How many there are; no constant.
  LORICA_HD static index_t count() { return block::threads(); }
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
  const index_t t = block::thread();
  return t < left ? V(convert<typename V::value_type>(p[t])) : V(fill);
}
template <InBlock V, class T> LORICA_HD void store(T* p, index_t left, V x) {
  const index_t t = block::thread();
  if (t < left) p[t] = convert<T>(x.v);
}
/// x, and 0 from lane `left` on.
template <InBlock V> LORICA_HD V first_of(V x, index_t left) { return block::thread() < left ? x : V(0); }
/// p_j += x, where p was last written by lanes that began at p.
template <InBlock V, class T> LORICA_HD void add_at(T* p, index_t j, T x) {
  if (j % block::threads() == block::thread()) p[j] += x;
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
  return block::over_all(x.v, detail::Plus{});
}
template <InBlock V> LORICA_HD typename V::value_type largest(V x) {
  return block::over_all(x.v, detail::Larger{});
}

}  // namespace lorica
