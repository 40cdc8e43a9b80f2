// SPDX-License-Identifier: MIT
/// @file lorica/gpu/cublas_gemm.cuh
/// GEMM by cuBLASLt, for CUDA only: where all types are float or all double, and mixtures of bf16 and float.
/// What else there is falls back to LoopGemm.
#pragma once

#include <lorica/gpu/cublas_lt.cuh>
#include <lorica/gpu/thrust_backend.cuh>

#include <concepts>
#include <memory>

namespace lorica::gpu {

/// Copies share a handle. Float products stay float: TF32 is never switched on. Tensor cores multiply bf16
/// with bf16 and sum in float: where bf16 and float meet, the float operand is rounded first (an adapter's
/// factor, or what is as narrow as its rank), and what is summed stays float.
class CublasGemm : public IdentityPacking {
 public:
  /// Room for rounded operands: of the backend's pool, so that it is counted.
  void take_from(std::shared_ptr<Pool> pool) { pool_ = std::move(pool); }

  /// C <- alpha op(A) op(B) + beta C
  template <class S, class TA, class TB, class TC>
  void gemm(Trans ta, Trans tb, S alpha, MatrixRef<const TA> a, MatrixRef<const TB> b, S beta,
            MatrixRef<TC> c) const {
    constexpr bool same = std::same_as<S, TA> && std::same_as<S, TB> && std::same_as<S, TC>;
    constexpr bool of_bf16 = std::same_as<S, float> && one_of_two<TA> && one_of_two<TB> && one_of_two<TC> &&
                             (std::same_as<TA, bf16> || std::same_as<TB, bf16> || std::same_as<TC, bf16>);
    if (c.size() == 0) return;
    if constexpr (same && (std::same_as<S, float> || std::same_as<S, double>)) {
      if (product(ta, tb, alpha, a, b, beta, c)) return;
    } else if constexpr (of_bf16) {
      Buffer<bf16> of_a, of_b;
      if (product(ta, tb, alpha, rounded(a, of_a), rounded(b, of_b), beta, c)) return;
    }
    LoopGemm{}.gemm(ta, tb, alpha, a, b, beta, c);
  }

  /// Y <- X W^T + beta Y, and then. A bias is rounded to what it is added to.
  template <class S, class T>
  bool multiply_then(const Epilogue<S, T>& then, MatrixRef<const T> x, MatrixRef<const T> w, S beta,
                     MatrixRef<T> y) const {
    if constexpr (!std::same_as<S, arithmetic_t<T>> || std::same_as<T, double>) {
      return false;
    } else {
      if (y.size() == 0) return true;
      if (!has_leading_dimension(x) || !has_leading_dimension(w) || !has_leading_dimension(y)) return false;
      if (then.gelu() && !AfterProduct::takes(then.z.data, leading_dimension(then.z))) return false;
      Buffer<T> of_bias;
      AfterProduct after;
      if (then.bias != nullptr) after.bias = rounded(MatrixRef<const S>(then.bias, 1, y.cols), of_bias).data;
      if (then.gelu()) {
        after.before_gelu = then.z.data;
        after.ld = leading_dimension(then.z);
      }
      return product(Trans::no, Trans::yes, S(1), x, w, beta, y, after);
    }
  }

 private:
  template <class T> static constexpr bool one_of_two = std::same_as<T, bf16> || std::same_as<T, float>;

  /// False: this is the loop's.
  template <class S, class TA, class TB, class TC>
  bool product(Trans ta, Trans tb, S alpha, MatrixRef<const TA> a, MatrixRef<const TB> b, S beta,
               MatrixRef<TC> c, const AfterProduct& after = {}) const {
    const ColumnMajor call = column_major(ta, tb, a, b, c);
    if (call.k == 0 || !has_leading_dimension(a) || !has_leading_dimension(b) || !has_leading_dimension(c))
      return false;
    try {
      return lt_->multiply(call, alpha, b.data, a.data, beta, c.data, after);
    } catch (const DeviceError& e) {
      throw DeviceError(message("gemm by cuBLAS: C ", c.shape(), " from A ", a.shape(),
                                ta == Trans::no ? "" : " transposed", " and B ", b.shape(),
                                tb == Trans::no ? "" : " transposed", ": ", e.what()));
    }
  }
  template <class T> static MatrixRef<const T> rounded(MatrixRef<const T> x, Buffer<T>&) { return x; }
  MatrixRef<const bf16> rounded(MatrixRef<const float> x, Buffer<bf16>& room) const {
    room = Buffer<bf16>(pool_, x.size());
    const MatrixRef<bf16> to(room.data(), x.rows, x.cols);
    detail::for_each_index(x.size(), detail::CopyElement<float, bf16>{x, to});
    return to;
  }

  std::shared_ptr<CublasLt> lt_ = std::make_shared<CublasLt>();
  std::shared_ptr<Pool> pool_ = std::make_shared<Pool>();
};

static_assert(Backend<ThrustBackend<float, CublasGemm>> && Backend<ThrustBackend<double, CublasGemm>> &&
              Backend<ThrustBackend<float, CublasGemm, double>> && Backend<ThrustBackend<bf16, CublasGemm>>);

}  // namespace lorica::gpu
