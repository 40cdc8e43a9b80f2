// SPDX-License-Identifier: MIT
/// @file lorica/core/lanes.hpp
/// A few numbers side by side, as many as a register of the target holds; one on a device, where every thread
/// is a lane (and a block of them a register: core/block_lanes.hpp). Row functors and elementwise functors
/// are written once over V and read like scalar code: g++ does not vectorise their selects and conversions by
/// itself (exp over a row: 6 times slower), hence the vector types.
#pragma once

#include <lorica/core/block_lanes.hpp>

#if defined(__GNUC__) && !defined(__CUDACC__) && defined(__SSE2__)
#  include <immintrin.h>
#endif

#if defined(__GNUC__) || defined(__clang__)
#  define LORICA_INLINE __attribute__((always_inline)) inline
#else
#  define LORICA_INLINE inline
#endif

namespace lorica {

#if defined(__CUDACC__) || defined(LORICA_SCALAR_LANES) || !defined(__GNUC__)
inline constexpr int register_bytes = 0;
#elif defined(__AVX512F__)
inline constexpr int register_bytes = 64;
#elif defined(__AVX__)
inline constexpr int register_bytes = 32;
#else
inline constexpr int register_bytes = 16;
#endif

/// How many T the target works on at once.
template <class T>
inline constexpr int native_lanes = register_bytes == 0 ? 1 : register_bytes / static_cast<int>(sizeof(T));

namespace detail {
/// The compiler's vector types by lane count, spelt out: g++ 12 loses the attribute on a dependent type.
template <class T, int W> struct Vector;
#if defined(__GNUC__) && !defined(__CUDACC__)
#  define LORICA_VECTOR(T, INT, W)                                                                 \
    template <> struct Vector<T, W> {                                                              \
      typedef T type __attribute__((vector_size(sizeof(T) * W)));                                  \
      typedef T loose __attribute__((vector_size(sizeof(T) * W), aligned(alignof(T)), may_alias)); \
      typedef INT ints __attribute__((vector_size(sizeof(T) * W)));                                \
      typedef unsigned INT bits __attribute__((vector_size(sizeof(T) * W)));                       \
      typedef unsigned short halves __attribute__((vector_size(2 * W), aligned(2), may_alias));    \
    };
LORICA_VECTOR(float, int, 4)
LORICA_VECTOR(float, int, 8)
LORICA_VECTOR(float, int, 16)
LORICA_VECTOR(double, long, 2)
LORICA_VECTOR(double, long, 4) LORICA_VECTOR(double, long, 8)
#  undef LORICA_VECTOR
#endif
    /// So that the name is there to be asked for where there are no registers.
    struct NoRegister {
};
void root(NoRegister);
#if defined(__GNUC__) && !defined(__CUDACC__) && defined(__SSE2__)
/// Square roots of a register: compilers do not make them of std::sqrt, which must set errno.
LORICA_INLINE __m128 root(__m128 x) { return _mm_sqrt_ps(x); }
LORICA_INLINE __m128d root(__m128d x) { return _mm_sqrt_pd(x); }
#  if defined(__AVX__)
LORICA_INLINE __m256 root(__m256 x) { return _mm256_sqrt_ps(x); }
LORICA_INLINE __m256d root(__m256d x) { return _mm256_sqrt_pd(x); }
#  endif
#  if defined(__AVX512F__)
LORICA_INLINE __m512 root(__m512 x) { return _mm512_maskz_sqrt_ps(0xffff, x); }
LORICA_INLINE __m512d root(__m512d x) { return _mm512_maskz_sqrt_pd(0xff, x); }
#  endif
#endif
}  // namespace detail

/// x, computed as it is written: what -ffast-math may not regroup with what it is part of.
template <class V> LORICA_HD LORICA_INLINE V as_written(V x) {
#if defined(__has_builtin) && !defined(__CUDACC__)
#  if __has_builtin(__builtin_assoc_barrier)
  return __builtin_assoc_barrier(x);
#  elif __has_builtin(__arithmetic_fence) && defined(__x86_64__)
  return __arithmetic_fence(x);
#  endif
#endif
  return x;
}

/// W numbers of type T (float or double).
template <class T, int W = native_lanes<T>> struct Lanes {
  using Vec = typename detail::Vector<T, W>::type;
  using Loose = typename detail::Vector<T, W>::loose;
  using Mask = decltype(Vec{} < Vec{});
  using value_type = T;
  static constexpr int width = W;
  static constexpr index_t count() { return W; }
  Vec v;

  Lanes() = default;
  LORICA_INLINE Lanes(T x) : v(x - Vec{}) {}  // which compilers see is x; 0 + x is a sum to them, for -0
  LORICA_INLINE Lanes(Vec x) : v(x) {}

  LORICA_INLINE static Lanes load(const T* p) { return Vec(*reinterpret_cast<const Loose*>(p)); }
  LORICA_INLINE void store(T* p) const { *reinterpret_cast<Loose*>(p) = v; }
  LORICA_INLINE T operator[](int i) const { return v[i]; }
  LORICA_INLINE void set(int i, T x) { v[i] = x; }

  LORICA_INLINE Lanes& operator+=(Lanes b) {
    v += b.v;
    return *this;
  }
  LORICA_INLINE Lanes& operator-=(Lanes b) {
    v -= b.v;
    return *this;
  }
  LORICA_INLINE Lanes& operator*=(Lanes b) {
    v *= b.v;
    return *this;
  }
  LORICA_INLINE friend Lanes operator+(Lanes a, Lanes b) { return a.v + b.v; }
  LORICA_INLINE friend Lanes operator-(Lanes a, Lanes b) { return a.v - b.v; }
  LORICA_INLINE friend Lanes operator*(Lanes a, Lanes b) { return a.v * b.v; }
  LORICA_INLINE friend Lanes operator/(Lanes a, Lanes b) { return a.v / b.v; }
  LORICA_INLINE friend Lanes operator-(Lanes a) { return -a.v; }
  LORICA_INLINE friend Mask operator<(Lanes a, Lanes b) { return a.v < b.v; }
  LORICA_INLINE friend Mask operator>(Lanes a, Lanes b) { return a.v > b.v; }
  /// mask ? a : b
  LORICA_INLINE friend Lanes select(Mask m, Lanes a, Lanes b) { return Vec(m ? a.v : b.v); }
};
template <class T, int W> LORICA_HD LORICA_INLINE Lanes<T, W> as_written(Lanes<T, W> x) {
  return Lanes<T, W>(as_written(x.v));
}

/// One number: what a device thread, or a compiler without vector types, works on.
template <class T> struct Lanes<T, 1> {
  using Mask = bool;
  using value_type = T;
  static constexpr int width = 1;
  LORICA_HD static constexpr index_t count() { return 1; }
  T v;

  Lanes() = default;
  LORICA_HD Lanes(T x) : v(x) {}
  LORICA_HD static Lanes load(const T* p) { return *p; }
  LORICA_HD void store(T* p) const { *p = v; }
  LORICA_HD T operator[](int) const { return v; }
  LORICA_HD void set(int, T x) { v = x; }
  LORICA_HD Lanes& operator+=(Lanes b) {
    v += b.v;
    return *this;
  }
  LORICA_HD Lanes& operator-=(Lanes b) {
    v -= b.v;
    return *this;
  }
  LORICA_HD Lanes& operator*=(Lanes b) {
    v *= b.v;
    return *this;
  }
  LORICA_HD friend Lanes operator+(Lanes a, Lanes b) { return a.v + b.v; }
  LORICA_HD friend Lanes operator-(Lanes a, Lanes b) { return a.v - b.v; }
  LORICA_HD friend Lanes operator*(Lanes a, Lanes b) { return a.v * b.v; }
  LORICA_HD friend Lanes operator/(Lanes a, Lanes b) { return a.v / b.v; }
  LORICA_HD friend Lanes operator-(Lanes a) { return -a.v; }
  LORICA_HD friend bool operator<(Lanes a, Lanes b) { return a.v < b.v; }
  LORICA_HD friend bool operator>(Lanes a, Lanes b) { return a.v > b.v; }
  LORICA_HD friend Lanes select(bool m, Lanes a, Lanes b) { return m ? a : b; }
};

LORICA_HD inline float select(bool m, float a, float b) { return m ? a : b; }
LORICA_HD inline double select(bool m, double a, double b) { return m ? a : b; }

/// What row functors work on: a register, and on a device a block of threads. (Our tests let threads of a
/// host play the block.)
#if defined(__CUDACC__) || defined(LORICA_BLOCK_LANES)
template <class M> using RowLanes = BlockLanes<M>;
#else
template <class M> using RowLanes = Lanes<M>;
#endif
/// A functor of rows that works on RowLanes says how long a row is; all others have a thread a row.
template <class F>
concept InRows = requires(const F& f) {
  { f.cols() } -> std::same_as<index_t>;
};

/// The lanes a stored T is computed in.
template <class T> using lanes_of = Lanes<arithmetic_t<T>>;

namespace detail {
/// Whether all lanes of a V go from or to bf16 at once.
template <class V, class T>
inline constexpr bool halves_at_once =
    (V::width > 1) && std::conjunction_v<std::is_same<T, bf16>, std::is_same<typename V::value_type, float>>;
/// W bf16 as floats: each is the upper half of one.
template <class V> LORICA_INLINE V widened(const bf16* p) {
  using Of = Vector<float, V::width>;
  const auto u = __builtin_convertvector(*reinterpret_cast<const typename Of::halves*>(p), typename Of::bits)
                 << 16;
  return V((typename Of::type)u);
}
/// W floats as bf16, the bits that bf16(float) gives: by integers, which no flag of the compiler rearranges.
/// (The processor's own instruction would take subnormals for 0.)
template <class V> LORICA_INLINE void store_rounded(bf16* p, V x) {
  using Of = Vector<float, V::width>;
  using Bits = typename Of::bits;
  const Bits u = (Bits)x.v;
  const auto nan = (typename Of::ints)(u & 0x7fffffffu) > 0x7f800000;
  const Bits rounded = nan ? (u | 0x00400000u) : (u + 0x7fffu + ((u >> 16) & 1u));
  *reinterpret_cast<typename Of::halves*>(p) = __builtin_convertvector(rounded >> 16, typename Of::halves);
}
}  // namespace detail

/// p[0 .. left) into lanes, `fill` beyond; widens bf16.
template <InRegister V, class T>
LORICA_HD LORICA_INLINE V load(const T* p, index_t left, typename V::value_type fill = 0) {
  if constexpr (std::is_same_v<T, typename V::value_type>) {
    if (left >= V::width) return V::load(p);
  } else if constexpr (detail::halves_at_once<V, T>) {
    if (left >= V::width) return detail::widened<V>(p);
  }
  V x(fill);
  if (left >= V::width) left = V::width;
  for (int i = 0; i < V::width; ++i)
    if (i < left) x.set(i, convert<typename V::value_type>(p[i]));
  return x;
}
/// Lanes into p[0 .. left); rounds to T.
template <InRegister V, class T> LORICA_HD LORICA_INLINE void store(T* p, index_t left, V x) {
  if constexpr (std::is_same_v<T, typename V::value_type>) {
    if (left >= V::width) return x.store(p);
  } else if constexpr (detail::halves_at_once<V, T>) {
    if (left >= V::width) return detail::store_rounded(p, x);
  }
  if (left >= V::width) left = V::width;
  for (int i = 0; i < V::width; ++i)
    if (i < left) p[i] = convert<T>(x[i]);
}

/// Sum over the lanes, as a fixed tree: the same whatever the optimiser does.
template <InRegister V> LORICA_HD LORICA_INLINE typename V::value_type sum(V x) {
  typename V::value_type t[V::width];
  for (int i = 0; i < V::width; ++i) t[i] = x[i];
  for (int half = V::width / 2; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) t[i] += t[i + half];
  return t[0];
}
/// x, and 0 from lane `left` on.
template <InRegister V> LORICA_HD LORICA_INLINE V first_of(V x, index_t left) {
  for (int i = 0; i < V::width; ++i)
    if (i >= left) x.set(i, typename V::value_type(0));
  return x;
}
/// p_j += x, where p was last written by lanes that began at p.
template <InRegister V, class T> LORICA_HD LORICA_INLINE void add_at(T* p, index_t j, T x) { p[j] += x; }
template <class V> LORICA_HD LORICA_INLINE V larger(V a, V b) { return select(a > b, a, b); }
template <class V> LORICA_HD LORICA_INLINE V smaller(V a, V b) { return select(a < b, a, b); }
/// Largest over the lanes.
template <InRegister V> LORICA_HD LORICA_INLINE typename V::value_type largest(V x) {
  typename V::value_type m = x[0];
  for (int i = 1; i < V::width; ++i) m = x[i] > m ? x[i] : m;
  return m;
}

}  // namespace lorica
