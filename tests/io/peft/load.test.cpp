// SPDX-License-Identifier: MIT
#include <lorica/io/peft/load.hpp>

#include "io/peft/hosted.hpp"
#include "io/scratch.hpp"
#include "support/backends.hpp"

#include <lorica/io/peft/save.hpp>

using namespace lorica;
using namespace lorica::io;
using namespace lorica::adapt;
using B = cpu::EigenBackend<double>;
using test::has;
using test::Scratch;
using test::thrown;

namespace {
const Placement uneven{{2, 0, 1, 4, 0, 3, 0, 2}};

/// The folder once more with other tensors; `write` is asked for each.
template <class Write> void rewrite(const std::filesystem::path& folder, Write write) {
  SafeTensorsWriter out;
  {
    const SafeTensors in(folder / "adapter_model.safetensors");
    for (const auto& t : in.tensors()) write(out, t, in.read<float>(t.name));
  }
  out.write(folder / "adapter_model.safetensors");
}
void replace(const std::filesystem::path& file, const std::string& what, const std::string& by) {
  std::string text = test::contents(file);
  const auto at = text.find(what);
  REQUIRE(at != std::string::npos);
  std::ofstream(file) << text.replace(at, what.size(), by);
}
}  // namespace

TEST_CASE("P diag(lambda) Q of uneven ranks keeps its updates in one init_r", "[io][peft]") {
  const Scratch scratch;
  B b;
  const auto model = test::hosted(b);
  auto adapted = attach_at(b, model, SvdLora{.adapter = {.scaling = {.alpha = 9}}}, uneven);
  test::stir(b, adapted);
  peft::save(adapted, model, scratch / "a", model.modules(), {.dtype = Dtype::F64});
  auto loaded = peft::load(b, model, SvdLora{}, scratch / "a", model.modules());
  CHECK(loaded.config.ada.init_r == 4);
  CHECK(loaded.adapted.placement().rank == uneven.rank);
  CHECK(test::apart(test::deltas(model, adapted), test::deltas(model, loaded.adapted)) < 1e-12);
}

TEST_CASE("after a budget: as ADALORA, compacted or not, and as LORA", "[io][peft]") {
  B b;
  const auto model = test::hosted(b);
  for (const bool compact : {false, true}) {
    const Scratch scratch;
    AdaLora<> method{.adapter = {.scaling = {.alpha = 32}}};
    method.placement.start.rank = 4;
    method.placement.target = {.per_matrix = 1};
    method.placement.interval = 3;
    method.placement.tinit = {1};
    method.placement.tfinal = {3};
    method.placement.compact = compact;
    auto adapted = attach_at(b, model, method, Placement{std::vector<index_t>(8, 4)});
    test::stir(b, adapted);
    adapted.begin(12);
    for (index_t t = 0; t < 12; ++t) {
      test::step(b, adapted, t);
      if (t == 7) {  // between two cuts: what is off has moved again
        test::stir(b, adapted, 0.1);
        const auto before = test::deltas(model, adapted);
        peft::save(adapted, model, scratch / "early", model.modules(), {.dtype = Dtype::F64});
        auto early = peft::load(b, model, SvdLora{}, scratch / "early", model.modules());
        CHECK(test::apart(before, test::deltas(model, early.adapted)) < 1e-13);
      }
    }
    peft::save(adapted, model, scratch / "a", model.modules(), {.dtype = Dtype::F64});
    peft::save_as_lora(adapted, model, scratch / "l", model.modules(), {.dtype = Dtype::F64});
    const auto want = test::deltas(model, adapted);
    auto ada = peft::load(b, model, method, scratch / "a", model.modules());
    auto lora = peft::load(b, model, Lora{}, scratch / "l", model.modules());
    CHECK(ada.adapted.ranks() == adapted.ranks());
    CHECK(lora.adapted.ranks() == adapted.ranks());
    CHECK(test::apart(want, test::deltas(model, ada.adapted)) < 1e-13);
    CHECK(test::apart(want, test::deltas(model, lora.adapted)) < 1e-13);
    peft::save(ada.adapted, model, scratch / "again", model.modules(), {.dtype = Dtype::F64});
    auto again = peft::load(b, model, SvdLora{}, scratch / "again", model.modules());
    CHECK(again.config.ada.init_r == 4);
    CHECK(again.config.lora_alpha == 32);
    CHECK(test::apart(want, test::deltas(model, again.adapted)) < 1e-13);
  }
}

TEST_CASE("heads, half precision and paths with or without an inner model", "[io][peft]") {
  const Scratch scratch;
  B b;
  const auto model = test::hosted(b);
  auto adapted = attach_at(b, model, Lora{}, uneven);
  test::stir(b, adapted);
  const auto folder = scratch / "a";
  const auto want = test::deltas(model, adapted);
  peft::save(adapted, model, folder, model.modules(), {.saved = {{"score.weight", {1, 2}, {3, 4}}}});
  const auto load = [&](const peft::ModuleOf& modules) {
    auto loaded = peft::load(b, model, Lora{}, folder, modules);
    CHECK(loaded.warnings.empty());
    REQUIRE(loaded.saved.size() == 1);
    CHECK(loaded.saved[0].values == std::vector<float>{3, 4});
    return test::apart(want, test::deltas(model, loaded.adapted));
  };
  CHECK(load(model.modules()) < 1e-6);
  const auto inner = [&](const SiteInfo& s) { return peft::Module{model.modules()(s).path.substr(12)}; };
  CHECK(inner(model.places[0].site).path == "h.0.attn.c_attn");
  CHECK(load(inner) < 1e-6);
  const auto outer = [&](const SiteInfo& s) { return peft::Module{"wrapped." + model.modules()(s).path}; };
  CHECK(load(outer) < 1e-6);
  rewrite(folder, [](auto& out, const auto& t, const auto& x) { out.add_f16(t.name, t.shape, x); });
  CHECK(load(model.modules()) < 1e-3);
  rewrite(folder, [](auto& out, const auto& t, const auto& x) { out.add_bf16(t.name, t.shape, x); });
  CHECK(load(model.modules()) < 1e-2);
}

TEST_CASE("what a configuration does not select is not read, and said", "[io][peft]") {
  const Scratch scratch;
  B b;
  const auto model = test::hosted(b);
  auto adapted = attach_at(b, model, Lora{}, Placement{{2, 0, 0, 0, 2, 0, 0, 0}});
  const auto folder = scratch / "a";
  peft::save(adapted, model, folder, model.modules());
  const auto loaded = [&](const char* what, const char* by) {
    peft::save(adapted, model, folder, model.modules());
    replace(folder / "adapter_config.json", what, by);
    return peft::load(b, model, Lora{}, folder, model.modules());
  };
  const auto excluded = loaded("\"exclude_modules\": null", R"("exclude_modules": ["h.0.attn.c_attn"])");
  CHECK(excluded.adapted.placement().rank == std::vector<index_t>{0, 0, 0, 0, 2, 0, 0, 0});
  REQUIRE(excluded.warnings.size() == 1);
  CHECK(has(excluded.warnings[0], "1 modules have tensors that are not read"));
  CHECK(loaded("\"layers_to_transform\": null", "\"layers_to_transform\": [0]").adapted.slots().size() == 1);
  const auto wider = loaded("\"attn.c_attn\"", "\"c_attn\", \"c_fc\"");
  CHECK(wider.adapted.slots().size() == 2);
  REQUIRE(wider.warnings.size() == 1);
  CHECK(has(wider.warnings[0],
            "2 modules are selected by the configuration and have no tensors (transformer.h.0.mlp.c_fc"));
  peft::save(adapted, model, folder, model.modules());
  replace(folder / "adapter_config.json", "[\n    \"attn.c_attn\"\n  ]", "\"(?i).*C_ATTN\"");
  const auto unread = peft::load(b, model, Lora{}, folder, model.modules());
  CHECK(unread.adapted.slots().size() == 2);
  REQUIRE(unread.warnings.size() == 1);
  CHECK(has(unread.warnings[0], "the tensors tell which modules are adapted"));
}

TEST_CASE("folders that do not fit the model or the method are refused with what differs", "[io][peft]") {
  const Scratch scratch;
  B b;
  const auto model = test::hosted(b);
  const auto folder = scratch / "a";
  auto adapted = attach_at(b, model, Lora{}, Placement{{2, 0, 0, 0, 2, 0, 0, 0}});
  test::stir(b, adapted);
  peft::save(adapted, model, folder, model.modules());
  const auto refused = [&](const auto& on, const auto& method) {
    const auto what = thrown<FileError>([&] { peft::load(b, on, method, folder, on.modules()); });
    CAPTURE(what);
    CHECK(has(what, "'" + folder.string()));
    return what;
  };
  SECTION("another kind") {
    CHECK(has(refused(model, SvdLora{}), "holds LORA, the method expects ADALORA"));
    CHECK(has(refused(model, DoraLora{}), "holds LORA, the method expects LORA with use_dora"));
    CHECK(has(thrown<ConfigError>([&] { peft::load(b, model, PissaLora{}, folder, model.modules()); }),
              "the method's start is a part of W"));
  }
  SECTION("another model") {
    test::Hosted<B> bert(b);
    bert.add("bert.encoder.layer.0.attention.self.query", 6, 18);
    bert.add("bert.encoder.layer.0.attention.self.key", 6, 18);
    CHECK(has(refused(bert, Lora{}),
              "adapts the module \"transformer.h.0.attn.c_attn\", which the model does not have: "
              "it is of another model; the nearest are \"bert.encoder.layer.0.attention.self."));
    test::Hosted<B> wide(b);
    for (int l = 0; l < 2; ++l) wide.add(message("transformer.h.", l, ".attn.c_attn"), 8, 24);
    CHECK(has(refused(wide, Lora{}),
              "tensor \"base_model.model.transformer.h.0.attn.c_attn.lora_A.weight\" is [2, 6], "
              "expected [2, 8] for blocks.0.at0 of [24, 8] and rank 2"));
    test::Hosted<B> two(b);
    two.add("decoder.transformer.h.0.attn.c_attn", 6, 18);
    two.add("encoder.transformer.h.0.attn.c_attn", 6, 18);
    CHECK(has(refused(two, Lora{}), "which may be \"decoder.transformer.h.0.attn.c_attn\" and \"encoder."));
    test::Hosted<B> narrow(b);
    for (int l = 0; l < 2; ++l) narrow.add(message("transformer.h.", l, ".attn.c_attn"), 1, 18);
    rewrite(folder, [](auto& out, const auto& t, const auto& x) {
      if (t.shape[1] == 6)
        out.add(t.name, {2, 1}, std::vector<float>(2));
      else
        out.add(t.name, t.shape, x);
    });
    CHECK(has(refused(narrow, Lora{}), "is 2, expected at most min(d_in, d_out) = 1"));
  }
  SECTION("tensors") {
    rewrite(folder, [](auto& out, const auto& t, auto x) {
      if (t.name.ends_with("h.1.attn.c_attn.lora_B.weight")) x[3] = std::nanf("");
      out.add(t.name, t.shape, x);
    });
    CHECK(has(refused(model, Lora{}),
              "tensor \"base_model.model.transformer.h.1.attn.c_attn.lora_B.weight\": element 3 is nan"));
    replace(folder / "adapter_config.json", "\"r\": 2", "\"r\": 3");
    CHECK(has(refused(model, Lora{}), "is [2, 6], expected [3, 6]"));
    rewrite(folder, [](auto& out, const auto& t, const auto& x) {
      out.add(t.name, t.shape, x);
      out.add(t.name.substr(29), t.shape, x);  // without base_model.model.transformer.
    });
    replace(folder / "adapter_config.json", "\"r\": 3", "\"r\": 2");
    CHECK(has(refused(model, Lora{}), "adapts \"transformer.h.0.attn.c_attn\" twice, as"));
  }
  SECTION("nothing selected") {
    replace(folder / "adapter_config.json", "\"attn.c_attn\"", "\"elsewhere\"");
    CHECK(has(refused(model, Lora{}), "has no direction left at any module that it selects"));
  }
}
