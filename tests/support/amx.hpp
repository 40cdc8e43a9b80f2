// SPDX-License-Identifier: MIT
/// @file tests/support/amx.hpp
/// Whether there are matrix registers to test.
#pragma once

#include <lorica/cpu/amx.hpp>

#include <iostream>

namespace lorica::test {

/// Without them a test returns; CTest sees the line and reports it as Skipped.
inline bool has_matrix_registers() {
#if defined(LORICA_AMX)
  if (cpu::Amx::usable()) return true;
  std::cout << "skipped: this system lends no matrix registers" << std::endl;
#else
  std::cout << "skipped: compiled for a processor without AMX-BF16" << std::endl;
#endif
  return false;
}

}  // namespace lorica::test
