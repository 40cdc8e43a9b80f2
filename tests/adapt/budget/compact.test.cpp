// SPDX-License-Identifier: MIT
#include <lorica/adapt/budget/compact.hpp>

#include "support/backends.hpp"

using namespace lorica;
using namespace lorica::adapt;

TEMPLATE_TEST_CASE("only the kept directions of a matrix are left, exactly", "[adapt][budget]",
                   LORICA_SOME_BACKENDS) {
  TestType b;
  using M = MasterTensor<TestType>;
  const M mask(b, 1, 3, std::vector<double>{1, 0, 1});
  const auto keep = kept_directions(b, mask);
  CHECK(keep == std::vector<index_t>{0, 2});
  const M q(b, 3, 2, std::vector<double>{1, 2, 3, 4, 5, 6});
  const M rows = only(b, q, {3, 2}, Along::rows, keep);
  CHECK(rows.shape() == Shape{2, 2});
  CHECK(rows.template host<double>(b) == std::vector<double>{1, 2, 5, 6});
  const M p(b, 2, 3, std::vector<double>{1, 2, 3, 4, 5, 6});
  const M cols = only(b, p, {2, 3}, Along::cols, keep);
  CHECK(cols.shape() == Shape{2, 2});
  CHECK(cols.template host<double>(b) == std::vector<double>{1, 3, 4, 6});
  SECTION("two running values an entry, one after the other") {
    const M memory(b, 2, 6, std::vector<double>{1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16});
    CHECK(only(b, memory, {2, 3}, Along::cols, keep).template host<double>(b) ==
          std::vector<double>{1, 3, 4, 6, 11, 13, 14, 16});
    CHECK(only(b, memory, {3, 2}, Along::rows, keep).template host<double>(b) ==
          std::vector<double>{1, 2, 5, 6, 11, 12, 15, 16});
    CHECK(only(b, memory, {3, 2}, Along::rows, keep).rows() == 2);
  }
  SECTION("nothing is left of a matrix without kept directions") {
    CHECK(only(b, q, {3, 2}, Along::rows, {}).size() == 0);
    CHECK(only(b, p, {2, 3}, Along::cols, {}).size() == 0);
  }
}
