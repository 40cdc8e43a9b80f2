// SPDX-License-Identifier: MIT
/// @file tests/gpu/thrust_backend.test.cpp
/// Every verb, on every backend in the binary, against Eigen in double where Eigen is (not under nvcc), and
/// otherwise against Thrust's own double. (tests/core/backend.test.cpp holds each against plain loops.)
#include <lorica/gpu/thrust_backend.cuh>

#include <lorica/core/frozen.hpp>
#include <lorica/core/functor.hpp>
#include <lorica/core/row.hpp>

#include "support/backends.hpp"
#include "support/threads.hpp"

#include <map>
#include <string>

using namespace lorica;

namespace {

#if defined(__CUDACC__)
using Reference = gpu::ThrustBackend<double>;
#else
using Reference = cpu::EigenBackend<double>;
#endif

template <class T> struct Gather {
  const std::int32_t* ids;
  const T* from;
  T* to;
  LORICA_HD void operator()(index_t i) const { to[i] = from[ids[i]]; }
};

/// The numbers that every verb leaves, by the verb's name; all that goes in is exact in float.
template <class B> std::map<std::string, std::vector<double>> all_verbs() {
  using T = typename B::scalar;
  using M = typename B::master;
  B b;
  const index_t n = 37, d = 29;
  const auto exact = [](Seed seed, index_t count) {
    return test::rounded<float>(test::random_numbers(seed, count));
  };
  const Tensor<B> x(b, n, d, exact(1, n * d)), w(b, d, d, exact(2, d * d));
  const MasterTensor<B> p(b, n, d, exact(3, n * d)), gain(b, 1, d, exact(4, d));
  const Frozen<B> frozen(b, w.clone(b));
  Tensor<B> y(b, n, d);
  MasterTensor<B> q(b, n, d), g(b, d, d), by_column(b, 1, d), by_row(b, 1, n);
  std::map<std::string, std::vector<double>> out;
  const auto keep = [&](const char* name, const auto& t) { out[name] = t.template host<double>(b); };

  keep("upload and download", x);
  keep("clone", x.clone(b));
  keep("unpack", frozen.dense(b));
  b.multiply(x.cref(), frozen.packed(), Trans::yes, 0, y.ref());
  keep("multiply by the transpose", y);
  q = p.clone(b);
  b.multiply(x.cref(), frozen.packed(), Trans::no, 1, q.ref());
  keep("multiply onto master", q);
  b.gemm(Trans::yes, Trans::no, M(0.5), x.cref(), p.cref(), 0, g.ref());
  keep("gemm, mixed", g);
  b.map(n * d, fn::Gelu{}, y.data(), x.data());
  keep("map of one", y);
  b.map(n * d, fn::GeluTanhGradient{}, y.data(), x.data(), std::as_const(y).data());
  keep("map of two", y);
  b.map(n * d, fn::SiluGateByGate{}, y.data(), x.data(), x.data(), std::as_const(y).data());
  keep("map of three", y);
  b.map(n * d, fn::Copy{}, q.data(), x.data());
  keep("map, mixed", q);
  b.for_rows(n, row::LayerNorm<M, T, M>{p.ref(), gain.data(), gain.data(), y.ref(), by_row.data(), nullptr,
                                        M(1e-5)});
  keep("for_rows", y);
  keep("for_rows, statistics", by_row);
  std::vector<std::int32_t> ids;
  for (index_t i = 0; i < n * d; ++i) ids.push_back(static_cast<std::int32_t>(i * 31 % (n * d)));
  const Integers<B> there(b, ids);
  b.for_each_index(n * d, Gather<T>{there.data(), x.data(), y.data()});
  keep("for_each_index", y);
  b.column_sums(x.cref(), 0, by_column.data());
  keep("column_sums", by_column);
  b.column_dots(p.cref(), p.cref(), 1, by_column.data());
  keep("column_dots", by_column);
  out["sum"] = {b.sum(p.data(), n * d)};
  out["sum_squares"] = {b.sum_squares(x.data(), n * d)};
  out["kth_smallest"] = {b.kth_smallest(p.data(), n * d, n)};
  return out;
}

}  // namespace

TEMPLATE_TEST_CASE("every verb agrees with the reference in double", "[gpu][thrust_backend]",
                   LORICA_BACKENDS) {
  const auto got = all_verbs<TestType>(), want = all_verbs<Reference>();
  REQUIRE(got.size() == 18);
  for (const auto& [verb, numbers] : want) {
    CAPTURE(verb);
    CHECK(test::relative_error(got.at(verb), numbers) < test::tolerance<TestType>());
  }
}

TEST_CASE("Thrust's results have the same bits from run to run and for any number of threads",
          "[gpu][thrust_backend]") {
  std::map<std::string, std::vector<double>> alone;
  for (const int threads : {1, 2, 3}) {
    const test::Threads with(threads);
    const auto got = all_verbs<gpu::ThrustBackend<float, gpu::LoopGemm, double>>();
    if (alone.empty()) alone = got;
    REQUIRE(got == alone);
  }
}

TEST_CASE("a shape that does not fit is said before anything is computed", "[gpu][thrust_backend]") {
  using B = gpu::ThrustBackend<float>;
  B b;
  const Tensor<B> w(b, 2, 3, std::vector<double>(6));
  Tensor<B> other(b, 3, 2);
  const Frozen<B> frozen(b, w.clone(b));
  REQUIRE_THROWS_WITH(b.unpack(frozen.packed(), other.ref()), "unpack: W is [3, 2], expected [2, 3]");
  REQUIRE_THROWS_AS(b.gemm(Trans::no, Trans::no, 1, w.cref(), w.cref(), 0, other.ref()), ShapeError);
}
