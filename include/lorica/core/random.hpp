// SPDX-License-Identifier: MIT
/// @file lorica/core/random.hpp
/// Random numbers without order. A counter-based generator (Philox 4x32-10, Salmon et al. 2011, "Parallel
/// random numbers: as easy as 1, 2, 3") keyed by seed, purpose and site path: number i of step t is a
/// function of those alone, whatever else is drawn, by however many threads, on whichever backend.
#pragma once

#include <lorica/core/config.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string_view>
#include <utility>
#include <vector>

namespace lorica {

using Seed = std::uint64_t;

/// One block of Philox 4x32 with 10 rounds: 128 bits of counter, 64 bits of key, 128 random bits.
struct Philox {
  struct Block {
    std::uint32_t word[4];
    friend bool operator==(const Block&, const Block&) = default;
  };

  LORICA_HD static Block block(Block c, std::uint32_t k0, std::uint32_t k1) {
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t p = std::uint64_t{0xD2511F53u} * c.word[0],
                          q = std::uint64_t{0xCD9E8D57u} * c.word[2];
      c = Block{{static_cast<std::uint32_t>(q >> 32) ^ c.word[1] ^ k0, static_cast<std::uint32_t>(q),
                 static_cast<std::uint32_t>(p >> 32) ^ c.word[3] ^ k1, static_cast<std::uint32_t>(p)}};
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    return c;
  }
};

/// All numbers of one purpose at one place and step. Trivially copyable: it may enter a device functor.
struct Stream {
  std::uint64_t key = 0;
  std::uint64_t step = 0;

  Stream() = default;
  /// `purpose` says what for ("init A", "dropout"), `path` where ("blocks.3.down").
  Stream(Seed seed, std::string_view purpose, std::string_view path, std::uint64_t at_step = 0)
      : key(mix(seed ^ mix(hash(purpose) ^ mix(hash(path))))), step(at_step) {}

  /// 32 random bits, the index-th of this stream.
  LORICA_HD std::uint32_t bits(std::uint64_t index) const {
    const std::uint64_t i = index >> 2;
    const auto b = Philox::block({{lo(i), hi(i), lo(step), hi(step)}}, lo(key), hi(key));
    return b.word[index & 3];
  }
  /// 64 random bits, the index-th.
  LORICA_HD std::uint64_t bits64(std::uint64_t index) const {
    return (std::uint64_t{bits(2 * index)} << 32) | bits(2 * index + 1);
  }
  /// In (0, 1), 53 bits, never an end point.
  double uniform(std::uint64_t index) const {
    // The largest would round to 1.
    return std::min((static_cast<double>(bits64(index) >> 11) + 0.5) * 0x1p-53, 0x1.fffffffffffffp-1);
  }
  /// Standard normal, by Box and Muller.
  double normal(std::uint64_t index) const {
    const double r = std::sqrt(-2.0 * std::log(uniform(2 * (index / 2))));
    const double angle = 2.0 * std::numbers::pi * uniform(2 * (index / 2) + 1);
    return r * (index % 2 == 0 ? std::cos(angle) : std::sin(angle));
  }
  /// In 0 .. n - 1; the bias of n against 2^64 is below 1e-9 for n up to 2^34.
  std::uint64_t below(std::uint64_t n, std::uint64_t index) const { return bits64(index) % n; }

 private:
  static std::uint64_t hash(std::string_view text) {  // FNV-1a, 64 bits
    std::uint64_t h = 0xcbf29ce484222325u;
    for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    return h;
  }
  static std::uint64_t mix(std::uint64_t x) {  // the finaliser of splitmix64
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
  }
  LORICA_HD static std::uint32_t lo(std::uint64_t x) { return static_cast<std::uint32_t>(x); }
  LORICA_HD static std::uint32_t hi(std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); }
};

/// n numbers from N(0, sigma^2), drawn in double.
inline std::vector<double> normals(const Stream& s, index_t n, double sigma) {
  std::vector<double> out(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = sigma * s.normal(i);
  return out;
}
/// n numbers from U(-bound, bound), drawn in double.
inline std::vector<double> uniforms(const Stream& s, index_t n, double bound) {
  std::vector<double> out(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = bound * (2.0 * s.uniform(i) - 1.0);
  return out;
}
/// A permutation of 0 .. n - 1 (Fisher and Yates).
inline std::vector<index_t> permutation(const Stream& s, index_t n) {
  std::vector<index_t> p(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < p.size(); ++i) p[i] = static_cast<index_t>(i);
  for (std::size_t i = p.size(); i > 1; --i) std::swap(p[i - 1], p[static_cast<std::size_t>(s.below(i, i))]);
  return p;
}

}  // namespace lorica
