// SPDX-License-Identifier: MIT
/// @file lorica/cpu/amx.hpp
/// Products of panels by the processor's matrix registers (AMX-BF16), where the compiler is told of them
/// (-march=native, sapphirerapids) and the system lets this process use them. Sums are float.
#pragma once

#include <lorica/cpu/panel.hpp>

// g++'s names and clang's.
#if (defined(__AMX_BF16__) || defined(__AMXBF16__)) && defined(__linux__)
#  define LORICA_AMX
#  include <sys/syscall.h>
#  include <unistd.h>
#endif

namespace lorica::cpu {

#if defined(LORICA_AMX)
/// While one lives, this thread's matrix registers are ours. Nothing else that uses them may run meanwhile.
class Amx {
 public:
  /// Asks Linux, once, to keep these registers for the process's threads.
  static bool usable() {
    constexpr long request = 0x1023, tile_data = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
    static const bool granted = syscall(SYS_arch_prctl, request, tile_data) == 0;
    return granted;
  }

  Amx() {
    // Written out with all its bytes as operand: the intrinsic of g++ 12 lets the compiler drop what fills
    // it.
    struct Configuration {
      std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
      std::uint16_t row_bytes[16] = {};
      std::uint8_t rows[16] = {};
    } c;
    for (int tile = 0; tile < 8; ++tile) {
      c.row_bytes[tile] = 64;
      c.rows[tile] = panel::side;
    }
    asm volatile("ldtilecfg %0" ::"m"(c));
  }
  ~Amx() { asm volatile("tilerelease" ::: "memory"); }
  Amx(const Amx&) = delete;
  Amx& operator=(const Amx&) = delete;

  /// C <- A B, or C <- A B + C       A [n, k], B [k / 2, m], C [n, m], all in whole tiles
  void product(panel::Rows a, panel::Pairs b, bool adds, MatrixRef<float> c) const {
    constexpr index_t side = panel::side;
    for (index_t j = 0; j < c.cols; j += 2 * side) {
      const bool two = j + side < c.cols;
      for (index_t i = 0; i < c.rows; i += 2 * side) {
        const bool both = i + side < c.rows;
        if (both && two)
          sums<2, 2>(a, b, adds, c, i, j);
        else if (both)
          sums<2, 1>(a, b, adds, c, i, j);
        else if (two)
          sums<1, 2>(a, b, adds, c, i, j);
        else
          sums<1, 1>(a, b, adds, c, i, j);
      }
    }
  }

 private:
  // Compilers know nothing of what these read and write, hence "memory".
  template <int Tile> static void zero() { asm volatile("tilezero %%tmm%c0" ::"n"(Tile)); }
  template <int Tile, class T> static void load(const T* from, index_t stride) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(stride * index_t(sizeof(T))), "n"(Tile)
                 : "memory");
  }
  template <int Tile> static void store(float* to, index_t stride) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(stride * index_t(sizeof(float))), "n"(Tile)
                 : "memory");
  }
  template <int To, int A, int B> static void multiply() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"n"(To), "n"(A), "n"(B));
  }

  /// R x C tiles of the result in registers 0 .. 3; 4 and 5 hold rows, 6 and 7 pairs.
  template <int R, int C>
  static void sums(panel::Rows a, panel::Pairs b, bool adds, MatrixRef<float> c, index_t i, index_t j) {
    constexpr index_t side = panel::side;
    float *top = c.row(i) + j, *below = top + side * c.stride;
    if (adds) {
      load<0>(top, c.stride);
      if constexpr (C == 2) load<1>(top + side, c.stride);
      if constexpr (R == 2) load<2>(below, c.stride);
      if constexpr (R * C == 4) load<3>(below + side, c.stride);
    } else {
      zero<0>();
      if constexpr (C == 2) zero<1>();
      if constexpr (R == 2) zero<2>();
      if constexpr (R * C == 4) zero<3>();
    }
    for (index_t l = 0; l < a.cols; l += panel::depth) {
      const bf16* rows = a.row(i) + l;
      const float* pairs = b.row(l / 2) + j;
      load<4>(rows, a.stride);
      load<6>(pairs, b.stride);
      multiply<0, 4, 6>();
      if constexpr (C == 2) {
        load<7>(pairs + side, b.stride);
        multiply<1, 4, 7>();
      }
      if constexpr (R == 2) {
        load<5>(rows + side * a.stride, a.stride);
        multiply<2, 5, 6>();
        if constexpr (C == 2) multiply<3, 5, 7>();
      }
    }
    store<0>(top, c.stride);
    if constexpr (C == 2) store<1>(top + side, c.stride);
    if constexpr (R == 2) store<2>(below, c.stride);
    if constexpr (R * C == 4) store<3>(below + side, c.stride);
  }
};
#endif

}  // namespace lorica::cpu
