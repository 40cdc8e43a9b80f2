// SPDX-License-Identifier: MIT
#include <lorica/adapt/adapter/biased.hpp>

#include "adapt/place.hpp"
#include "support/backends.hpp"

#include <lorica/adapt/adapter/plus.hpp>

using namespace lorica;
using namespace lorica::adapt;
using R = cpu::EigenBackend<double>;

namespace {
static_assert(Adapter<Biased<>, R> && Adapter<Biased<Plus<Additive<FrozenA>>>, R>);
}  // namespace

TEST_CASE("s b is added, and at the start nothing", "[adapt][biased]") {
  test::Place<R> at;
  const Additive<> plain{.scaling = {.alpha = 5}};
  const Biased<> biased{{.scaling = {.alpha = 5}}};
  auto fresh = at.make(biased, 2);
  CHECK(fresh.bias.name == "blocks.0.up.B.bias");
  CHECK(at.answer(biased, fresh) == at.bare());
  auto st = at.trained(biased, 2);
  auto same = at.trained(plain, 2);
  const auto b = st.bias.value.host<double>(at.b), y = at.answer(plain, same), z = at.answer(biased, st);
  for (std::size_t i = 0; i < z.size(); ++i) CHECK(z[i] == Approx(y[i] + 2.5 * b[i % 5]).epsilon(1e-14));
}

TEST_CASE("gradients of a biased update are those of central differences", "[adapt][biased]") {
  test::Place<R> at;
  const Biased<> biased{{.scaling = {.alpha = 3}, .dropout = 0.3}};
  auto st = at.trained(biased, 2);
  CHECK(at.gradient_error_of(biased, st) < 1e-8);
  biased.phase(st, 1);
  CHECK(at.gradient_error_of(biased, st) < 1e-8);
  int trains = 0;
  biased.for_each(st, [&](Parameter<R>&) { ++trains; });
  CHECK(trains == 3);
}
