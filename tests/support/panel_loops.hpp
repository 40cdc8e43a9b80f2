// SPDX-License-Identifier: MIT
/// @file tests/support/panel_loops.hpp
/// Products of panels by plain loops: what matrix registers compute, on any processor.
#pragma once

#include <lorica/cpu/panel.hpp>

namespace lorica::test {

/// Of row l of what the pairs of a panel stand for, number j.
inline float of_pairs(cpu::panel::Pairs pairs, index_t l, index_t j) {
  std::uint32_t pair;
  std::memcpy(&pair, pairs.row(l / 2) + j, sizeof pair);
  bf16 x;
  x.bits = static_cast<std::uint16_t>(l % 2 == 0 ? pair : pair >> 16);
  return convert<float>(x);
}

struct Loops {
  void product(cpu::panel::Rows a, cpu::panel::Pairs b, bool adds, MatrixRef<float> c) const {
    for (index_t i = 0; i < c.rows; ++i)
      for (index_t j = 0; j < c.cols; ++j) {
        float sum = adds ? c.row(i)[j] : 0;
        for (index_t l = 0; l < a.cols; ++l) sum += convert<float>(a.row(i)[l]) * of_pairs(b, l, j);
        c.row(i)[j] = sum;
      }
  }
};

}  // namespace lorica::test
