// SPDX-License-Identifier: MIT
#include <lorica/io/peft.hpp>

#include "io/peft/hosted.hpp"
#include "io/scratch.hpp"
#include "support/backends.hpp"
#include "support/data.hpp"

#include <lorica/adapt/adapter/biased.hpp>

using namespace lorica;
using namespace lorica::io;
using namespace lorica::adapt;
using B = cpu::EigenBackend<double>;

namespace {

/// What oracle/peft_roundtrip.py wrote: the sites of a tiny model, and what PEFT's folder does to each.
struct Recorded {
  test::Hosted<B> model;
  std::map<std::string, std::vector<double>> deltas = {};

  Recorded(B& b, const std::filesystem::path& folder) : model(b) {
    const SafeTensors file(folder / "expected.safetensors");
    for (const auto& t : file.tensors()) {
      if (!t.name.ends_with(".delta")) continue;
      const std::string module = t.name.substr(0, t.name.size() - 6);
      deltas[module] = file.read<double>(t.name);
      model.add(
          module, t.shape[1], t.shape[0], file.metadata().at("conv1d") == "true",
          file.contains(module + ".base") ? file.read<double>(module + ".base") : std::vector<double>());
    }
  }
  template <class M> void agrees(const M& method, const std::filesystem::path& folder) {
    auto loaded = peft::load(model.b, model, method, folder, model.modules());
    CAPTURE(loaded.warnings);
    CHECK(loaded.warnings.empty());
    CHECK(test::apart(deltas, test::deltas(model, loaded.adapted)) < 1e-6);
    const test::Scratch scratch;  // and once more through our own writer
    peft::save(loaded.adapted, model, scratch / "a", model.modules(), {.saved = loaded.saved});
    auto again = peft::load(model.b, model, method, scratch / "a", model.modules());
    CHECK(test::apart(deltas, test::deltas(model, again.adapted)) < 1e-6);
    CHECK(again.saved.size() == loaded.saved.size());
  }
};

/// Saved in double and loaded, an adapter does what it did; saved again it is the same file.
template <class M, class N> void round_trip(const M& method, const N& loader, const Placement& where) {
  const test::Scratch scratch;
  B b;
  const auto model = test::hosted(b);
  auto adapted = attach_at(b, model, method, where);
  test::stir(b, adapted);
  peft::save(adapted, model, scratch / "a", model.modules(), {.dtype = Dtype::F64});
  auto loaded = peft::load(b, model, loader, scratch / "a", model.modules());
  CHECK(loaded.warnings.empty());
  CHECK(test::apart(test::deltas(model, adapted), test::deltas(model, loaded.adapted)) < 1e-13);
  peft::save(loaded.adapted, model, scratch / "b", model.modules(), {.dtype = Dtype::F64});
  for (const char* name : {"adapter_config.json", "adapter_model.safetensors"})
    CHECK(test::contents(scratch / "a" / name) == test::contents(scratch / "b" / name));
}

/// Sites of the tiny models of peft_roundtrip.py, 16 wide.
test::Hosted<B> tiny(B& b, const std::string& name) {
  test::Hosted<B> model(b);
  for (int l = 0; l < 2; ++l) {
    if (name == "gpt2") {
      const std::string at = message("transformer.h.", l, '.');
      model.add(at + "attn.c_attn", 16, 48, true);
      model.add(at + "attn.c_proj", 16, 16, true);
      model.add(at + "mlp.c_fc", 16, 24, true);
      model.add(at + "mlp.c_proj", 24, 16, true);
    } else if (name == "llama") {
      const std::string at = message("model.layers.", l, '.');
      for (const char* q : {"q_proj", "o_proj"}) model.add(at + "self_attn." + q, 16, 16);
      for (const char* k : {"k_proj", "v_proj"}) model.add(at + "self_attn." + k, 16, 8);
      for (const char* up : {"gate_proj", "up_proj"}) model.add(at + "mlp." + up, 16, 24);
      model.add(at + "mlp.down_proj", 24, 16);
    } else {
      const bool bert = name == "bert";
      const std::string at = message(name, ".encoder.layer.", l, '.');
      for (const char* q : {"query", "key", "value"})
        model.add(at + "attention.self." + q + (bert ? "" : "_proj"), 16, 16);
      model.add(at + "attention.output.dense", 16, 16);
      model.add(at + "intermediate.dense", 16, 24);
      model.add(at + "output.dense", 24, 16);
    }
  }
  return model;
}

/// Trains something, as far as a folder can tell: other numbers everywhere, and a budget run to its end.
template <class M>
auto trained(B& b, const test::Hosted<B>& model, const M& method, std::vector<index_t> ranks) {
  auto adapted = attach_at(b, model, method, Placement{std::move(ranks)});
  test::stir(b, adapted, 0.2);
  if constexpr (Adapted<B, M>::moves) {
    adapted.begin(12);
    for (index_t t = 0; t < 12; ++t) {
      test::step(b, adapted, t);
    }
  }
  return adapted;
}

/// expected.safetensors of a folder that we wrote: weights, what the adapter does to them, heads.
template <class A>
void expect(const std::filesystem::path& folder, const test::Hosted<B>& model, A& adapted,
            const std::vector<peft::SavedTensor>& saved) {
  SafeTensorsWriter file;
  for (auto& [module, numbers] : test::deltas(model, adapted)) {
    const auto& p = *std::ranges::find(model.places, module, [](const auto& x) { return x.module.path; });
    std::vector<double> d = numbers;
    for (auto& slot : adapted.slots()) {
      if constexpr (requires { slot.state.bias; }) {  // delta_weight shows s b in every column
        if (slot.site.ordinal != p.site.ordinal) continue;
        auto bias = slot.state.bias.value.template host<double>(model.b);
        for (std::size_t i = 0; i < bias.size(); ++i) {
          bias[i] *= slot.state.scale;
          for (index_t j = 0; j < p.site.in; ++j)
            d[i * static_cast<std::size_t>(p.site.in) + static_cast<std::size_t>(j)] -= bias[i];
        }
        file.add(module + ".bias", {p.site.out}, std::span<const double>(bias));
      }
    }
    file.add(module + ".delta", {p.site.out, p.site.in}, std::span<const double>(d));
    file.add(module + ".base", {p.site.out, p.site.in},
             std::span<const double>(p.weight.dense(model.b).template host<double>(model.b)));
  }
  for (const auto& t : saved) file.add(t.name + ".head", t.shape, std::span<const float>(t.values));
  file.write(folder / "expected.safetensors");
}
}  // namespace

TEST_CASE("saved and loaded, adapters do what they did", "[io][peft]") {
  const Placement uneven{{2, 0, 1, 4, 0, 3, 0, 2}}, low{{2, 0, 1, 3, 0, 3, 0, 2}};
  round_trip(Lora{.adapter = {.scaling = {.alpha = 7.3}}}, Lora{}, uneven);
  round_trip(RsLora{.adapter = {.scaling = {.alpha = 5}}}, RsLora{}, uneven);
  round_trip(LoraFa{}, LoraFa{}, uneven);
  round_trip(DoraLora{}, DoraLora{}, uneven);
  round_trip(Method<Biased<>>{}, Method<Biased<>>{}, uneven);
  round_trip(SvdLora{.adapter = {.scaling = {.alpha = 7}}}, SvdLora{}, {{3, 0, 3, 3, 0, 3, 0, 3}});
  round_trip(Lora{}, Lora{}, {{0, 0, 0, 0, 0, 4, 0, 0}});
  // Written as something else than what was attached: of twice the rank, as B A.
  round_trip(PissaLora{}, Lora{}, low);
  round_trip(Method<Dora<Svd, AlphaOverRankPlusEps>>{}, DoraLora{}, uneven);
}

TEST_CASE("folders that PEFT trained do here what they do there", "[io][peft][oracle]") {
  const auto folders = std::filesystem::path(LORICA_TESTS_DIR) / "oracle" / "peft";
  for (const std::string name : {"gpt2", "bert", "llama", "deberta"}) {
    B b;
    const auto with = [&](const char* kind, peft::Kind expected, const auto& method) {
      const auto folder = folders / (name + "_" + kind);
      CAPTURE(folder.string());
      CHECK(peft::kind_of(folder) == expected);
      Recorded(b, folder).agrees(method, folder);
    };
    with("lora", peft::Kind::lora, Lora{});
    with("rslora", peft::Kind::lora, RsLora{});
    with("dora", peft::Kind::dora, DoraLora{});
    with("adalora", peft::Kind::adalora, AdaLora<>{});
  }
}

TEST_CASE("heads that PEFT trained are handed back", "[io][peft][oracle]") {
  const auto folder = std::filesystem::path(LORICA_TESTS_DIR) / "oracle" / "peft" / "deberta_lora";
  B b;
  const Recorded r(b, folder);
  const auto loaded = peft::load(b, r.model, Lora{}, folder, r.model.modules());
  std::map<std::string, std::vector<index_t>> shapes;
  for (const auto& t : loaded.saved) shapes[t.name] = t.shape;
  CHECK(shapes == std::map<std::string, std::vector<index_t>>{{"classifier.weight", {3, 16}},
                                                              {"classifier.bias", {3}},
                                                              {"pooler.dense.weight", {16, 16}},
                                                              {"pooler.dense.bias", {16}}});
}

TEST_CASE("a folder from the hub: GPT-2's c_attn and c_proj", "[io][peft]") {
  const auto data = test::data_folder();
  if (!data) return;
  const auto folder = *data / "weights" / "peft_gpt2_lora";
  cpu::EigenBackend<float> b;
  test::Hosted<cpu::EigenBackend<float>> model(b);
  for (int l = 0; l < 12; ++l) {
    const std::string at = message("transformer.h.", l, '.');
    model.add(at + "attn.c_attn", 768, 2304, true, std::vector<double>(768 * 2304));
    model.add(at + "attn.c_proj", 768, 768, true, std::vector<double>(768 * 768));
    model.add(at + "mlp.c_fc", 768, 3072, true, std::vector<double>(768 * 3072));
    model.add(at + "mlp.c_proj", 3072, 768, true, std::vector<double>(768 * 3072));
  }
  CHECK(peft::kind_of(folder) == peft::Kind::lora);
  const auto loaded = peft::load(b, model, Lora{}, folder, model.modules());
  CHECK(loaded.warnings.empty());
  CHECK(loaded.config.lora_dropout == 0.05);
  REQUIRE(loaded.adapted.slots().size() == 36);
  for (const auto& s : loaded.adapted.slots()) {
    CHECK(s.rank == 8);
    CHECK(s.state.scale == 4);
  }
  const test::Scratch scratch;
  peft::save(loaded.adapted, model, scratch / "a", model.modules());
  CHECK(peft::read_config(scratch / "a").config.targets.modules->list ==
        std::vector<std::string>{"attn.c_attn", "attn.c_proj", "mlp.c_proj"});
  const SafeTensors theirs(folder / "adapter_model.safetensors"),
      ours(scratch / "a" / "adapter_model.safetensors");
  REQUIRE(ours.tensors().size() == theirs.tensors().size());
  for (const auto& t : theirs.tensors())
    CHECK(ours.read<float>(t.name, t.shape) == theirs.read<float>(t.name));
}

// Not run by itself: LORICA_PEFT_OUT=DIR io_tests "folders for PEFT to open", then peft_roundtrip.py
// check-load DIR/*
TEST_CASE("folders for PEFT to open", "[.][peft_out]") {
  const char* out = std::getenv("LORICA_PEFT_OUT");
  REQUIRE(out != nullptr);
  B b;
  for (const std::string name : {"gpt2", "bert", "llama", "deberta"}) {
    const auto model = tiny(b, name);
    const std::size_t n = model.places.size();
    std::vector<peft::SavedTensor> saved;
    if (name == "bert" || name == "deberta") {
      saved = {{"classifier.weight", {3, 16}, std::vector<float>(48, 0.5F)},
               {"classifier.bias", {3}, {1, 2, 3}}};
      if (name == "deberta")
        saved.push_back({"pooler.dense.weight", {16, 16}, std::vector<float>(256, 0.25F)});
      if (name == "deberta") saved.push_back({"pooler.dense.bias", {16}, std::vector<float>(16, 0.125F)});
    }
    std::vector<index_t> uneven(n), even(n, 4), one(n);
    for (std::size_t i = 0; i < n; ++i) uneven[i] = static_cast<index_t>(i * 5 % 4);
    one[n - 2] = 3;
    const auto write = [&](const char* kind, const auto& method, const std::vector<index_t>& ranks,
                           bool as_lora = false) {
      const auto folder = std::filesystem::path(out) / (name + "_" + kind);
      auto adapted = trained(b, model, method, ranks);
      const peft::SaveOptions options{.task_type = saved.empty() ? "CAUSAL_LM" : "SEQ_CLS", .saved = saved};
      if (as_lora)
        peft::save_as_lora(adapted, model, folder, model.modules(), options);
      else
        peft::save(adapted, model, folder, model.modules(), options);
      expect(folder, model, adapted, saved);
    };
    write("lora", Lora{}, even);
    write("lora_uneven", Lora{.adapter = {.scaling = {.alpha = 7}}}, uneven);
    write("rslora_uneven", RsLora{.adapter = {.scaling = {.alpha = 5}}}, uneven);
    write("lora_fa", LoraFa{}, even);
    write("one_site", Lora{}, one);
    write("pissa", PissaLora{}, uneven);
    write("dora", DoraLora{}, uneven);
    write("dora_svd", Method<Dora<Svd, AlphaOverRankPlusEps>>{}, even);
    if (name != "llama") write("bias", Method<Biased<>>{}, uneven);  // PEFT wants a bias below it
    write("svd", SvdLora{}, even);
    write("svd_uneven", SvdLora{}, uneven);
    AdaLora<> ada{.adapter = {.scaling = {.alpha = 32}}};
    ada.placement.target = {.per_matrix = 1};
    ada.placement.tinit = {1};
    ada.placement.tfinal = {3};
    write("adalora", ada, even);
    write("adalora_as_lora", ada, even, true);
    ada.placement.compact = true;
    write("adalora_compact", ada, even);
    PruneLora prune;
    prune.placement = ada.placement;
    prune.placement.compact = false;
    write("prune", prune, even);
  }
}
