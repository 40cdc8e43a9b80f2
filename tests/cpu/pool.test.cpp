// SPDX-License-Identifier: MIT
/// @file tests/cpu/pool.test.cpp
#include <lorica/cpu/pool.hpp>

#include "support/catch.hpp"

#include <lorica/core/random.hpp>

#include <cstdint>
#include <cstring>
#include <thread>

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

namespace {
/// A block and what it was filled with.
struct Filled {
  Buffer<unsigned char> buffer;
  std::size_t bytes;
  unsigned char mark;
  Filled(const std::shared_ptr<Pool>& pool, std::size_t n, unsigned char m)
      : buffer(pool, static_cast<index_t>(n)), bytes(n), mark(m) {
    std::memset(buffer.data(), m, n);
  }
  [[nodiscard]] bool whole() const {
    return std::all_of(buffer.data(), buffer.data() + bytes, [this](unsigned char c) { return c == mark; });
  }
};
/// Blocks of a forward pass over n rows, each held until a backward pass, with scratch in between.
void ragged_step(const std::shared_ptr<Pool>& pool, index_t n) {
  std::vector<Buffer<float>> kept;
  for (index_t layer = 0; layer < 6; ++layer) {
    const Buffer<float> scratch(pool, n * 96);
    for (const index_t width : {64, 64, 192, 64, 256, 8}) kept.emplace_back(pool, n * width);
  }
  while (!kept.empty()) {
    const Buffer<float> dy(pool, n * 256), dx(pool, n * 64);
    kept.pop_back();
  }
}
}  // namespace

TEST_CASE("blocks that are taken and given back at random never overlap", "[cpu][pool]") {
  const auto pool = std::make_shared<Pool>();
  for (Seed seed = 1; seed <= 5; ++seed) {
    const Stream random(seed, "pool", "");
    std::uint64_t drawn = 0;
    std::vector<Filled> live;
    std::size_t in_use = 0;
    for (int step = 0; step < 1500; ++step) {
      if (live.size() < 5 || random.below(live.size() < 60 ? 3 : 2, drawn++) > 0) {
        const std::uint64_t most = std::uint64_t{1} << random.below(18, drawn++);
        live.emplace_back(pool, random.below(most, drawn++), static_cast<unsigned char>(step));
        in_use += std::max<std::size_t>(1, (live.back().bytes + 63) / 64) * 64;
        REQUIRE(reinterpret_cast<std::uintptr_t>(live.back().buffer.data()) % 64 == 0);
      } else {
        const auto i = random.below(live.size(), drawn++);
        REQUIRE(live[i].whole());
        in_use -= std::max<std::size_t>(1, (live[i].bytes + 63) / 64) * 64;
        live[i] = std::move(live.back());
        live.pop_back();
      }
      if (step % 500 == 250) pool->trim();  // what is in use stays as it is
      REQUIRE(pool->in_use() == in_use);
      REQUIRE(pool->held() >= in_use);
    }
    for (const auto& f : live) REQUIRE(f.whole());
  }
  REQUIRE(pool->in_use() == 0);
  pool->trim();
  REQUIRE(pool->held() == 0);
}

TEST_CASE("free neighbours are one piece, and the lowest that fits is cut", "[cpu][pool]") {
  const auto pool = std::make_shared<Pool>();
  std::vector<char*> at;
  const std::size_t size = 8192;
  for (int i = 0; i < 8; ++i) at.push_back(static_cast<char*>(pool->take(size)));
  REQUIRE(pool->held() == 8 * size);
  for (const std::size_t i : {1u, 3u, 2u, 5u}) pool->give(at[i], size);  // the second joins both
  REQUIRE(pool->take(3 * size) == at[1]);
  REQUIRE(pool->held() == 8 * size);
  REQUIRE(pool->take(size / 2 + 64) == at[5]);
  pool->give(at[7], size);
  REQUIRE(pool->take(2 * size) == at[7]);  // the end extends by what is missing
  REQUIRE(pool->held() == 9 * size);
  pool->give(at[1], 3 * size), pool->give(at[5], size / 2 + 64), pool->give(at[7], 2 * size);
  pool->trim();  // the blocks 0, 4 and 6 are in use
  REQUIRE(pool->held() == 7 * size);
  for (const std::size_t i : {0u, 4u, 6u}) pool->give(at[i], size);
  pool->trim();
  REQUIRE(pool->held() == 0);
  char* const again = static_cast<char*>(pool->take(size));
  REQUIRE(again == at[0]);
  std::memset(again, 1, size);
  pool->give(again, size);
}

TEST_CASE("steps over batches of other lengths ask the system for little more than the largest needs",
          "[cpu][pool]") {
  const auto pool = std::make_shared<Pool>();
  const Stream random(7, "lengths", "");
  std::vector<Buffer<float>> weights;
  for (index_t i = 0; i < 10; ++i) weights.emplace_back(pool, 64 * 256);
  std::size_t held = 0;
  for (std::uint64_t step = 0; step < 200; ++step) {
    ragged_step(pool, 40 + static_cast<index_t>(random.below(400, step)));
    if (step == 99) held = pool->held();
  }
  INFO(double(pool->held()) / double(pool->peak()));
  REQUIRE(double(pool->held()) <= 1.1 * double(pool->peak()));
  REQUIRE(double(pool->held()) <= 1.02 * double(held));
}

TEST_CASE("threads share a pool", "[cpu][pool]") {
  const auto pool = std::make_shared<Pool>();
  std::vector<std::thread> threads;
  std::array<bool, 3> whole = {true, true, true};
  for (std::size_t t = 0; t < whole.size(); ++t)
    threads.emplace_back([&, t] {
      const Stream random(t, "thread", "");
      for (std::uint64_t i = 0; i < 400; ++i) {
        const Filled a(pool, random.below(20000, 2 * i), static_cast<unsigned char>(t + 1)),
            b(pool, random.below(20000, 2 * i + 1), static_cast<unsigned char>(t + 11));
        whole[t] = whole[t] && a.whole() && b.whole();
      }
    });
  for (auto& t : threads) t.join();
  REQUIRE(whole == std::array<bool, 3>{true, true, true});
  REQUIRE(pool->in_use() == 0);
}

TEST_CASE("more than there is, is an error that changes nothing", "[cpu][pool]") {
  const auto pool = std::make_shared<Pool>();
  const Buffer<char> x(pool, 100000);
  const std::size_t held = pool->held();
  REQUIRE_THROWS_AS(pool->take(std::size_t{1} << 60), std::bad_alloc);
  REQUIRE(pool->in_use() == 100032);
  REQUIRE(pool->peak() == 100032);
  REQUIRE(pool->held() == held);
  const Buffer<char> y(pool, 100000);
  REQUIRE(y.data() != x.data());
}
