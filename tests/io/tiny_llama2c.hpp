// SPDX-License-Identifier: MIT
/// @file tests/io/tiny_llama2c.hpp
/// A model file of llama2.c, written without the library.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>

namespace lorica::test {

/// Width 8, hidden 12, 2 layers, 2 heads and 1 of keys, 5 words, 6 positions.
inline constexpr std::int32_t tiny_llama2c_header[7] = {8, 12, 2, 2, 1, 5, 6};

/// The i-th float of it.
inline float tiny_llama2c_number(std::size_t i) { return 0.01f * (float(i * 37 % 101) - 50.f); }

/// The bytes of the file; with a head of its own the vocabulary is negative.
inline std::string tiny_llama2c(bool tied = true) {
  std::int32_t header[7];
  std::memcpy(header, tiny_llama2c_header, sizeof header);
  if (!tied) header[5] = -header[5];
  // embedding, gains, q, k, v, o, gains, gate, down, up, last gain, angles, head
  const std::size_t numbers =
      5 * 8 + 2 * (8 + 64 + 32 + 32 + 64 + 8 + 3 * 96) + 8 + 6 * 4 + (tied ? 0 : 5 * 8);
  std::string bytes(sizeof header + 4 * numbers, '\0');
  std::memcpy(bytes.data(), header, sizeof header);
  for (std::size_t i = 0; i < numbers; ++i) {
    const float x = tiny_llama2c_number(i);
    std::memcpy(bytes.data() + sizeof header + 4 * i, &x, 4);
  }
  return bytes;
}

}  // namespace lorica::test
