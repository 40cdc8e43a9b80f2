// SPDX-License-Identifier: MIT
#include <lorica/io/decode.hpp>

#include "support/catch.hpp"

#include <cmath>
#include <mutex>
#include <numeric>
#include <vector>

using namespace lorica;

TEST_CASE("the branch-free half is the plain one, for every half there is", "[io][decode]") {
  index_t apart = 0;
  for (std::uint32_t h = 0; h < 65536; ++h) {
    const auto half = static_cast<std::uint16_t>(h);
    apart += std::bit_cast<std::uint32_t>(io::detail::widen_f16(half)) !=
             std::bit_cast<std::uint32_t>(io::from_f16(half));
  }
  CHECK(apart == 0);
}

TEST_CASE("every count of numbers is read, from any address", "[io][decode]") {
  for (const std::size_t n : {0, 1, 63, 64, 65, 200}) {
    std::vector<double> wide(n);
    std::iota(wide.begin(), wide.end(), -3.0);
    std::vector<float> want(wide.begin(), wide.end());
    std::vector<std::uint16_t> brain(n), half(n);
    std::transform(want.begin(), want.end(), brain.begin(), io::to_bf16);
    std::transform(want.begin(), want.end(), half.begin(), io::to_f16);
    const auto read = [&](io::Dtype dtype, const void* from) {
      std::vector<std::byte> odd(1 + n * io::dtype_size(dtype));
      if (n > 0) std::memcpy(odd.data() + 1, from, odd.size() - 1);
      std::vector<float> to(n + 1, 77.0f);
      io::decode(dtype, std::span<const std::byte>(odd).subspan(1), std::span(to).first(n));
      CHECK(to.back() == 77.0f);
      to.pop_back();
      return to;
    };
    CHECK(read(io::Dtype::F64, wide.data()) == want);
    CHECK(read(io::Dtype::F32, want.data()) == want);
    CHECK(read(io::Dtype::BF16, brain.data()) == want);
    CHECK(read(io::Dtype::F16, half.data()) == want);
  }
}

TEST_CASE("any stretch of a matrix can be read from its transpose", "[io][decode]") {
  for (const Shape w : {Shape{1, 5}, Shape{5, 1}, Shape{33, 20}, Shape{16, 16}, Shape{50, 17}}) {
    const index_t size = w.rows * w.cols;
    std::vector<float> stored(static_cast<std::size_t>(size)), want(stored.size());
    for (index_t i = 0; i < w.rows; ++i)
      for (index_t j = 0; j < w.cols; ++j) {
        const auto x = static_cast<float>(i * w.cols + j);
        stored[static_cast<std::size_t>(j * w.rows + i)] = x;
        want[static_cast<std::size_t>(i * w.cols + j)] = x;
      }
    std::vector<std::uint16_t> half(stored.size());
    std::transform(stored.begin(), stored.end(), half.begin(), io::to_f16);
    for (const index_t first : {index_t(0), index_t(1), w.cols, 3 * w.cols / 2, size})
      for (const index_t last : {first, size - 1, size, size / 2, 2 * w.cols}) {
        if (first > last || last > size) continue;
        const auto n = static_cast<std::size_t>(last - first);
        std::vector<float> to(n), of_half(n), expected(want.begin() + first, want.begin() + last);
        io::decode_transposed(io::Dtype::F32, std::as_bytes(std::span<const float>(stored)), w, first, to);
        io::decode_transposed(io::Dtype::F16, std::as_bytes(std::span<const std::uint16_t>(half)), w, first,
                              of_half);
        CAPTURE(w.rows, w.cols, first, last);
        CHECK(to == expected);
        CHECK(of_half == expected);
      }
  }
}

TEST_CASE("pieces cover everything once", "[io][decode]") {
  std::mutex mutex;
  for (const index_t n : {0, 1, 7, 8, 30}) {
    std::vector<int> seen(static_cast<std::size_t>(n));
    io::detail::in_pieces(n, 7, [&](index_t first, index_t count) {
      const std::lock_guard lock(mutex);
      CHECK(count <= 7);
      for (index_t i = 0; i < count; ++i) ++seen[static_cast<std::size_t>(first + i)];
    });
    CHECK(std::ranges::count(seen, 1) == n);
  }
}
