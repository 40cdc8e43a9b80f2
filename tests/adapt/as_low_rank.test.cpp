// SPDX-License-Identifier: MIT
#include <lorica/adapt/as_low_rank.hpp>

#include "adapt/toy.hpp"

using namespace lorica;
using namespace lorica::adapt;

TEMPLATE_TEST_CASE("P diag(lambda) Q as B A: the same numbers, names and answers", "[adapt][as_low_rank]",
                   LORICA_SOME_BACKENDS) {
  using B = TestType;
  B b;
  const test::Toy<B> model(b);
  const Placement placement{{2, 0, 3, 1}};
  Adapted<B, SvdLora> svd(b, model, {.adapter = {.scaling = {.alpha = 5}}}, placement, 4);
  test::stir(b, svd);
  svd.slots()[1].state.factors.lambda.value = MasterTensor<B>(b, 1, 3, std::vector<double>{0.5, 0, -2});
  const auto updates = as_low_rank(b, svd);
  REQUIRE(updates.size() == 3);
  Adapted<B, Lora> lora(b, model, {}, placement, 9);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto& u = updates[i];
    const auto& f = svd.slots()[i].state.factors;
    CHECK(u.site.path == svd.slots()[i].site.path);
    CHECK(u.factors.a.name == u.site.path + ".A");
    CHECK(u.factors.b.name == u.site.path + ".B");
    CHECK(u.scale == svd.slots()[i].state.scale);
    CHECK(u.factors.a.value.template host<double>(b) == f.q.value.template host<double>(b));
    const auto p = test::matrix(b, f.p.value);
    const auto lambda = f.lambda.value.template host<double>(b);
    CHECK(test::relative_error(u.factors.b.value.template host<double>(b),
                               test::matrix_of(p.rows, p.cols, [&](index_t r, index_t c) {
                                 return p(r, c) * lambda[static_cast<std::size_t>(c)];
                               }).numbers) < test::tolerance<B>());
    auto& to = lora.slots()[i].state;
    to.factors.a.value = u.factors.a.value.clone(b);
    to.factors.b.value = u.factors.b.value.clone(b);
    to.scale = u.scale;
  }
  const auto s = test::sequences();
  CHECK(test::relative_error(test::states(b, model, lora, s), test::states(b, model, svd, s)) <
        10 * test::tolerance<B>());
}
