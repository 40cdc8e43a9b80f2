// SPDX-License-Identifier: MIT
#include <lorica/io/peft/module_update.hpp>

#include "io/peft/hosted.hpp"
#include "io/scratch.hpp"
#include "support/backends.hpp"

using namespace lorica;
using namespace lorica::io;
using B = cpu::EigenBackend<double>;
using peft::ModuleUpdate;
using test::has;
using test::thrown;

namespace {
/// s B diag(e) A
std::vector<double> product(const ModuleUpdate& u) {
  std::vector<double> out;
  for (index_t i = 0; i < u.b.rows; ++i)
    for (index_t j = 0; j < u.a.cols; ++j) {
      double s = 0;
      for (index_t r = 0; r < u.rank(); ++r)
        s += u.b(i, r) * (u.e.empty() ? 1 : u.e[static_cast<std::size_t>(r)]) * u.a(r, j);
      out.push_back(u.scale * s);
    }
  return out;
}
const adapt::Placement uneven{{2, 0, 1, 4, 0, 3, 0, 2}};

template <class M> void answers_as(const M& method, index_t times) {
  B b;
  const auto model = test::hosted(b);
  auto adapted = adapt::attach_at(b, model, method, uneven);
  test::stir(b, adapted);
  const auto updates =
      peft::updates_of(adapted, adapt::sites_of(model), peft::modules_of(model, model.modules()));
  REQUIRE(updates.size() == 5);
  std::map<std::string, std::vector<double>> found;
  for (const auto& u : updates) found[u.module.path] = product(u);
  CHECK(updates[2].rank() == 4 * times);
  CHECK(updates[2].kept.size() == static_cast<std::size_t>(4 * times));
  CHECK(updates[0].module.conv1d);
  CHECK(test::apart(test::deltas(model, adapted), found) < 1e-12);
}
}  // namespace

TEST_CASE("an update is what the adapter does, whatever its parameterization and start", "[io][peft]") {
  answers_as(adapt::Lora{.adapter = {.scaling = {.alpha = 3}}}, 1);
  answers_as(adapt::LoraFa{}, 1);
  answers_as(adapt::LoraPlus{}, 1);
  answers_as(adapt::SvdLora{}, 1);
  answers_as(adapt::PissaLora{}, 2);
  answers_as(adapt::OloraLora{}, 2);
}

TEST_CASE("magnitudes and biases come along", "[io][peft]") {
  B b;
  const auto model = test::hosted(b);
  auto adapted = adapt::attach_at(b, model, adapt::DoraLora{}, uneven);
  const auto updates =
      peft::updates_of(adapted, adapt::sites_of(model), peft::modules_of(model, model.modules()));
  CHECK(updates[0].magnitude == adapted.slots()[0].state.magnitude.value.host<double>(b));
  CHECK(updates[0].bias.empty());
}

TEST_CASE("a mask removes what is off and silent, and nothing else", "[io][peft]") {
  const auto made = [] {
    ModuleUpdate u{{"m"}, {3, 2, {1, 2, 3, 4, 5, 6}}, {2, 3, {1, 2, 3, 4, 5, 6}}, {0, 7, 0}};
    return u;
  };
  ModuleUpdate u = made();
  peft::detail::shrink_to_mask(u, {true, false, false});  // the second moves again since it was cut
  CHECK(u.kept == std::vector<bool>{true, true, false});
  CHECK(u.a.values == std::vector<double>{1, 2, 3, 4});
  CHECK(u.b.values == std::vector<double>{1, 2, 4, 5});
  CHECK(u.e == std::vector<double>{0, 7});
  u = made();
  u.e = {0, 0, 0};
  peft::detail::shrink_to_mask(u, {false, false, false});
  CHECK(u.rank() == 0);
  CHECK(u.b.rows == 2);
  CHECK(u.a.cols == 2);
  u = made();
  u.e = {0, 0, 0};
  u.magnitude = {1, 1};
  peft::detail::shrink_to_mask(u, {false, false, false});
  CHECK(u.rank() == 1);  // a magnitude needs a place
  u = made();
  u.e.clear();
  u.b = {2, 3, {0, 0, 1, 0, 0, 0}};
  peft::detail::shrink_to_mask(u, {false, true, false});
  CHECK(u.kept == std::vector<bool>{false, true, true});
  u = made();  // compacted: only where they were is told
  peft::detail::shrink_to_mask(u, {true, false, true, true});
  CHECK(u.rank() == 3);
  CHECK(u.kept == std::vector<bool>{true, false, true, true});
  peft::detail::shrink_to_mask(u, {true, false});
  CHECK(u.kept == std::vector<bool>{true, true, true});
}

TEST_CASE("every site has a module of its own", "[io][peft]") {
  B b;
  const auto model = test::hosted(b);
  CHECK(peft::modules_of(model, model.modules()).at(4).path == "transformer.h.1.attn.c_attn");
  CHECK(has(thrown<ConfigError>([&] {
              peft::modules_of(model,
                               [](const SiteInfo& s) { return peft::Module{s.ordinal < 3 ? s.path : "x"}; });
            }),
            "the sites blocks.0.at3 and blocks.1.at0 are both called \"x\""));
}
