// SPDX-License-Identifier: MIT
/// @file lorica/cpu/onednn_gemm.hpp
/// The GEMM policy that brings frozen weights into oneDNN's own layout, once, in float or bf16. Included only
/// by who asks for it, never by lorica.hpp; needs oneDNN (2.6 or 3.x, -ldnnl).
///
/// The partition over threads is oneDNN's. Promised: the same bits from run to run for one shape, one number
/// of threads, one processor and one version of oneDNN. Not promised, unlike EigenGemm: the same bits for
/// another number of threads, or for a row among other rows; these agree to rounding.
#pragma once

#include <lorica/cpu/eigen_backend.hpp>
#include <lorica/cpu/onednn.hpp>

#include <vector>

namespace lorica::cpu {

/// Products of frozen weights by oneDNN from a packed copy for each direction; the plain copy is given up.
/// Other products by whichever of oneDNN and Eigen is faster for the shape. A product that is called inside a
/// parallel region is computed by the calling thread alone. Beside its weights a thread keeps memory for
/// operands that must be copied first: those with gaps between rows, the last rows of a bf16 product, and all
/// activations of a bf16 product where the processor has no bf16.
struct OneDnnGemm {
  /// Once a weight has been multiplied in both directions; half of it before. Layouts in blocks may add some
  /// rows and columns, and bf16 weights are held in float, at twice this, where the processor has no bf16.
  static constexpr double pack_factor = 2.0;

  /// Whether bf16 products run on the processor's own instructions (AVX512-BF16 or AMX). Without, they are
  /// computed in float, and the first weight that is packed says so on stderr.
  static bool has_bf16() { return onednn::has_bf16(); }

  /// A frozen W [m, k]. Copies share it.
  template <class T> class packed {
    static_assert(std::same_as<T, float> || std::same_as<T, bf16>,
                  "lorica: cpu::OneDnnGemm packs weights of float and bf16; use cpu::EigenGemm for double");

   public:
    packed() = default;
    [[nodiscard]] Shape shape() const { return weight_ == nullptr ? Shape{} : weight_->shape; }
    /// Bytes held now.
    [[nodiscard]] std::size_t bytes() const {
      if (weight_ == nullptr) return 0;
      const std::lock_guard lock(weight_->mutex);
      return weight_->bytes(weight_->forward) + weight_->bytes(weight_->backward);
    }

   private:
    friend OneDnnGemm;
    struct Weight {
      Shape shape;
      bool widened = false;                // bf16 held in float
      mutable std::mutex mutex = {};       // of `backward`
      dnnl::memory forward = {};           // W^T [k, m]
      mutable dnnl::memory backward = {};  // W [m, k], packed when it is first wanted
      static std::size_t bytes(const dnnl::memory& m) {
        return m.get(true) == nullptr ? 0 : m.get_desc().get_size();
      }
      [[nodiscard]] onednn::Type type() const { return widened ? onednn::Type::f32 : onednn::type_of<T>; }
      /// What lies packed for y = x W^T, as a plain [m, k] whose rows are `stride` apart.
      void plain(void* to, index_t stride) const {
        move(forward, onednn::memory_of(onednn::plain(shape.cols, shape.rows, type(), stride, true), to));
      }
      void move(dnnl::memory from, dnnl::memory to) const {
        onednn::attempt("packing", {.n = shape.rows, .k = shape.cols, .in = type(), .out = type()}, [&] {
          dnnl::reorder(from, to).execute(onednn::stream(), from, to);
          onednn::stream().wait();
        });
      }
      [[nodiscard]] dnnl::memory pack(const dnnl::memory& from, index_t k, index_t n) const {
        auto to = onednn::memory_of(onednn::cache().packed(type(), k, n));
        move(from, to);
        return to;
      }
      dnnl::memory in_direction(Trans t) const {
        if (t == Trans::yes) return forward;
        const std::lock_guard lock(mutex);
        if (backward.get(true) == nullptr) {
          const auto w = onednn::memory_of(onednn::plain(shape.rows, shape.cols, type(), shape.cols, false));
          plain(w.get_data_handle(), shape.cols);
          backward = pack(w, shape.rows, shape.cols);
        }
        return backward;
      }
    };
    std::shared_ptr<const Weight> weight_;
  };

  /// Packs for y = x W^T at once; `keep` is not kept.
  template <class T> static packed<T> pack(MatrixRef<const T> w, std::shared_ptr<const void> keep) {
    (void)keep;
    const onednn::OneThreadInside guard;
    auto weight = std::make_shared<typename packed<T>::Weight>();
    weight->shape = w.shape();
    if (w.size() > 0) {
      weight->widened = std::same_as<T, bf16> && !has_bf16();
      const auto take = [&](auto plain) {
        weight->forward = weight->pack(
            onednn::memory_of(onednn::plain(w.cols, w.rows, weight->type(), plain.stride, true), plain.data),
            w.cols, w.rows);
      };
      if (weight->widened) {
        say_widened();
        std::vector<float> wide(static_cast<std::size_t>(w.size()));
        const MatrixRef<float> there(wide.data(), w.rows, w.cols);
        onednn::copy(w, there);
        take(there);
      } else {
        take(w);
      }
    }
    packed<T> p;
    p.weight_ = std::move(weight);
    return p;
  }
  /// A plain W [m, k] that owns its memory.
  template <class T> struct Unpacked : MatrixRef<const T> {
    std::shared_ptr<const T[]> owner;
    Unpacked(std::shared_ptr<T[]> memory, Shape s)
        : MatrixRef<const T>(memory.get(), s.rows, s.cols), owner(std::move(memory)) {}
  };
  /// W again, bit for bit.
  template <class T> static Unpacked<T> unpacked(const packed<T>& p) {
    const onednn::OneThreadInside guard;
    const Shape s = p.shape();
    const std::shared_ptr<T[]> memory(new T[static_cast<std::size_t>(s.rows * s.cols)]);
    const MatrixRef<T> w(memory.get(), s.rows, s.cols);
    if (w.size() > 0) {
      if (p.weight_->widened) {
        std::vector<float> wide(static_cast<std::size_t>(w.size()));
        p.weight_->plain(wide.data(), s.cols);
        onednn::copy(MatrixRef<const float>(wide.data(), s.rows, s.cols), w);
      } else {
        p.weight_->plain(w.data, s.cols);
      }
    }
    return {memory, s};
  }

  /// Y <- X W^T + beta Y, or X W + beta Y
  template <class S, class T, class TY>
  static void multiply(MatrixRef<const T> x, const packed<T>& w, Trans t, S beta, MatrixRef<TY> y) {
    const Shape s = t == Trans::yes ? w.shape() : Shape{w.shape().cols, w.shape().rows};  // [out, in]
    expects_shape("multiply", "X", x.shape(), {x.rows, s.cols});
    expects_shape("multiply", "Y", y.shape(), {x.rows, s.rows});
    if (y.size() == 0) return;
    if (s.cols == 0) return onednn::scale(double(beta), y);
    const onednn::OneThreadInside guard;
    const dnnl::memory packed_weight = w.weight_->in_direction(t);
    if constexpr (std::same_as<T, bf16>) {
      if (!w.weight_->widened) {
        if constexpr (std::same_as<TY, bf16>)
          return into<bf16, bf16>(x, packed_weight, double(beta), y);
        else
          return into<bf16, float>(x, packed_weight, double(beta), y);
      }
    }
    into<float, float>(x, packed_weight, double(beta), y);
  }

  /// C <- alpha op(A) op(B) + beta C. Where A or B is bf16 and the processor has it, the other is rounded to
  /// bf16 too; sums are float.
  template <class S, class TA, class TB, class TC>
  static void gemm(Trans ta, Trans tb, S alpha, MatrixRef<const TA> a, MatrixRef<const TB> b, S beta,
                   MatrixRef<TC> c) {
    using onednn::Purpose;
    const index_t depth = ta == Trans::no ? a.cols : a.rows;
    if (c.size() == 0) return;
    if (depth == 0) return onednn::scale(double(beta), c);
    constexpr bool doubles = std::same_as<TA, double> || std::same_as<TB, double> || std::same_as<TC, double>;
    constexpr bool halves = std::same_as<TA, bf16> || std::same_as<TB, bf16> || std::same_as<TC, bf16>;
    const bool small = c.size() * depth < 100000 || onednn::inside_parallel();
    if constexpr (!halves) {
      if constexpr (!doubles) {
        if (EigenGemm::thin_product(ta, tb, static_cast<float>(alpha), a, b, static_cast<float>(beta), c))
          return;
        if (!small && turns(ta, c)) return turned(ta, tb, alpha, a, b, beta, c);
        // Up to a register block of columns oneDNN packs more than it multiplies.
        if (!small && c.cols >= narrow) return sgemm(ta, tb, alpha, a, b, beta, c);
      }
      EigenGemm::gemm(ta, tb, alpha, a, b, beta, c);
    } else {
      if constexpr (!doubles && (std::same_as<TA, bf16> || std::same_as<TB, bf16>))
        if (!small && has_bf16()) {
          if (turns(ta, c)) return turned(ta, tb, alpha, a, b, beta, c);
          return bf16_gemm(ta, tb, double(alpha), a, b, double(beta), c);
        }
      const auto wide_a = widened(a, Purpose::left);
      const auto wide_b = widened(b, Purpose::right);
      if constexpr (std::same_as<TC, bf16>) {
        const auto out = onednn::scratch<float>(Purpose::out, c.rows, c.cols);
        gemm(ta, tb, alpha, wide_a, wide_b, S(0), out);
        onednn::blend(1, out, double(beta), c);
      } else {
        gemm(ta, tb, alpha, wide_a, wide_b, beta, c);
      }
    }
  }

 private:
  static constexpr index_t narrow = 48;
  /// bf16 products are prepared for numbers of rows that come again: multiples of 64, then what is left,
  /// rounded up. (Preparing costs about a millisecond each; a run-time number of rows half the speed on AMX.)
  static constexpr index_t bucket = 64;
  static index_t rounded_up(index_t rows) { return rows < 8 ? rows : (rows + 15) / 16 * 16; }
  static Trans other(Trans t) { return t == Trans::no ? Trans::yes : Trans::no; }

  static void say_widened() {
    static const bool said = std::fputs(
                                 "lorica: oneDNN finds neither AVX512-BF16 nor AMX on this processor: bf16 "
                                 "weights are held and multiplied in float, twice as large and no faster\n",
                                 stderr) >= 0;
    (void)said;
  }

  /// Y <- X packed + beta Y, computed in C and summed into D. oneDNN 2.6 takes a packed weight only with rows
  /// that lie end to end; with gaps it would fall to its reference loops.
  template <class C, class D, class T, class TY>
  static void into(MatrixRef<const T> x, const dnnl::memory& w, double beta, MatrixRef<TY> y) {
    using onednn::Purpose;
    MatrixRef<const C> from;
    bool ready = false;
    if constexpr (std::same_as<T, C>)
      if (x.contiguous()) from = x, ready = true;
    if (!ready) {
      const auto copied = onednn::scratch<C>(Purpose::left, x.rows, x.cols);
      onednn::copy(x, copied);
      from = copied;
    }
    if constexpr (std::same_as<TY, D>)
      if (y.contiguous()) {
        if (beta != 0) onednn::scale(beta, y);
        return in_buckets(from, w, y, beta != 0);
      }
    const auto out = onednn::scratch<D>(Purpose::out, y.rows, y.cols);
    in_buckets(MatrixRef<const C>(from), w, out, false);
    onednn::blend(1, out, beta, y);
  }
  template <class C, class D>
  static void in_buckets(MatrixRef<const C> x, const dnnl::memory& w, MatrixRef<D> y, bool adds) {
    using onednn::Purpose;
    if constexpr (std::same_as<C, float>) {
      product(x, w, y, adds);
    } else {
      const index_t whole = x.rows / bucket * bucket, left = x.rows - whole, padded = rounded_up(left);
      if (whole > 0) product(x.slice(0, whole), w, y.slice(0, whole), adds);
      if (left == 0) return;
      const auto last_x = x.slice(whole, left);
      const auto last_y = y.slice(whole, left);
      if (padded == left) return product(last_x, w, last_y, adds);
      const auto wide_x = onednn::scratch<C>(Purpose::tail_left, padded, x.cols);
      const auto wide_y = onednn::scratch<D>(Purpose::tail_out, padded, y.cols);
      onednn::copy(last_x, wide_x);
      product(MatrixRef<const C>(wide_x), w, wide_y, false);
      onednn::blend(1, wide_y, adds ? 1 : 0, last_y);
    }
  }
  template <class C, class D>
  static void product(MatrixRef<const C> x, const dnnl::memory& w, MatrixRef<D> y, bool adds) {
    onednn::run({.m = x.rows,
                 .n = y.cols,
                 .k = x.cols,
                 .a_stride = x.cols,
                 .c_stride = y.cols,
                 .b_packed = true,
                 .adds = adds,
                 .in = onednn::type_of<C>,
                 .out = onednn::type_of<D>},
                x.data, &w, nullptr, y.data);
  }

  /// A gradient of few columns, summed over rows: as its transpose, whose rows are long, it takes a third of
  /// the time.
  template <class TC> static bool turns(Trans ta, const MatrixRef<TC>& c) {
    return ta == Trans::yes && c.cols < narrow && c.rows >= 2 * c.cols;
  }
  template <class S, class TA, class TB, class TC>
  static void turned(Trans ta, Trans tb, S alpha, MatrixRef<const TA> a, MatrixRef<const TB> b, S beta,
                     MatrixRef<TC> c) {
    const auto out = onednn::scratch<float>(onednn::Purpose::turned, c.cols, c.rows);
    gemm(other(tb), other(ta), alpha, b, a, S(0), out);
    const double keep = double(beta);
    onednn::each_row(c.rows, c.cols, [&](index_t i) {
      for (index_t j = 0; j < c.cols; ++j) {
        const float sum = out.row(j)[i];
        TC& to = c.row(i)[j];
        to = convert<TC>(keep == 0 ? sum : sum + static_cast<float>(keep) * convert<float>(to));
      }
    });
  }

  template <class S>
  static void sgemm(Trans ta, Trans tb, S alpha, MatrixRef<const float> a, MatrixRef<const float> b, S beta,
                    MatrixRef<float> c) {
    const onednn::Problem p{.m = c.rows, .n = c.cols, .k = ta == Trans::no ? a.cols : a.rows};
    onednn::attempt("sgemm", p, [&] {
      const auto letter = [](Trans t) { return t == Trans::no ? 'N' : 'T'; };
      const auto lead = [](const auto& m) { return std::max({m.stride, m.cols, index_t{1}}); };
      const auto status =
          dnnl::sgemm(letter(ta), letter(tb), p.m, p.n, p.k, static_cast<float>(alpha), a.data, lead(a),
                      b.data, lead(b), static_cast<float>(beta), c.data, lead(c));
      if (status != dnnl::status::success)
        throw dnnl::error(static_cast<dnnl_status_t>(status), "dnnl_sgemm");
    });
  }

  /// An operand in the type it is computed in.
  template <class T> static auto widened(MatrixRef<const T> m, onednn::Purpose purpose) {
    if constexpr (std::same_as<T, bf16>) {
      const auto wide = onednn::scratch<float>(purpose, m.rows, m.cols);
      onednn::copy(m, wide);
      return MatrixRef<const float>(wide);
    } else {
      return m;
    }
  }
  /// An operand in bf16, times s where it is rounded anew.
  template <class T>
  static MatrixRef<const bf16> halved(MatrixRef<const T> m, onednn::Purpose purpose, double& s) {
    if constexpr (std::same_as<T, bf16>) {
      return m;
    } else {
      const auto half = onednn::scratch<bf16>(purpose, m.rows, m.cols);
      onednn::copy(m, half, s);
      s = 1;
      return half;
    }
  }
  template <class TA, class TB, class TC>
  static void bf16_gemm(Trans ta, Trans tb, double alpha, MatrixRef<const TA> a, MatrixRef<const TB> b,
                        double beta, MatrixRef<TC> c) {
    using onednn::Purpose;
    const auto ha = halved(a, Purpose::left, alpha);  // the scale goes to the operand that is rounded anyway
    const auto hb = halved(b, Purpose::right, alpha);
    if (alpha != 1) {  // nobody took it
      const auto out = onednn::scratch<float>(Purpose::out, c.rows, c.cols);
      pieces(ta, tb, ha, hb, out, false);
      return onednn::blend(alpha, out, beta, c);
    }
    if (beta != 0) onednn::scale(beta, c);
    pieces(ta, tb, ha, hb, c, beta != 0);
  }
  /// Tokens are the rows of A: those of C, or, where A is turned, what is summed over.
  template <class TC>
  static void pieces(Trans ta, Trans tb, MatrixRef<const bf16> a, MatrixRef<const bf16> b, MatrixRef<TC> c,
                     bool adds) {
    using onednn::Purpose;
    const bool sums = ta == Trans::yes;
    if (sums && tb == Trans::yes) return piece(ta, tb, a, b, c, adds);
    const index_t whole = a.rows / bucket * bucket, left = a.rows - whole, padded = rounded_up(left);
    if (whole > 0)
      piece(ta, tb, a.slice(0, whole), sums ? b.slice(0, whole) : b, sums ? c : c.slice(0, whole), adds);
    if (left == 0) return;
    auto last_a = a.slice(whole, left);
    if (padded != left) {
      const auto wide = onednn::scratch<bf16>(Purpose::tail_left, padded, a.cols);
      onednn::copy(last_a, wide);
      last_a = wide;
    }
    if (sums) {
      auto last_b = b.slice(whole, left);
      if (padded != left) {
        const auto wide = onednn::scratch<bf16>(Purpose::tail_right, padded, b.cols);
        onednn::copy(last_b, wide);
        last_b = wide;
      }
      piece(ta, tb, last_a, last_b, c, adds || whole > 0);
    } else if (padded == left) {
      piece(ta, tb, last_a, b, c.slice(whole, left), adds);
    } else {
      const auto out = onednn::scratch<TC>(Purpose::tail_out, padded, c.cols);
      piece(ta, tb, last_a, b, out, false);
      onednn::blend(1, out, adds ? 1 : 0, c.slice(whole, left));
    }
  }
  template <class TC>
  static void piece(Trans ta, Trans tb, MatrixRef<const bf16> a, MatrixRef<const bf16> b, MatrixRef<TC> c,
                    bool adds) {
    const auto lead = [](const auto& m) { return m.rows > 1 ? m.stride : m.cols; };
    onednn::run({.m = c.rows,
                 .n = c.cols,
                 .k = ta == Trans::no ? a.cols : a.rows,
                 .a_stride = lead(a),
                 .b_stride = lead(b),
                 .c_stride = lead(c),
                 .a_turned = ta == Trans::yes,
                 .b_turned = tb == Trans::yes,
                 .adds = adds,
                 .in = onednn::Type::bf16,
                 .out = onednn::type_of<TC>},
                a.data, nullptr, b.data, c.data);
  }
};

static_assert(Backend<EigenBackend<float, OneDnnGemm>> && Backend<EigenBackend<bf16, OneDnnGemm, float>>);

}  // namespace lorica::cpu
