// SPDX-License-Identifier: MIT
/// @file tests/core/lanes.test.cpp
#include <lorica/core/lanes.hpp>

#include "support/catch.hpp"

#include <bit>
#include <numeric>
#include <vector>

using namespace lorica;

namespace {
template <class V> V counting(typename V::value_type first) {
  V v(0);
  for (int i = 0; i < V::width; ++i) v.set(i, first + typename V::value_type(i));
  return v;
}
}  // namespace

TEMPLATE_TEST_CASE("lanes compute like numbers", "[core][lanes]", (Lanes<float>), (Lanes<double>),
                   (Lanes<float, 1>), (Lanes<double, 1>)) {
  using V = TestType;
  using T = typename V::value_type;
  const V a = counting<V>(1), b = counting<V>(T(2.5));
  V c = a;
  c += b;
  V d = a;
  d -= b;
  V e = a;
  e *= b;
  for (int i = 0; i < V::width; ++i) {
    CAPTURE(i);
    const T x = T(1) + T(i), y = T(2.5) + T(i);
    REQUIRE((a + b)[i] == x + y);
    REQUIRE((a - b)[i] == x - y);
    REQUIRE((a * b)[i] == x * y);
    REQUIRE((a / b)[i] == x / y);
    REQUIRE((-a)[i] == -x);
    REQUIRE(c[i] == x + y);
    REQUIRE(d[i] == x - y);
    REQUIRE(e[i] == x * y);
    REQUIRE(select(a > V(T(2)), a, -b)[i] == (x > T(2) ? x : -y));
    REQUIRE(select(a < V(T(2)), a, -b)[i] == (x < T(2) ? x : -y));
    REQUIRE(larger(a, V(T(3)))[i] == (x > 3 ? x : T(3)));
    REQUIRE(smaller(a, V(T(3)))[i] == (x < 3 ? x : T(3)));
  }
  REQUIRE(sum(a) == T(V::width * (V::width + 1) / 2));
  REQUIRE(largest(a) == T(V::width));
  REQUIRE(largest(-a) == T(-1));
}

TEMPLATE_TEST_CASE("loads and stores end where they are told", "[core][lanes]", float, double, bf16) {
  using T = TestType;
  using V = lanes_of<T>;
  std::vector<T> from(3 * V::width + 2);
  for (std::size_t i = 0; i < from.size(); ++i) from[i] = convert<T>(double(i) + 1);
  for (index_t left = 0; left <= V::width + 1; ++left)
    for (std::size_t offset = 0; offset < 2; ++offset) {  // at any alignment
      CAPTURE(left, offset);
      const V v = load<V>(from.data() + offset, left, -7);
      for (int i = 0; i < V::width; ++i) {
        const double want = i < left ? double(offset) + i + 1 : -7;
        REQUIRE(convert<double>(v[i]) == want);
      }
      std::vector<T> to(static_cast<std::size_t>(V::width) + 3, convert<T>(-1.0));
      store(to.data() + offset, left, v);
      for (std::size_t i = 0; i < to.size(); ++i) {
        const index_t lane = static_cast<index_t>(i) - static_cast<index_t>(offset);
        const bool written = lane >= 0 && lane < left && lane < V::width;
        const double want = written ? double(i) + 1 : -1;
        REQUIRE(convert<double>(to[i]) == want);
      }
    }
}

TEST_CASE("lanes of every bf16 are its float, and store it again", "[core][lanes]") {
  using V = Lanes<float>;
  std::vector<bf16> all(1 << 16), back(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i].bits = static_cast<std::uint16_t>(i);
  int wider = 0, narrower = 0;
  for (std::size_t i = 0; i < all.size(); i += V::width) {
    const V v = load<V>(all.data() + i, V::width);
    for (int l = 0; l < V::width; ++l)
      wider += std::bit_cast<std::uint32_t>(float(v[l])) != static_cast<std::uint32_t>(i + std::size_t(l))
                                                                << 16;
    store(back.data() + i, V::width, v);
  }
  for (std::size_t i = 0; i < all.size(); ++i)
    narrower += back[i].bits != bf16(std::bit_cast<float>(static_cast<std::uint32_t>(i) << 16)).bits;
  REQUIRE(wider == 0);
  REQUIRE(narrower == 0);
}

TEST_CASE("lanes are rounded to bf16 as numbers are, bit for bit", "[core][lanes]") {
  using V = Lanes<float>;
  // Every upper half (subnormals, infinities and NaN are among them), with lower halves at ties and beside
  // them.
  constexpr std::uint32_t lower[] = {0, 1, 0x1234, 0x7fff, 0x8000, 0x8001, 0xcafe, 0xffff};
  std::vector<float> from;
  for (std::uint32_t upper = 0; upper < 1u << 16; ++upper)
    for (const std::uint32_t l : lower) from.push_back(std::bit_cast<float>(upper << 16 | l));
  int different = 0;
  std::vector<bf16> to(V::width);
  for (std::size_t i = 0; i < from.size(); i += V::width) {
    store(to.data(), V::width, V::load(from.data() + i));
    for (std::size_t l = 0; l < to.size(); ++l) different += to[l].bits != bf16(from[i + l]).bits;
  }
  REQUIRE(different == 0);
  SECTION("ties go to even") {
    const auto rounded = [](std::uint32_t u) {
      bf16 out[V::width];
      store(out, V::width, V(std::bit_cast<float>(u)));
      return int(out[V::width - 1].bits);
    };
    REQUIRE(rounded(0x3f808000) == 0x3f80);
    REQUIRE(rounded(0x3f818000) == 0x3f82);
    REQUIRE(rounded(0x00008000) == 0);       // half the smallest subnormal
    REQUIRE(rounded(0x00008001) == 1);       // a subnormal stays one
    REQUIRE(rounded(0x7f7fffff) == 0x7f80);  // beyond the largest
    REQUIRE(rounded(0x7f800001) == 0x7fc0);  // NaN, were it cut off, would be infinity
  }
}

TEST_CASE("the width is the register's", "[core][lanes]") {
  STATIC_REQUIRE(native_lanes<double> * 2 == native_lanes<float> || register_bytes == 0);
  STATIC_REQUIRE(Lanes<float>::width == native_lanes<float>);
  STATIC_REQUIRE(std::is_trivially_copyable_v<Lanes<float>>);
}

TEST_CASE("a sum over lanes is a fixed tree", "[core][lanes]") {
  using V = Lanes<float>;
  V v(0);
  for (int i = 0; i < V::width; ++i) v.set(i, 1.f + 0.1f * float(i * i));
  std::vector<float> t;
  for (int i = 0; i < V::width; ++i) t.push_back(v[i]);
  while (t.size() > 1) {
    const std::size_t half = t.size() / 2;
    for (std::size_t i = 0; i < half; ++i) t[i] += t[i + half];
    t.resize(half);
  }
  REQUIRE(sum(v) == t[0]);
}
