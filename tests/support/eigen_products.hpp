// SPDX-License-Identifier: MIT
/// @file tests/support/eigen_products.hpp
/// Eigen's products are most of what a typed test costs to compile: eigen_products.cpp compiles them once for
/// all tests.
#pragma once

#include <lorica/cpu/eigen_gemm.hpp>

/// Of EigenBackend<float>, EigenBackend<double> and the mixed EigenBackend<float, EigenGemm, double>.
#define LORICA_EIGEN_PRODUCT(EXTERN, S, A, B, C)                                        \
  EXTERN template void lorica::cpu::EigenGemm::product(lorica::Trans, lorica::Trans, S, \
                                                       lorica::MatrixRef<const A>,      \
                                                       lorica::MatrixRef<const B>, S, lorica::MatrixRef<C>);
#define LORICA_EIGEN_PRODUCTS(EXTERN)                         \
  LORICA_EIGEN_PRODUCT(EXTERN, float, float, float, float)    \
  LORICA_EIGEN_PRODUCT(EXTERN, double, float, float, float)   \
  LORICA_EIGEN_PRODUCT(EXTERN, double, float, float, double)  \
  LORICA_EIGEN_PRODUCT(EXTERN, double, float, double, float)  \
  LORICA_EIGEN_PRODUCT(EXTERN, double, float, double, double) \
  LORICA_EIGEN_PRODUCT(EXTERN, double, double, float, float)  \
  LORICA_EIGEN_PRODUCT(EXTERN, double, double, float, double) \
  LORICA_EIGEN_PRODUCT(EXTERN, double, double, double, float) \
  LORICA_EIGEN_PRODUCT(EXTERN, double, double, double, double)

LORICA_EIGEN_PRODUCTS(extern)
