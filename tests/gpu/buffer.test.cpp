// SPDX-License-Identifier: MIT
/// @file tests/gpu/buffer.test.cpp
#include <lorica/gpu/buffer.cuh>

#include "support/catch.hpp"

#include <thrust/copy.h>

using namespace lorica;
using gpu::Buffer;
using gpu::Pool;

TEST_CASE("a block of the device is handed out again", "[gpu][buffer]") {
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

TEST_CASE("a block is never smaller than asked, nor much larger", "[gpu][buffer]") {
  const auto pool = std::make_shared<Pool>();
  for (index_t n = 0; n < 20000; n += 37) {
    const Buffer<char> x(pool, n);
    REQUIRE(x.data() != nullptr);
    REQUIRE(pool->in_use() >= static_cast<std::size_t>(n));
    REQUIRE(pool->in_use() <= static_cast<std::size_t>(n) + static_cast<std::size_t>(n) / 8 + 256);
  }
}

TEST_CASE("the device's pool counts what is in use, what was, and what it holds", "[gpu][buffer]") {
  const auto pool = std::make_shared<Pool>();
  {
    const Buffer<double> x(pool, 128), y(pool, 128);
    REQUIRE(pool->in_use() == 2048);
  }
  REQUIRE(pool->in_use() == 0);
  REQUIRE(pool->peak() == 2048);
  REQUIRE(pool->held() == 2048);
  pool->reset_peak();
  REQUIRE(pool->peak() == 0);
  pool->trim();
  REQUIRE(pool->held() == 0);
}

TEST_CASE("where the device has no more, unused blocks go back to it, and then it is an error",
          "[gpu][buffer]") {
  const auto pool = std::make_shared<Pool>();
  pool->limit(std::size_t(3) << 20);
  const Buffer<char> kept(pool, 1 << 20);
  { const Buffer<char> passing(pool, 3 << 19); }
  REQUIRE(pool->held() == std::size_t(5) << 19);
  const Buffer<char> other(pool, 1 << 20);  // of another size: what is unused makes room
  REQUIRE(pool->held() == std::size_t(2) << 20);
  try {
    const Buffer<char> more(pool, 3 << 19);
    FAIL("there was room");
  } catch (const OutOfMemory& e) {
    REQUIRE(std::string(e.what()).starts_with(
        "the device has no room for 1.5 MiB: 2.0 MiB are in use, of at most 3.0 MiB"));
    REQUIRE(e.asked == std::size_t(3) << 19);
    REQUIRE(e.in_use == std::size_t(2) << 20);
  }
  REQUIRE(pool->in_use() == std::size_t(2) << 20);  // as before
  const Buffer<char> last(pool, 1 << 20);
}

TEST_CASE("a device buffer moves with what is in it, and outlives its owner", "[gpu][buffer]") {
  auto pool = std::make_shared<Pool>();
  Buffer<int> a(pool, 3), b(pool, 3);
  const int numbers[3] = {4, 5, 6};
  thrust::copy(numbers, numbers + 3, thrust::device_pointer_cast(a.data()));
  const int* where = a.data();
  b = std::move(a);
  REQUIRE(a.data() == nullptr);
  REQUIRE(b.data() == where);
  REQUIRE(pool->in_use() == 256);
  pool.reset();
  int back[3] = {};
  const auto there = thrust::device_pointer_cast(std::as_const(b).data());
  thrust::copy(there, there + 3, back);
  REQUIRE(back[0] == 4);
  REQUIRE(back[2] == 6);
}
