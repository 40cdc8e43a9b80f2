// SPDX-License-Identifier: MIT
/// @file tests/support/eigen_products.cpp
/// The one place where the tests' products by Eigen are compiled.
#include "support/eigen_products.hpp"

LORICA_EIGEN_PRODUCTS()
