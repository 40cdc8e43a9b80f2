// SPDX-License-Identifier: MIT
#include <lorica/core/sweep.hpp>

#include "support/backends.hpp"

#include <lorica/core/functor.hpp>
#include <lorica/core/tensor.hpp>

using namespace lorica;

namespace {
/// y_i <- y_i + s i
template <class M> struct AddIndex {
  M* y;
  M s;
  LORICA_HD void operator()(index_t i) const { y[i] += s * M(i); }
};
}  // namespace

TEMPLATE_TEST_CASE("a sweep reaches every element of every part once", "[core][sweep]", LORICA_BACKENDS) {
  using B = TestType;
  using M = typename B::master;
  B b;
  const index_t sizes[] = {1, 0, 7, 2047, 2048, 2049, 10000, 3};
  std::vector<MasterTensor<B>> all;
  std::vector<SweepPart<AddIndex<M>>> parts;
  for (const index_t n : sizes) {
    all.push_back(zeros<M>(b, 1, n));
    parts.push_back({n, {all.back().data(), M(parts.size() + 1)}});
  }
  sweep(b, parts);
  for (std::size_t p = 0; p < all.size(); ++p) {
    const auto got = all[p].template host<double>(b);
    for (std::size_t i = 0; i < got.size(); ++i) REQUIRE(got[i] == double(p + 1) * double(i));
  }
  sweep(b, std::vector<SweepPart<AddIndex<M>>>{});
}
