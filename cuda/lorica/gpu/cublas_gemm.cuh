// SPDX-License-Identifier: MIT
/// @file lorica/gpu/cublas_gemm.cuh
/// GEMM by cuBLAS, for CUDA only. Where all types are float, or all double; other mixtures fall back to
/// LoopGemm.
#pragma once

#include <lorica/gpu/column_major.cuh>
#include <lorica/gpu/thrust_backend.cuh>

#include <cublas_v2.h>

#include <concepts>
#include <memory>

namespace lorica::gpu {

/// Owns a cuBLAS handle; copies share it. Float products stay float: TF32 is never switched on.
class CublasGemm : public IdentityPacking {
 public:
  /// C <- alpha op(A) op(B) + beta C
  template <class S, class TA, class TB, class TC>
  void gemm(Trans ta, Trans tb, S alpha, MatrixRef<const TA> a, MatrixRef<const TB> b, S beta,
            MatrixRef<TC> c) const {
    constexpr bool same = std::same_as<S, TA> && std::same_as<S, TB> && std::same_as<S, TC>;
    if constexpr (same && (std::same_as<S, float> || std::same_as<S, double>)) {
      if (c.size() == 0) return;
      if (has_leading_dimension(a) && has_leading_dimension(b) && has_leading_dimension(c)) {
        const ColumnMajor call = column_major(ta, tb, a, b, c);
        check(product(call, alpha, b.data, a.data, beta, c.data), "gemm by cuBLAS: C ", c.shape(), " from A ",
              a.shape(), ta == Trans::no ? "" : " transposed", " and B ", b.shape(),
              tb == Trans::no ? "" : " transposed");
        return;
      }
    }
    LoopGemm{}.gemm(ta, tb, alpha, a, b, beta, c);
  }

 private:
  static cublasOperation_t op(Trans t) { return t == Trans::no ? CUBLAS_OP_N : CUBLAS_OP_T; }
  cublasStatus_t product(const ColumnMajor& p, float alpha, const float* x, const float* y, float beta,
                         float* z) const {
    return cublasSgemm_64(handle_.get(), op(p.first), op(p.second), p.m, p.n, p.k, &alpha, x, p.ld_first, y,
                          p.ld_second, &beta, z, p.ld_result);
  }
  cublasStatus_t product(const ColumnMajor& p, double alpha, const double* x, const double* y, double beta,
                         double* z) const {
    return cublasDgemm_64(handle_.get(), op(p.first), op(p.second), p.m, p.n, p.k, &alpha, x, p.ld_first, y,
                          p.ld_second, &beta, z, p.ld_result);
  }
  template <class... Doing> static void check(cublasStatus_t status, const Doing&... doing) {
    if (status != CUBLAS_STATUS_SUCCESS) throw Error(message(doing..., ": ", cublasGetStatusString(status)));
  }
  static std::shared_ptr<cublasContext> create() {
    cublasHandle_t handle = nullptr;
    check(cublasCreate(&handle), "cublasCreate");
    return {handle, [](cublasHandle_t h) { cublasDestroy(h); }};
  }

  std::shared_ptr<cublasContext> handle_ = create();
};

static_assert(Backend<ThrustBackend<float, CublasGemm>> && Backend<ThrustBackend<double, CublasGemm>> &&
              Backend<ThrustBackend<float, CublasGemm, double>>);

}  // namespace lorica::gpu
