// SPDX-License-Identifier: MIT
/// @file lorica/core/config.hpp
/// The only header that asks which compiler is reading it.
#pragma once

#include <cstdint>

#if defined(__CUDACC__)
#  define LORICA_HD __host__ __device__
#else
#  define LORICA_HD
#endif

namespace lorica {

using index_t = std::int64_t;

}  // namespace lorica
