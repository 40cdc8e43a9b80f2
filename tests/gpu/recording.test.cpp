// SPDX-License-Identifier: MIT
/// @file tests/gpu/recording.test.cpp
/// What is recorded is not done, and is done as often as it is asked for, over the numbers that are there
/// then.
#include <lorica/gpu/recording.cuh>

#include <lorica/core/functor.hpp>
#include <lorica/core/reduce.hpp>
#include <lorica/gpu/thrust_backend.cuh>

#include "support/backends.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace lorica;

namespace {
using Kept = gpu::ThrustBackend<double>;
/// Three ways to queue work, and a result on the way.
template <class B> void twice_and_sum(B& b, Tensor<B, double>& x, Tensor<B, double>& sum) {
  Tensor<B, double> y(b, x.rows(), x.cols());
  b.map(x.size(), fn::Scale<double>{2}, y.data(), std::as_const(x).data());
  b.copy(std::as_const(y).data(), x.data(), x.size());
  const auto total = sum_of(b, std::as_const(x).data(), x.size());
  b.copy(total.data(), sum.data(), 1);
}
template <class B> double number(B& b, const Tensor<B, double>& x) { return x.template host<double>(b)[0]; }
}  // namespace

TEST_CASE("what is recorded is done when it is replayed, and not before", "[gpu][recording]") {
  Kept b;
  MasterTensor<Kept> x(b, 1, 3, std::vector<double>{1, 2, 3}), sum(b, 1, 1, std::vector<double>{-1});
  std::string why;
  const auto work = b.record([&] { twice_and_sum(b, x, sum); }, &why);
  INFO(why);
  REQUIRE(work);
  CHECK(work->work.size() >= 4);
  CHECK(number(b, sum) == -1);
  CHECK(x.host(b) == std::vector<double>{1, 2, 3});
  REQUIRE(b.replay(*work));
  CHECK(number(b, sum) == 12);
  REQUIRE(b.replay(*work));
  CHECK(number(b, sum) == 24);
  x.assign(b, std::span<const double>(std::vector<double>{5, 0, 0}));
  REQUIRE(b.replay(*work));
  CHECK(number(b, sum) == 10);
  twice_and_sum(b, x, sum);  // and nothing is kept any more
  CHECK(number(b, sum) == 20);
}

TEST_CASE("memory that a recording was given is not handed to others", "[gpu][recording]") {
  Kept b;
  const index_t n = 1000;
  MasterTensor<Kept> x(b, 1, n, std::vector<double>(static_cast<std::size_t>(n), 1)), sum(b, 1, 1);
  const std::size_t at_first = b.pool().in_use();
  auto work = b.record([&] { twice_and_sum(b, x, sum); });
  REQUIRE(work);
  const std::size_t before = b.pool().held();
  const auto other = zeros<double>(b, 1, n);  // as large as the result on the way
  CHECK(b.pool().held() > before);
  REQUIRE(b.replay(*work));
  CHECK(number(b, sum) == 2 * n);
  CHECK(sum_of(b, other.data(), n).host(b) == std::vector<double>{0});
  // A second recording takes the same memory: only one of them is done at a time.
  MasterTensor<Kept> z(b, 1, n, std::vector<double>(static_cast<std::size_t>(n), 3)), of_z(b, 1, 1);
  const std::size_t held = b.pool().held(), in_use = b.pool().in_use();
  auto more = b.record([&] { twice_and_sum(b, z, of_z); });
  REQUIRE(more);
  CHECK(b.pool().held() == held);
  CHECK(b.pool().in_use() == in_use);  // what recordings hold is in use, whether they are done or not
  REQUIRE(b.replay(*more));
  REQUIRE(b.replay(*work));
  CHECK(number(b, of_z) == 6 * n);
  CHECK(number(b, sum) == 4 * n);
  work.reset();
  REQUIRE(b.replay(*more));
  CHECK(number(b, of_z) == 12 * n);
  CHECK(b.pool().in_use() == in_use);
  more.reset();  // the last
  const std::size_t ours = static_cast<std::size_t>(2 * n + 1) * sizeof(double);
  CHECK(b.pool().in_use() < at_first + ours + ours / 8 + 768);
}

TEST_CASE("where there is no room, recordings give up theirs, and say so", "[gpu][recording]") {
  Kept b;
  const index_t n = 1 << 16;  // 512 KiB
  auto x = zeros<double>(b, 1, n);
  MasterTensor<Kept> sum(b, 1, 1);
  const auto work = b.record([&] { twice_and_sum(b, x, sum); });
  REQUIRE(work);
  b.pool().limit(b.pool().held() + (std::size_t(256) << 10));
  REQUIRE(b.replay(*work));
  const auto more = zeros<double>(b, 1, n);
  CHECK_FALSE(b.replay(*work));
  CHECK(number(b, sum) == 0);
  std::string why;
  CHECK_FALSE(b.record([&] { twice_and_sum(b, x, sum); }, &why));
  CHECK_THAT(why, Catch::Matchers::StartsWith("the device has no room for 0.5 MiB"));
  b.pool().limit(0);
  const auto again = b.record([&] { twice_and_sum(b, x, sum); });
  REQUIRE(again);
  CHECK(b.replay(*again));
}

TEST_CASE("a recording keeps its memory beyond the backend, and nothing keeps it beyond the recording",
          "[gpu][recording]") {
  std::weak_ptr<gpu::Pool> pool;
  std::optional<Kept::Recorded> work;
  {
    Kept b;
    pool = b.pool().weak_from_this();
    MasterTensor<Kept> x(b, 1, 3, std::vector<double>{1, 2, 3}), sum(b, 1, 1);
    work = b.record([&] { twice_and_sum(b, x, sum); });
    REQUIRE(work);
  }
  CHECK_FALSE(pool.expired());
  work.reset();
  CHECK(pool.expired());
}

TEST_CASE("what reads from the device or writes to it is not recorded", "[gpu][recording]") {
  Kept b;
  MasterTensor<Kept> x(b, 1, 2, std::vector<double>{1, 2});
  const auto refused = [&](auto f) {
    std::string why;
    CHECK_FALSE(b.record(f, &why));
    return why;
  };
  CHECK(refused([&] { (void)x.host(b); }) ==
        "a recording: numbers are brought to the host, expected work that stays on the device");
  CHECK(refused([&] {
          x.assign(b, std::span<const double>(std::vector<double>{3, 4}));
        }) == "a recording: numbers are brought to the device, expected work that stays on the device");
  CHECK(refused([&] {
          (void)b.record([] {});
          throw Error("f's own");
        }) == "f's own");
  CHECK(refused([&] { gpu::Recording inner([] {}); }) ==
        "a recording: it holds another recording, expected work that stays on the device");
  CHECK(x.host(b) == std::vector<double>{1, 2});
  b.map(2, fn::Scale<double>{2}, x.data(), std::as_const(x).data());  // is done at once again
  CHECK(x.host(b) == std::vector<double>{2, 4});
}

TEMPLATE_TEST_CASE("sorting is recorded as all else", "[gpu][recording]", float, double) {
  using T = TestType;
  using B = gpu::ThrustBackend<T>;
  B b;
  const MasterTensor<B> x(b, 1, 4, std::vector<double>{3, 1, 4, 2});
  MasterTensor<B> second(b, 1, 1, std::vector<double>{0});
  const auto work = b.record([&] { b.kth_smallest_into(x.data(), 4, 2, second.data()); });
  REQUIRE(work);
  CHECK(second.host(b) == std::vector<T>{0});
  REQUIRE(b.replay(*work));
  CHECK(second.host(b) == std::vector<T>{2});
}
