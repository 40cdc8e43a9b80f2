// SPDX-License-Identifier: MIT
#include <lorica/io/peft/save.hpp>

#include "io/peft/hosted.hpp"
#include "io/scratch.hpp"
#include "support/backends.hpp"

#include <lorica/adapt/adapter/biased.hpp>
#include <lorica/io/peft/config_reader.hpp>

using namespace lorica;
using namespace lorica::io;
using namespace lorica::adapt;
using B = cpu::EigenBackend<double>;
using test::has;
using test::Scratch;
using test::thrown;

namespace {
const std::string c_attn = "transformer.h.0.attn.c_attn", c_proj = "transformer.h.0.mlp.c_proj";

struct Written {
  peft::Config config;
  SafeTensors file;
  std::vector<std::string> warnings;
  [[nodiscard]] std::vector<index_t> shape(const std::string& tensor) const {
    return file.info("base_model.model." + tensor).shape;
  }
};
Written read(const std::filesystem::path& folder) {
  auto c = peft::read_config(folder);
  return {std::move(c.config), SafeTensors(folder / "adapter_model.safetensors"), std::move(c.warnings)};
}
template <class M>
auto attached(B& b, const test::Hosted<B>& model, const M& method, std::vector<index_t> ranks) {
  auto adapted = attach_at(b, model, method, Placement{std::move(ranks)});
  test::stir(b, adapted);
  return adapted;
}
template <class A> void run(B& b, A& adapted, index_t steps) {
  adapted.begin(steps);
  for (index_t t = 0; t < steps; ++t) test::step(b, adapted, t);
}
const std::vector<index_t> all(8, 4);
}  // namespace

TEST_CASE("LORA folders say what stands where", "[io][peft]") {
  const Scratch scratch;
  B b;
  const auto model = test::hosted(b);
  SECTION("uniform") {
    auto lora = attached(b, model, Lora{.adapter = {.scaling = {.alpha = 32}, .dropout = 0.1}},
                         {4, 0, 0, 4, 4, 0, 0, 4});
    peft::save(lora, model, scratch / "a", model.modules(),
               {.base_model = "gpt2", .task_type = "CAUSAL_LM", .saved = {{"score.weight", {1, 2}, {1, 2}}}});
    const auto w = read(scratch / "a");
    CHECK(w.warnings.empty());
    CHECK(kind_of(w.config) == peft::Kind::lora);
    CHECK(w.config.targets.modules->list == std::vector<std::string>{"attn.c_attn", "mlp.c_proj"});
    CHECK(w.config.r == 4);
    CHECK(w.config.lora_alpha == 32);
    CHECK(w.config.lora_dropout == 0.1);
    CHECK(w.config.fan_in_fan_out);
    CHECK(w.config.rank_pattern.empty());
    CHECK(w.config.alpha_pattern.empty());
    CHECK(w.config.targets.saved == std::vector<std::string>{"score"});
    CHECK(w.file.tensors().size() == 9);
    CHECK(w.shape(c_attn + ".lora_B.weight") == std::vector<index_t>{18, 4});  // never transposed
  }
  SECTION("one site, rsLoRA") {
    auto one = attached(b, model, RsLora{.adapter = {.scaling = {.alpha = 7}}}, {0, 0, 0, 3, 0, 0, 0, 0});
    peft::save(one, model, scratch / "a", model.modules());
    const auto w = read(scratch / "a");
    CHECK(w.config.targets.modules->list == std::vector<std::string>{c_proj});
    CHECK(w.config.use_rslora);
    CHECK(w.config.lora_alpha == 7);
    CHECK(w.config.r == 3);
  }
  SECTION("uneven ranks, one alpha") {
    auto lora = attached(b, model, Lora{}, {1, 2, 2, 0, 2, 0, 0, 0});
    peft::save(lora, model, scratch / "a", model.modules());
    const auto w = read(scratch / "a");
    CHECK(w.config.r == 2);
    CHECK(w.config.lora_alpha == 16);
    CHECK(w.config.rank_pattern == decltype(w.config.rank_pattern){{c_attn, 1}});
    CHECK(w.config.alpha_pattern.empty());
  }
  SECTION("a start that is a part of W") {
    auto pissa =
        attached(b, model, PissaLora{.adapter = {.scaling = {.alpha = 5}}}, {2, 0, 0, 0, 2, 0, 0, 0});
    peft::save(pissa, model, scratch / "a", model.modules());
    const auto w = read(scratch / "a");
    CHECK(w.config.r == 4);
    CHECK(w.config.lora_alpha == 10);
    CHECK(w.config.init_lora_weights == "true");
    CHECK(w.shape(c_attn + ".lora_A.weight") == std::vector<index_t>{4, 6});
  }
  SECTION("DoRA, also over P diag(lambda) Q, and a bias") {
    auto dora = attached(b, model, DoraLora{}, {2, 0, 0, 0, 0, 0, 0, 0});
    peft::save(dora, model, scratch / "a", model.modules());
    CHECK(kind_of(read(scratch / "a").config) == peft::Kind::dora);
    CHECK(read(scratch / "a").shape(c_attn + ".lora_magnitude_vector") == std::vector<index_t>{18});
    auto svd = attached(b, model, Method<Dora<Svd, AlphaOverRankPlusEps>>{}, {2, 0, 0, 0, 0, 0, 0, 0});
    peft::save(svd, model, scratch / "a", model.modules());
    CHECK(kind_of(read(scratch / "a").config) == peft::Kind::dora);
    auto biased = attached(b, model, Method<Biased<>>{}, {2, 0, 0, 0, 0, 0, 0, 0});
    peft::save(biased, model, scratch / "a", model.modules());
    CHECK(kind_of(read(scratch / "a").config) == peft::Kind::lora_bias);
    CHECK(read(scratch / "a").shape(c_attn + ".lora_B.bias") == std::vector<index_t>{18});
  }
}

TEST_CASE("ADALORA folders have shrunk tensors and a boolean pattern", "[io][peft]") {
  const Scratch scratch;
  B b;
  const auto model = test::hosted(b);
  AdaLora<> method{.adapter = {.shape = {.orthogonality = 0.25}, .scaling = {.alpha = 32}}};
  method.placement.start.rank = 4;
  method.placement.target = {.per_matrix = 1};
  method.placement.tinit = {2};
  method.placement.tfinal = {3};
  SECTION("before any cut, and without a budget") {
    auto ada = attached(b, model, method, all);
    peft::save(ada, model, scratch / "a", model.modules());
    auto svd = attached(b, model, SvdLora{.adapter = {.scaling = {.alpha = 32}}}, all);
    peft::save(svd, model, scratch / "b", model.modules());
    for (const char* name : {"a", "b"}) {
      const auto w = read(scratch / name);
      CHECK(w.warnings.empty());
      CHECK(kind_of(w.config) == peft::Kind::adalora);
      CHECK_FALSE(w.config.ada.kept);
      CHECK(w.config.ada.init_r == 4);
      CHECK(w.config.lora_alpha == 32);
      CHECK(w.shape(c_attn + ".lora_E") == std::vector<index_t>{4, 1});
      CHECK(w.shape(c_attn + ".lora_A") == std::vector<index_t>{4, 6});
      CHECK(w.shape(c_attn + ".lora_B") == std::vector<index_t>{18, 4});
    }
  }
  for (const bool compact : {false, true}) SECTION(compact ? "after a run, compacted" : "after a run") {
      method.placement.compact = compact;
      auto ada = attached(b, model, method, all);
      run(b, ada, 12);
      REQUIRE(ada.allocator()->compacted() == compact);
      peft::save(ada, model, scratch / "a", model.modules());
      const auto w = read(scratch / "a");
      CHECK(w.warnings.empty());
      const auto& a = w.config.ada;
      CHECK(a.init_r == 4);
      CHECK(a.target_r == 1);
      CHECK(a.tinit == 2);
      CHECK(a.tfinal == 3);
      CHECK(a.total_step == 12);
      CHECK(a.orth_reg_weight == 0.25);
      CHECK(w.config.lora_alpha == 32);
      REQUIRE(a.kept);
      CHECK(a.kept->size() == 8);
      const auto ranks = ada.ranks();
      CHECK(std::ranges::find(ranks, 0) != ranks.end());  // a module of rank 0 is among them
      for (std::size_t i = 0; i < 8; ++i) {
        const auto& m = model.places[i].module.path;
        CHECK(rank_of(w.config, m) == ranks[i]);
        CHECK(w.shape(m + ".lora_A") == std::vector<index_t>{ranks[i], model.places[i].site.in});
        const auto mask = ada.allocator()->kept(i).host<double>(b);
        for (std::size_t d = 0; d < 4; ++d) CHECK(a.kept->at(m)[d] == (mask[d] != 0));
      }
      peft::save_as_lora(ada, model, scratch / "l", model.modules());
      const auto l = read(scratch / "l");
      CHECK(kind_of(l.config) == peft::Kind::lora);
      std::size_t live = 0;
      for (std::size_t i = 0; i < 8; ++i) {
        const auto& m = model.places[i].module.path;
        CHECK(selects(l.config.targets, m) == (ranks[i] > 0));
        if (ranks[i] == 0) continue;
        ++live;
        CHECK(scale_of(l.config, m) == 1);
        CHECK(l.shape(m + ".lora_A.weight") == std::vector<index_t>{ranks[i], model.places[i].site.in});
      }
      CHECK(l.file.tensors().size() == 2 * live);
    }
}

TEST_CASE("B A under a budget is written without what was cut", "[io][peft]") {
  const Scratch scratch;
  B b;
  const auto model = test::hosted(b);
  PruneLora method{.placement = {.start = {.rank = 4}, .target = {.total = 6}, .tinit = {1}, .tfinal = {2}}};
  auto lora = attached(b, model, method, all);
  run(b, lora, 8);
  peft::save(lora, model, scratch / "a", model.modules());
  const auto w = read(scratch / "a");
  index_t left = 0;
  for (const auto& p : model.places)
    if (selects(w.config.targets, p.module.path)) {
      left += rank_of(w.config, p.module.path);
      CHECK(scale_of(w.config, p.module.path) == 4);
    }
  CHECK(left == 6);
}

TEST_CASE("what PEFT could not hold is refused, and nothing is written", "[io][peft]") {
  const Scratch scratch;
  B b;
  auto model = test::hosted(b);
  auto lora = attached(b, model, Lora{}, all);
  lora.slots()[0].state.scale = -1;
  CHECK(has(thrown<ConfigError>([&] { peft::save(lora, model, scratch / "a", model.modules()); }),
            "the scale at"));
  lora.slots()[0].state.scale = 1;
  lora.slots()[0].state.factors.a.value = MasterTensor<B>(b, 4, 6, std::vector<double>(24, std::nan("")));
  CHECK(has(thrown<NumericError>([&] { peft::save(lora, model, scratch / "a", model.modules()); }),
            "transformer.h.0.attn.c_attn.lora_A.weight is nan"));
  model.places[0].module.path = "default_proj";
  AdaLora<> method;
  method.placement.target = {.per_matrix = 1};
  auto ada = attached(b, model, method, all);
  run(b, ada, 12);
  CHECK(has(thrown<ConfigError>([&] { peft::save(ada, model, scratch / "a", model.modules()); }),
            "has \"default\" in its name"));
  CHECK(scratch.entries() == 0);
}
