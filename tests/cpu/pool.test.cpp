// SPDX-License-Identifier: MIT
/// @file tests/cpu/pool.test.cpp
#include <lorica/cpu/pool.hpp>

#include "support/catch.hpp"

#include <cstdint>
#include <cstring>

using namespace lorica;
using cpu::Buffer;
using cpu::Pool;

TEST_CASE("a block that was given back is handed out again", "[cpu][pool]") {
  const auto pool = std::make_shared<Pool>();
  const float* first = nullptr;
  {
    const Buffer<float> x(pool, 1000);
    first = x.data();
  }
  const Buffer<float> y(pool, 1000), z(pool, 1000);
  REQUIRE(y.data() == first);
  REQUIRE(z.data() != first);
}

TEST_CASE("sizes that are nearly the same share blocks, and none is too small", "[cpu][pool]") {
  const auto pool = std::make_shared<Pool>();
  for (index_t n = 0; n < 5000; n += 7) {
    Buffer<char> x(pool, n);
    REQUIRE(x.data() != nullptr);
    REQUIRE(reinterpret_cast<std::uintptr_t>(x.data()) % 64 == 0);
    REQUIRE(pool->in_use() >= static_cast<std::size_t>(n));
    REQUIRE(pool->in_use() <= static_cast<std::size_t>(n) + static_cast<std::size_t>(n) / 8 + 64);
    std::memset(x.data(), 1, static_cast<std::size_t>(n));  // the sanitizers look on
  }
  const void* first = nullptr;
  {
    const Buffer<char> x(pool, 100000);
    first = x.data();
  }
  const Buffer<char> y(pool, 99000);
  REQUIRE(y.data() == first);
}

TEST_CASE("the pool counts what is in use, what was, and what it holds", "[cpu][pool]") {
  const auto pool = std::make_shared<Pool>();
  REQUIRE(pool->in_use() == 0);
  {
    const Buffer<double> x(pool, 128), y(pool, 128);  // 1024 bytes each
    REQUIRE(pool->in_use() == 2048);
    REQUIRE(pool->held() == 2048);
  }
  REQUIRE(pool->in_use() == 0);
  REQUIRE(pool->peak() == 2048);
  REQUIRE(pool->held() == 2048);
  pool->reset_peak();
  REQUIRE(pool->peak() == 0);
  pool->trim();
  REQUIRE(pool->held() == 0);
  const Buffer<double> x(pool, 128);
  REQUIRE(pool->peak() == 1024);
}

TEST_CASE("a buffer moves, and outlives its owner", "[cpu][pool]") {
  auto pool = std::make_shared<Pool>();
  Buffer<int> a(pool, 10), b(pool, 10);
  a.data()[9] = 42;
  const int* where = a.data();
  b = std::move(a);
  REQUIRE(a.data() == nullptr);
  REQUIRE(b.data() == where);
  REQUIRE(pool->in_use() == 64);  // the memory b had is back
  pool.reset();
  REQUIRE(b.data()[9] == 42);
  Buffer<int> none;
  b = std::move(none);
  REQUIRE(b.data() == nullptr);
}
