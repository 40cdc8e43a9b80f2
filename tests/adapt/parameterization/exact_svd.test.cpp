// SPDX-License-Identifier: MIT
#include <lorica/adapt/attach.hpp>
#include <lorica/adapt/parameterization/exact_svd.hpp>

#include "support/backends.hpp"

using namespace lorica;
using namespace lorica::adapt;

TEMPLATE_TEST_CASE("factors are turned onto the singular directions of their product",
                   "[adapt][parameterization]", LORICA_SOME_BACKENDS) {
  TestType b;
  using M = MasterTensor<TestType>;
  const double most = test::tolerance_of<typename TestType::master>();
  const SiteInfo site{0, 0, Role::down, 7, 5, "site"};
  auto f = ExactSvd::make(b, site, {}, 3, 1);
  const index_t used = GENERATE(3, 2, 0);  // columns of B that are not zero
  auto numbers = test::random_numbers(4, 15);
  for (std::size_t i = 0; i < 15; ++i)
    if (static_cast<index_t>(i % 3) >= used) numbers[i] = 0;
  f.b.value = M(b, 5, 3, numbers);
  const auto product = [&] {
    return host::product({5, 3, f.b.value.template host<double>(b)},
                         {3, 7, f.a.value.template host<double>(b)});
  };
  const auto before = product();
  M values(b, 1, 3);
  ExactSvd::diagonalize(b, f, values);
  CHECK(test::relative_error(product().values, before.values) < most);
  const auto s = values.template host<double>(b);
  const auto all = host::jacobi_svd(before);
  for (std::size_t i = 0; i < 3; ++i) CHECK(std::abs(s[i] - all.s[i]) <= most * std::max(1.0, all.s[0]));
  // A A^T = I, whether B uses a direction or not; B^T B = diag(s^2).
  const HostMatrix a{3, 7, f.a.value.template host<double>(b)},
      bt = host::transposed({5, 3, f.b.value.template host<double>(b)});
  const auto aa = host::product_nt(a, a), bb = host::product_nt(bt, bt);
  for (index_t i = 0; i < 3; ++i)
    for (index_t j = 0; j < 3; ++j) {
      CHECK(std::abs(aa(i, j) - (i == j ? 1 : 0)) < 10 * most);
      CHECK(std::abs(bb(i, j) - (i == j ? s[static_cast<std::size_t>(i)] * s[static_cast<std::size_t>(i)]
                                        : 0)) < 10 * most * std::max(1.0, s[0] * s[0]));
    }
}
