// SPDX-License-Identifier: MIT
/// @file lorica/gpu/cublas_lt.cuh
/// Products by cuBLASLt, for CUDA only: how a product is best done is asked once for each of its kind, and
/// kept.
#pragma once

#include <lorica/core/bf16.hpp>
#include <lorica/gpu/column_major.cuh>
#include <lorica/gpu/cuda_check.cuh>
#include <lorica/gpu/recording.cuh>

#include <cublasLt.h>

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <type_traits>

namespace lorica::gpu {

namespace detail {
inline void check(cublasStatus_t status, const char* doing) {
  if (status != CUBLAS_STATUS_SUCCESS)
    throw DeviceError(message(doing, ": ", cublasLtGetStatusString(status)));
}

/// What cuBLAS calls a type.
template <class T> inline constexpr cudaDataType_t cuda_type = CUDA_R_32F;
template <> inline constexpr cudaDataType_t cuda_type<double> = CUDA_R_64F;
template <> inline constexpr cudaDataType_t cuda_type<bf16> = CUDA_R_16BF;

/// Destroys by a function of cuBLASLt's.
template <auto destroy> struct Destroy {
  template <class T> void operator()(T* t) const { destroy(t); }
};
using MatmulDesc =
    std::unique_ptr<std::remove_pointer_t<cublasLtMatmulDesc_t>, Destroy<cublasLtMatmulDescDestroy>>;
using MatrixLayout =
    std::unique_ptr<std::remove_pointer_t<cublasLtMatrixLayout_t>, Destroy<cublasLtMatrixLayoutDestroy>>;
using MatmulPreference = std::unique_ptr<std::remove_pointer_t<cublasLtMatmulPreference_t>,
                                         Destroy<cublasLtMatmulPreferenceDestroy>>;
}  // namespace detail

/// What cuBLASLt does with z before it leaves the product: adds a bias [m], of z's type; keeps what is then
/// there and applies GELU by tanh.
struct AfterProduct {
  const void* bias = nullptr;
  void* before_gelu = nullptr;
  index_t ld = 0;  // of it

  /// Whether cuBLASLt takes that place for what it keeps: rows begin at vectors of eight numbers.
  template <class T> static bool takes(const T* at, index_t ld) {
    return ld % 8 == 0 && reinterpret_cast<std::uintptr_t>(at) % (8 * sizeof(T)) == 0;
  }
  [[nodiscard]] cublasLtEpilogue_t name() const {
    if (before_gelu != nullptr)
      return bias != nullptr ? CUBLASLT_EPILOGUE_GELU_AUX_BIAS : CUBLASLT_EPILOGUE_GELU_AUX;
    return bias != nullptr ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
  }
};

/// A handle of cuBLASLt with all it has been asked for. Sums are float (of double: double); TF32 is never
/// used.
class CublasLt {
 public:
  /// Room that a product may use; what NVIDIA advises for Hopper.
  static constexpr std::size_t workspace_bytes = std::size_t(32) << 20;

  CublasLt() {
    cublasLtHandle_t handle = nullptr;
    detail::check(cublasLtCreate(&handle), "cublasLtCreate");
    handle_.reset(handle);
    void* room = nullptr;
    detail::check(cudaMalloc(&room, workspace_bytes), "room for cuBLASLt, ", workspace_bytes, " bytes");
    workspace_.reset(room);
  }

  /// z <- alpha op(x) op(y) + beta z, by columns, and what comes after; false where cuBLASLt knows no way. S:
  /// float, or double.
  template <class S, class X, class Y, class Z>
  bool multiply(const ColumnMajor& p, S alpha, const X* x, const Y* y, S beta, Z* z,
                const AfterProduct& after = {}) {
    const Kind kind{p,
                    detail::cuda_type<X>,
                    detail::cuda_type<Y>,
                    detail::cuda_type<Z>,
                    std::is_same_v<S, double>,
                    alignment(x),
                    alignment(y),
                    alignment(z),
                    after.name(),
                    after.ld,
                    alignment(after.bias),
                    alignment(after.before_gelu)};
    auto found = plans_.find(kind);
    if (found == plans_.end()) found = plans_.emplace(kind, planned(kind, after)).first;
    const Plan& plan = found->second;
    if (!plan.known) return false;
    point(plan.how.get(), after);
    const auto status = cublasLtMatmul(handle_.get(), plan.how.get(), &alpha, x, plan.x.get(), y,
                                       plan.y.get(), &beta, z, plan.z.get(), z, plan.z.get(), &plan.algorithm,
                                       workspace_.get(), workspace_bytes, detail::stream());
    if (kind.after != CUBLASLT_EPILOGUE_DEFAULT && refused(status)) return false;
    detail::check(status, "cublasLtMatmul");
    return true;
  }

 private:
  /// All that a plan depends on.
  struct Kind {
    ColumnMajor call;
    cudaDataType_t x, y, z;
    bool in_double;
    std::uint32_t align_x, align_y, align_z;  // bytes
    cublasLtEpilogue_t after;
    index_t ld_kept;
    std::uint32_t align_bias, align_kept;
    auto operator<=>(const Kind&) const = default;
  };
  struct Plan {
    detail::MatmulDesc how;
    detail::MatrixLayout x, y, z;
    cublasLtMatmulAlgo_t algorithm;
    bool known = false;
  };
  struct Free {
    void operator()(void* p) const { cudaFree(p); }
  };

  static std::uint32_t alignment(const void* p) {
    const auto at = reinterpret_cast<std::uintptr_t>(p);
    std::uint32_t bytes = 256;
    while (at % bytes != 0) bytes /= 2;
    return bytes;
  }
  static detail::MatrixLayout layout(cudaDataType_t type, index_t rows, index_t cols, index_t ld) {
    cublasLtMatrixLayout_t made = nullptr;
    detail::check(cublasLtMatrixLayoutCreate(&made, type, static_cast<std::uint64_t>(rows),
                                             static_cast<std::uint64_t>(cols), ld),
                  "cublasLtMatrixLayoutCreate");
    return detail::MatrixLayout(made);
  }
  /// How it says that it has no such epilogue.
  static bool refused(cublasStatus_t s) {
    return s == CUBLAS_STATUS_NOT_SUPPORTED || s == CUBLAS_STATUS_INVALID_VALUE;
  }
  template <class V> static void set(cublasLtMatmulDesc_t how, cublasLtMatmulDescAttributes_t what, V value) {
    detail::check(cublasLtMatmulDescSetAttribute(how, what, &value, sizeof value),
                  "cublasLtMatmulDescSetAttribute");
  }
  /// Where what comes after finds its numbers.
  static void point(cublasLtMatmulDesc_t how, const AfterProduct& after) {
    if (after.bias != nullptr) set(how, CUBLASLT_MATMUL_DESC_BIAS_POINTER, after.bias);
    if (after.before_gelu != nullptr) set(how, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, after.before_gelu);
  }
  Plan planned(const Kind& k, const AfterProduct& after) const {
    const ColumnMajor& p = k.call;
    Plan plan;
    cublasLtMatmulDesc_t how = nullptr;
    detail::check(cublasLtMatmulDescCreate(&how, k.in_double ? CUBLAS_COMPUTE_64F : CUBLAS_COMPUTE_32F,
                                           k.in_double ? CUDA_R_64F : CUDA_R_32F),
                  "cublasLtMatmulDescCreate");
    plan.how.reset(how);
    const auto op = [](Trans t) { return t == Trans::no ? CUBLAS_OP_N : CUBLAS_OP_T; };
    set(how, CUBLASLT_MATMUL_DESC_TRANSA, op(p.first));
    set(how, CUBLASLT_MATMUL_DESC_TRANSB, op(p.second));
    if (k.after != CUBLASLT_EPILOGUE_DEFAULT) {
      set(how, CUBLASLT_MATMUL_DESC_EPILOGUE, k.after);
      if (after.bias != nullptr) set(how, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, k.z);
      if (after.before_gelu != nullptr) {
        set(how, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_DATA_TYPE, k.z);
        set(how, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, static_cast<std::int64_t>(k.ld_kept));
      }
      point(how, after);
    }
    plan.x = p.first == Trans::no ? layout(k.x, p.m, p.k, p.ld_first) : layout(k.x, p.k, p.m, p.ld_first);
    plan.y = p.second == Trans::no ? layout(k.y, p.k, p.n, p.ld_second) : layout(k.y, p.n, p.k, p.ld_second);
    plan.z = layout(k.z, p.m, p.n, p.ld_result);

    cublasLtMatmulPreference_t made = nullptr;
    detail::check(cublasLtMatmulPreferenceCreate(&made), "cublasLtMatmulPreferenceCreate");
    const detail::MatmulPreference preference(made);
    const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t what, auto value) {
      detail::check(cublasLtMatmulPreferenceSetAttribute(made, what, &value, sizeof value),
                    "cublasLtMatmulPreferenceSetAttribute");
    };
    prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, workspace_bytes);
    // Where a sum is split, its parts are added in the type it is computed in, never in bf16.
    prefer(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
           static_cast<std::uint32_t>(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE));
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, k.align_x);
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, k.align_y);
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, k.align_z);
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, k.align_z);
    cublasLtMatmulHeuristicResult_t best = {};
    int count = 0;
    const auto status = cublasLtMatmulAlgoGetHeuristic(handle_.get(), how, plan.x.get(), plan.y.get(),
                                                       plan.z.get(), plan.z.get(), made, 1, &best, &count);
    if (status == CUBLAS_STATUS_NOT_SUPPORTED || (status == CUBLAS_STATUS_SUCCESS && count == 0)) return plan;
    if (k.after != CUBLASLT_EPILOGUE_DEFAULT && refused(status)) return plan;
    detail::check(status, "cublasLtMatmulAlgoGetHeuristic");
    plan.algorithm = best.algo;
    plan.known = true;
    return plan;
  }

  std::unique_ptr<std::remove_pointer_t<cublasLtHandle_t>, detail::Destroy<cublasLtDestroy>> handle_;
  std::unique_ptr<void, Free> workspace_;
  std::map<Kind, Plan> plans_;
};

}  // namespace lorica::gpu
