// SPDX-License-Identifier: MIT
/// @file tests/support/backends.hpp
/// Every backend compiled into this binary. A typed test says LORICA_BACKENDS and gets them all, or
/// LORICA_DOUBLE_BACKENDS where finite differences want double:
///   TEMPLATE_TEST_CASE("...", "[...]", LORICA_BACKENDS) { TestType b; ... }
/// Verbs and operations are tested on all of them. What is composed of operations says LORICA_SOME_BACKENDS:
/// one of either kind, one of them with two scalars. LORICA_TEST_FEW_BACKENDS, of tests/run.sh without --all
/// and of the preset clang, gives those two to every test, and LORICA_TEST_ONE_BACKEND, of the preset asan,
/// the one: they ask something else of the code; LORICA_TEST_ONEDNN gives them the backends over oneDNN;
/// LORICA_TEST_THRUST_ONLY, of the preset cpp, Thrust on one thread with rows by blocks of threads, as on a
/// device.
#pragma once

#include "support/catch.hpp"
#include "support/tolerance.hpp"

#if defined(LORICA_TEST_GPU)
#  include <lorica/gpu/thrust_backend.cuh>
#endif
#if defined(__CUDACC__)  // nvcc's turn: Eigen stays out of .cu
#  include <lorica/gpu/cublas_gemm.cuh>
#  define LORICA_DOUBLE_BACKENDS lorica::gpu::ThrustBackend<double>
#  define LORICA_BACKENDS                                         \
    (lorica::gpu::ThrustBackend<float, lorica::gpu::CublasGemm>), \
        (lorica::gpu::ThrustBackend<lorica::bf16, lorica::gpu::CublasGemm>)
#  define LORICA_SOME_BACKENDS LORICA_BACKENDS
#elif defined(LORICA_TEST_ONEDNN)
#  include <lorica/cpu/onednn_gemm.hpp>
#  include "support/eigen_products.hpp"
#  define LORICA_DOUBLE_BACKENDS lorica::cpu::EigenBackend<double>  // oneDNN has none of double
#  define LORICA_BACKENDS                                        \
    (lorica::cpu::EigenBackend<float, lorica::cpu::OneDnnGemm>), \
        (lorica::cpu::EigenBackend<lorica::bf16, lorica::cpu::OneDnnGemm, float>)
#  define LORICA_SOME_BACKENDS LORICA_BACKENDS
#elif defined(LORICA_TEST_THRUST_ONLY)
#  include <lorica/cpu/eigen_backend.hpp>  // the reference that Thrust is compared with
#  include "support/block.hpp"
#  include "support/eigen_products.hpp"
#  define LORICA_DOUBLE_BACKENDS lorica::test::BlockBackend<double>
#  define LORICA_BACKENDS \
    (lorica::test::BlockBackend<float, double>), lorica::test::BlockBackend<lorica::bf16>
#  define LORICA_SOME_BACKENDS (lorica::test::BlockBackend<float, double>)
#else
#  include <lorica/cpu/eigen_backend.hpp>
#  include "support/eigen_products.hpp"
#  define LORICA_EIGEN_BACKENDS                                          \
    lorica::cpu::EigenBackend<double>, lorica::cpu::EigenBackend<float>, \
        (lorica::cpu::EigenBackend<float, lorica::cpu::EigenGemm, double>)
#  if defined(LORICA_TEST_GPU)
#    define LORICA_DOUBLE_BACKENDS lorica::cpu::EigenBackend<double>, lorica::gpu::ThrustBackend<double>
#    define LORICA_BACKENDS                                      \
      LORICA_EIGEN_BACKENDS, lorica::gpu::ThrustBackend<double>, \
          (lorica::gpu::ThrustBackend<float, lorica::gpu::LoopGemm, double>)
#    define LORICA_SOME_BACKENDS \
      (lorica::cpu::EigenBackend<float, lorica::cpu::EigenGemm, double>), lorica::gpu::ThrustBackend<double>
#  else
#    define LORICA_DOUBLE_BACKENDS lorica::cpu::EigenBackend<double>
#    define LORICA_BACKENDS LORICA_EIGEN_BACKENDS
#    define LORICA_SOME_BACKENDS \
      (lorica::cpu::EigenBackend<float, lorica::cpu::EigenGemm, double>), lorica::cpu::EigenBackend<double>
#  endif
#endif
#if defined(LORICA_TEST_ONE_BACKEND)
#  undef LORICA_BACKENDS
#  undef LORICA_SOME_BACKENDS
#  undef LORICA_DOUBLE_BACKENDS
#  define LORICA_BACKENDS (lorica::cpu::EigenBackend<float, lorica::cpu::EigenGemm, double>)
#  define LORICA_SOME_BACKENDS LORICA_BACKENDS
#  define LORICA_DOUBLE_BACKENDS lorica::cpu::EigenBackend<double>
#elif defined(LORICA_TEST_FEW_BACKENDS)
#  undef LORICA_BACKENDS
#  define LORICA_BACKENDS LORICA_SOME_BACKENDS
#endif
