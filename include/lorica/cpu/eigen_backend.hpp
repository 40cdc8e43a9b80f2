// SPDX-License-Identifier: MIT
/// @file lorica/cpu/eigen_backend.hpp
/// The reference backend: host memory from a pool, products by a GEMM policy, loops over OpenMP threads when
/// the compiler was given OpenMP.
#pragma once

#include <lorica/core/backend.hpp>
#include <lorica/core/functor.hpp>
#include <lorica/core/sweep.hpp>
#include <lorica/cpu/amx.hpp>
#include <lorica/cpu/attention.hpp>
#include <lorica/cpu/attention_in_panels.hpp>
#include <lorica/cpu/disentangled.hpp>
#include <lorica/cpu/eigen_gemm.hpp>
#include <lorica/cpu/parallel.hpp>
#include <lorica/cpu/pool.hpp>
#include <lorica/fwd.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace lorica::cpu {

/// T: weights and activations; Master: parameters, gradients, statistics, the residual stream.
template <Scalar T, class Gemm, Scalar Master> class EigenBackend {
 public:
  using scalar = T;
  using master = Master;
  using packed = typename Gemm::template packed<T>;
  template <class U> using buffer = Buffer<U>;
  static constexpr double pack_factor = Gemm::pack_factor;
  static constexpr bool reads_host_memory = true;  // frozen weights may lie in a mapped file
  static constexpr bool in_blocks = std::same_as<T, Master> || std::same_as<T, bf16>;  // attention: its sums
                                                                                       // are Eigen's products

  // --- memory ---
  template <class U> [[nodiscard]] Buffer<U> allocate(index_t n) { return Buffer<U>(pool_, n); }
  template <class U> void upload(std::span<const U> host, U* to) {
    copy(host.data(), to, static_cast<index_t>(host.size()));
  }
  template <class U> void download(const U* from, std::span<U> host) {
    copy(from, host.data(), static_cast<index_t>(host.size()));
  }
  template <class U> void copy(const U* from, U* to, index_t n) {
    if (n > 0) std::memcpy(to, from, static_cast<std::size_t>(n) * sizeof(U));
  }
  /// What is in use and what was, for reports.
  [[nodiscard]] Pool& pool() noexcept { return *pool_; }

  // --- products ---
  template <class TA, class TB, class TC>
  void gemm(Trans ta, Trans tb, Master alpha, MatrixRef<TA> a, MatrixRef<TB> b, Master beta,
            MatrixRef<TC> c) {
    const Shape x = ta == Trans::no ? a.shape() : Shape{a.cols, a.rows},
                y = tb == Trans::no ? b.shape() : Shape{b.cols, b.rows};
    expects_shape("gemm", "op(B)", y, {x.cols, c.cols});
    expects_shape("gemm", "C", c.shape(), {x.rows, y.cols});
    Gemm::gemm(ta, tb, alpha, MatrixRef<const TA>(a), MatrixRef<const TB>(b), beta, c);
  }
  [[nodiscard]] packed pack(MatrixRef<const T> w, std::shared_ptr<const void> keep) {
    return Gemm::pack(w, std::move(keep));
  }
  void unpack(const packed& p, MatrixRef<T> w) { map_of(w) = map_of(Gemm::unpacked(p)); }
  template <class TY>
  void multiply(MatrixRef<const T> x, const packed& w, Trans t, Master beta, MatrixRef<TY> y) {
    Gemm::multiply(x, w, t, beta, y);
  }

  // --- elementwise ---
  template <class F, class Y, class... X> void map(index_t n, F f, Y* y, const X*... x) {
    parallel_ranges(n, element_grain,
                    [&](index_t first, index_t count) { piece(count, f, y + first, (x + first)...); });
  }

  // --- rows ---
  template <class F> void for_rows(index_t n, F f) {
    parallel_ranges(n, row_grain, [&](index_t first, index_t count) {
      for (index_t i = first; i < first + count; ++i) f(i);
    });
  }
  template <class F> void for_each_index(index_t n, F f) {
    parallel_ranges(n, element_grain, [&](index_t first, index_t count) {
      for (index_t i = first; i < first + count; ++i) f(i);
    });
  }

  // --- reductions ---
  template <class U> [[nodiscard]] double sum(const U* x, index_t n) {
    return total(n, [x](index_t i) { return convert<double>(x[i]); });
  }
  template <class U> [[nodiscard]] double sum_squares(const U* x, index_t n) {
    return total(n, [x](index_t i) { return convert<double>(x[i]) * convert<double>(x[i]); });
  }
  template <class U> void column_sums(MatrixRef<U> x, Master beta, Master* d) {
    columns(x.rows, x.cols, beta, d, [x](index_t i, index_t j) { return convert<Master>(x.row(i)[j]); });
  }
  template <class U, class W> void column_dots(MatrixRef<U> x, MatrixRef<W> y, Master beta, Master* d) {
    columns(x.rows, x.cols, beta, d, [x, y](index_t i, index_t j) {
      return convert<Master>(x.row(i)[j]) * convert<Master>(y.row(i)[j]);
    });
  }
  [[nodiscard]] double kth_smallest(const Master* x, index_t n, index_t k) {
    expects(k >= 1 && k <= n, "kth_smallest: number ", k, " of ", n, " was asked for; the first is number 1");
    std::vector<Master> v(x, x + n);
    const auto before = [](Master a, Master b) { return std::isnan(b) ? !std::isnan(a) : a < b; };
    std::nth_element(v.begin(), v.begin() + (k - 1), v.end(), before);
    return static_cast<double>(v[static_cast<std::size_t>(k - 1)]);
  }

  // --- fast paths ---
  /// Pieces of all parts in one parallel region.
  template <class F> void sweep(std::span<const SweepPart<F>> parts) {
    struct Piece {
      const SweepPart<F>* part;
      index_t first, count;
    };
    std::vector<Piece> pieces;
    for (const auto& p : parts)
      for (index_t first = 0; first < p.n; first += sweep_grain)
        pieces.push_back({&p, first, std::min(sweep_grain, p.n - first)});
    parallel_ranges(static_cast<index_t>(pieces.size()), 4, [&](index_t begin, index_t count) {
      for (index_t k = begin; k < begin + count; ++k) {
        const Piece& piece = pieces[static_cast<std::size_t>(k)];
        const F f = piece.part->f;
        for (index_t i = piece.first; i < piece.first + piece.count; ++i) f(i);
      }
    });
  }
  /// Attention in blocks; see cpu/attention.hpp. Where bf16 is multiplied as bf16 and the processor has
  /// matrix registers, by them: cpu/attention_in_panels.hpp.
  void attention(const AttentionCall<T, Master>& call) requires(in_blocks) {
#if defined(LORICA_AMX)
    if constexpr (halves)
      if (Gemm::has_bf16() && Amx::usable()) return attention_forward_by<Amx>(pool_, call);
#endif
    attention_forward(pool_, call);
  }
  void attention_gradient(const AttentionGradientCall<T, Master>& call) requires(in_blocks) {
#if defined(LORICA_AMX)
    if constexpr (halves)
      if (Gemm::has_bf16() && Amx::usable()) return attention_backward_by<Amx>(pool_, call);
#endif
    attention_backward(pool_, call);
  }
  /// The same with scores of relative positions; see cpu/disentangled.hpp.
  void disentangled_attention(const DisentangledCall<T>& call) requires(std::same_as<T, Master>) {
    disentangled_forward(pool_, call);
  }
  void disentangled_attention_gradient(const DisentangledGradientCall<T>& call) requires(
      std::same_as<T, Master>) {
    disentangled_backward(pool_, call);
  }

 private:
  static constexpr bool halves = std::same_as<T, bf16> && std::same_as<Master, float> && requires {
    Gemm::has_bf16();
  };
  static constexpr index_t element_grain = index_t{1} << 14, row_grain = 16, sum_grain = index_t{1} << 12,
                           sweep_grain = index_t{1} << 11;

  template <class F, class Y, class... X> static void piece(index_t n, F f, Y* y, const X*... x) {
    using A = arithmetic_t<Y>;
    if constexpr (fn::InLanes<F> && (std::is_same_v<A, arithmetic_t<X>> && ...)) {
      using V = Lanes<A>;
      for (index_t i = 0; i < n; i += V::width)
        store(y + i, n - i, V(fn::computed<Y>(f, load<V>(x + i, n - i)...)));
    } else {
      for (index_t i = 0; i < n; ++i) y[i] = convert<Y>(f(convert<arithmetic_t<X>>(x[i])...));
    }
  }
  /// Partial sums over fixed pieces, added in order.
  template <class F> static double total(index_t n, F f) {
    const index_t pieces = (n + sum_grain - 1) / sum_grain;
    std::vector<double> part(static_cast<std::size_t>(pieces));
    parallel_ranges(pieces, 16, [&](index_t first, index_t count) {
      for (index_t p = first; p < first + count; ++p) {
        const index_t end = std::min(n, (p + 1) * sum_grain);
        double lane[8] = {};
        index_t i = p * sum_grain;
        for (; i + 8 <= end; i += 8)
          for (int l = 0; l < 8; ++l) lane[l] += f(i + l);
        for (; i < end; ++i) lane[0] += f(i);
        part[static_cast<std::size_t>(p)] =
            ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]));
      }
    });
    double s = 0;
    for (const double p : part) s += p;
    return s;
  }
  template <class F> static void columns(index_t rows, index_t cols, Master beta, Master* d, F f) {
    parallel_ranges(cols, 64, [&](index_t first, index_t count) {
      Master s[64] = {};
      for (index_t i = 0; i < rows; ++i)
        for (index_t j = 0; j < count; ++j) s[j] += f(i, first + j);
      for (index_t j = 0; j < count; ++j)
        d[first + j] = beta == Master(0) ? s[j] : s[j] + beta * d[first + j];
    });
  }

  std::shared_ptr<Pool> pool_ = std::make_shared<Pool>();
};

static_assert(Backend<EigenBackend<float>> && Backend<EigenBackend<double>> &&
              Backend<EigenBackend<float, EigenGemm, double>>);

}  // namespace lorica::cpu
