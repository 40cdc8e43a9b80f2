// SPDX-License-Identifier: MIT
/// @file tests/support/lying.hpp
/// A matrix that lies with a gap between its rows.
#pragma once

#include <lorica/core/matrix.hpp>

#include "support/tolerance.hpp"

#include <vector>

namespace lorica::test {

/// Random numbers, in the gaps too.
template <class T> struct Lying {
  std::vector<T> memory;
  index_t rows, cols, stride;
  Lying(Seed seed, index_t r, index_t c, index_t gap)
      : memory(std::size_t(r * (c + gap))), rows(r), cols(c), stride(c + gap) {
    const auto numbers = random_numbers(seed, r * stride);
    for (std::size_t i = 0; i < memory.size(); ++i) memory[i] = static_cast<T>(numbers[i]);
  }
  [[nodiscard]] MatrixRef<T> ref() { return {memory.data(), rows, cols, stride}; }
  [[nodiscard]] MatrixRef<const T> cref() { return ref(); }
  [[nodiscard]] double at(index_t i, index_t j) const { return double(memory[std::size_t(i * stride + j)]); }
};

}  // namespace lorica::test
