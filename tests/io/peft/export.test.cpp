// SPDX-License-Identifier: MIT
#include <lorica/io/peft/export.hpp>

#include "io/scratch.hpp"
#include "support/catch.hpp"

using namespace lorica;
using namespace lorica::io::peft;
using test::has;
using test::thrown;

namespace {
const std::vector<Module> sites = {
    {"bert.encoder.layer.0.attention.self.query"},   {"bert.encoder.layer.0.attention.output.dense"},
    {"bert.encoder.layer.0.output.dense"},           {"bert.encoder.layer.1.attention.self.query"},
    {"bert.encoder.layer.1.attention.output.dense"}, {"bert.encoder.layer.1.output.dense"}};
ModuleUpdate update(std::string path, index_t rank, double scale) {
  ModuleUpdate u{{std::move(path)}, HostMatrix(rank, 3), HostMatrix(2, rank)};
  u.scale = scale;
  u.kept.assign(static_cast<std::size_t>(rank), true);
  return u;
}
ModuleUpdate svd(std::string path, index_t rank, double scale) {
  auto u = update(std::move(path), rank, scale);
  u.e.assign(static_cast<std::size_t>(rank), 1.0);
  return u;
}
}  // namespace

TEST_CASE("modules go by the shortest names that mean no other site", "[io][peft]") {
  using Strings = std::vector<std::string>;
  const auto names = [](std::initializer_list<std::size_t> which) {
    Strings paths;
    for (const auto i : which) paths.push_back(sites[i].path);
    return target_names(paths, sites);
  };
  CHECK(names({0, 3}) == Strings{"attention.self.query"});
  CHECK(names({1, 4}) == Strings{"attention.output.dense"});
  // output.dense would mean the attention's too
  CHECK(names({2, 5}) == Strings{sites[2].path, sites[5].path});
  CHECK(names({1, 2, 4, 5}) == Strings{"attention.output.dense", "output.dense"});
  CHECK(names({3}) == Strings{sites[3].path});
  CHECK(target_names({"proj"}, {{"proj"}, {"a.proj"}}) == Strings{"proj"});
}

TEST_CASE("the commonest rank and alpha are global, the others stand in patterns", "[io][peft]") {
  const std::vector<ModuleUpdate> all = {update("m.0.q", 4, 2), update("m.0.v", 4, 2), update("m.1.q", 2, 4),
                                         update("m.1.v", 4, 0.3)};
  const Config c = lora_config({}, all, {{"m.0.q"}, {"m.0.v"}, {"m.1.q"}, {"m.1.v"}});
  CHECK(c.r == 4);
  CHECK(c.lora_alpha == 8);
  CHECK(c.rank_pattern == decltype(c.rank_pattern){{"m.1.q", 2}});
  REQUIRE(c.alpha_pattern.size() == 1);  // alpha 8 at rank 2 is 4 as well
  CHECK(c.alpha_pattern[0].first == "m.1.v");
  CHECK(scale_of(c, "m.1.v") == Approx(0.3).epsilon(1e-15));
  CHECK(c.targets.modules->list == std::vector<std::string>{"q", "v"});
  Config root;
  root.use_rslora = true;
  const std::vector<ModuleUpdate> one = {update("m.1.q", 9, 2)};
  CHECK(lora_config(root, one, {{"m.1.q"}}).lora_alpha == 6);
  CHECK(has(thrown<ConfigError>([] { lora_config({}, {}, {}); }), "no direction is left"));
}

TEST_CASE("paths that would match each other are anchored", "[io][peft]") {
  // "h.1" ends "x.h.1": a plain pattern for the one would mean the other too.
  const std::vector<ModuleUpdate> all = {update("h.1", 2, 1), update("x.h.1", 3, 1), update("y.h.1", 4, 1),
                                         update("q", 4, 1)};
  const Config c = lora_config({}, all, {{"h.1"}, {"x.h.1"}, {"y.h.1"}, {"q"}});
  for (const auto& u : all) CHECK(rank_of(c, u.module.path) == u.rank());
  CHECK(std::ranges::any_of(c.rank_pattern, [](const auto& p) { return p.first == "^h\\.1"; }));
}

TEST_CASE("ADALORA has one initial rank and one alpha for all", "[io][peft]") {
  const auto at = [](index_t r, double alpha) { return alpha / (double(r) + 1e-5); };
  std::vector<ModuleUpdate> all = {svd("m.0.q", 3, at(3, 32)), svd("m.0.v", 3, at(3, 32))};
  Config c = adalora_config({}, all, {{"m.0.q"}, {"m.0.v"}}, 3);
  CHECK(c.ada.init_r == 3);
  CHECK(c.lora_alpha == 32);
  CHECK_FALSE(c.ada.kept);
  CHECK(c.ada.total_step == 1);
  SECTION("cut") {
    all[1] = svd("m.0.v", 0, 1);
    all[0] = svd("m.0.q", 2, at(3, 32));
    all[0].kept = {true, false, true};
    c = adalora_config({}, all, {{"m.0.q"}, {"m.0.v"}}, 3);
    CHECK(c.ada.kept->at("m.0.q") == std::vector<bool>{true, false, true});
    CHECK(c.ada.kept->at("m.0.v") == std::vector<bool>{false, false, false});
    CHECK(c.lora_alpha == 32);
  }
  SECTION("uneven starts") {
    all[1] = svd("m.0.v", 5, at(5, 32));
    c = adalora_config({}, all, {{"m.0.q"}, {"m.0.v"}}, 3);
    CHECK(c.ada.init_r == 5);
    CHECK(scale_of(c, "m.0.q") == Approx(at(3, 32)).epsilon(1e-14));
    CHECK(all[0].e[0] == 1);
    CHECK(all[1].e[0] * scale_of(c, "m.0.v") == Approx(at(5, 32)).epsilon(1e-14));
    CHECK(c.ada.kept->at("m.0.q") == std::vector<bool>{true, true, true, false, false});
  }
  SECTION("nothing left") {
    all = {svd("m.0.q", 0, 1)};
    CHECK(has(thrown<ConfigError>([&] { adalora_config({}, all, {{"m.0.q"}}, 3); }), "no direction is left"));
  }
}

TEST_CASE("heads and what cannot be written", "[io][peft]") {
  const std::vector<SavedTensor> saved = {{"classifier.dense.weight", {1, 1}, {1}},
                                          {"classifier.out_proj.bias", {1}, {1}},
                                          {"deberta.pooler.dense.weight", {1, 1}, {1}},
                                          {"score.weight", {1, 1}, {1}}};
  CHECK(saved_modules(saved) == std::vector<std::string>{"classifier", "deberta.pooler.dense", "score"});
  Config c;
  c.targets.saved = {"m"};
  const std::vector<ModuleUpdate> inside = {update("m.q", 1, 1)};
  CHECK(has(thrown<ConfigError>([&] { lora_config(c, inside, {{"m.q"}}); }),
            "m.q is adapted, and lies in a module"));
  const std::vector<ModuleUpdate> off = {update("m.q", 1, 0)};
  CHECK(has(thrown<ConfigError>([&] { lora_config({}, off, {{"m.q"}}); }), "the scale at m.q is 0"));
}

TEST_CASE("folded factors have the scale and e in A", "[io][peft]") {
  ModuleUpdate u{{"m"}, {2, 2, {1, 2, 3, 4}}, {1, 2, {5, 6}}, {2, 3}, {}, {7}, 0.5};
  u = folded(std::move(u));
  CHECK(u.a.values == std::vector<double>{1, 2, 4.5, 6});
  CHECK(u.b.values == std::vector<double>{5, 6});
  CHECK(u.bias == std::vector<double>{3.5});
  CHECK(u.scale == 1);
  CHECK(u.e.empty());
}
