// SPDX-License-Identifier: MIT
// That transformers opens such folders with PEFT's own answers is checked by oracle/peft_roundtrip.py.
#include <lorica/io/merged_folder.hpp>

#include "io/peft/hosted.hpp"
#include "io/scratch.hpp"
#include "io/tiny_llama2c.hpp"
#include "io/tiny_models.hpp"

#include <lorica/adapt/adapter/biased.hpp>
#include <lorica/adapt/adapter/dora.hpp>

using namespace lorica;
using test::contents;
using test::has;
using test::thrown;
namespace fs = std::filesystem;
using B = cpu::EigenBackend<float>;

namespace {

/// What a model answers: its states, and the logits of one that has them.
template <class P>
std::vector<double> answers(B& b, const io::ModelFolder& folder, const nn::AnyModel<B>& model, P& policy) {
  nn::Sequences s;
  s.add(std::vector<std::int32_t>{3, 1, 4, 1}, {});
  s.add(std::vector<std::int32_t>{2}, {});
  const nn::Batch<B> batch(b, s);
  Tape<B> tape(b, false);
  const auto h = model.forward(tape, batch, policy);
  auto out = h.value().template host<double>(b);
  if (!folder.language_model) return out;
  MasterTensor<B> z(b, h.rows(), model.config().vocabulary);
  lorica::detail::logits_of(b, h.value().cref(), model.head(), MatrixRef<float>(z.ref()));
  for (const double x : z.template host<double>(b)) out.push_back(x);
  return out;
}
std::vector<double> answers(B& b, const fs::path& path) {
  const io::ModelFolder folder(path);
  Bare bare;
  return answers(b, folder, io::load_model(b, folder), bare);
}

/// A model with adapters that do something.
template <class M> struct Tuned {
  B b = {};
  io::ModelFolder folder;
  nn::AnyModel<B> model;
  adapt::Adapted<B, M> adapted;

  explicit Tuned(const fs::path& path, const M& method)
      : folder(path), model(io::load_model(b, folder)), adapted(adapt::attach(b, model, method)) {
    test::stir(b, adapted, 0.1);
  }
  std::vector<double> live() { return answers(b, folder, model, adapted); }
  void merge(const fs::path& to, const io::MergeOptions& options = {}) {
    io::write_merged(folder, io::host_updates(b, model, adapted), to, options);
  }
};
constexpr adapt::Lora lora{.placement = {.rank = 2}};

/// The weights of a folder once more, each as `write(writer, tensor, numbers)` has it.
template <class Write> void rewrite(const fs::path& from, const fs::path& to, Write write) {
  const io::SafeTensors in(from / "model.safetensors");
  io::SafeTensorsWriter out;
  for (const auto& t : in.tensors()) write(out, t, in.read<float>(t.name));
  out.write(to / "model.safetensors");
}
void copy_config(const std::string& name, const fs::path& to) {
  fs::create_directories(to);
  fs::copy(test::tiny_model_folder(name) / "config.json", to / "config.json");
}
std::string merge_refusal(const io::ModelFolder& from, const io::HostUpdates& updates, const fs::path& to) {
  return thrown<Error>([&] { io::write_merged(from, updates, to); });
}

}  // namespace

TEST_CASE("a merged folder answers as the adapters did", "[io][merged_folder]") {
  const test::Scratch scratch;
  for (const auto* name : {"gpt2", "llama2", "bert", "deberta_v3"}) {
    INFO(name);
    const auto from = test::tiny_model_folder(name);
    Tuned tuned(from, lora);
    tuned.merge(scratch / name);
    const auto bare = answers(tuned.b, from), live = tuned.live();
    CHECK(test::relative_error(live, bare) > 1e-2);
    CHECK(test::relative_error(answers(tuned.b, scratch / name), live) < 1e-5);
    CHECK(contents(scratch / name / "config.json") == contents(from / "config.json"));
    CHECK_FALSE(fs::exists(scratch / name / "expected.safetensors"));
    const io::SafeTensors before(from / "model.safetensors"), after(scratch / name / "model.safetensors");
    CHECK(after.metadata().at("format") == "pt");
    CHECK(after.tensors().size() == before.tensors().size());
    std::size_t changed = 0;
    for (const auto& t : before.tensors()) {
      CHECK(after.info(t.name).shape == t.shape);
      CHECK(after.info(t.name).dtype == t.dtype);
      changed += std::ranges::equal(before.bytes(t.name), after.bytes(t.name)) ? 0 : 1;
    }
    CHECK(changed == tuned.adapted.slots().size());
  }
}

TEST_CASE("updates that there are already, and adapters that do not only add", "[io][merged_folder]") {
  const test::Scratch scratch;
  Tuned tuned(test::tiny_model_folder("gpt2"), adapt::DoraLora{.placement = {.rank = 2}});
  const auto updates = adapt::updates_of(tuned.b, tuned.model, tuned.adapted);
  io::write_merged(tuned.folder, io::host_updates(tuned.b, updates), scratch / "a");
  CHECK(test::relative_error(answers(tuned.b, scratch / "a"), tuned.live()) < 1e-5);
  tuned.merge(scratch / "b");
  CHECK(contents(scratch / "a/model.safetensors") == contents(scratch / "b/model.safetensors"));
}

TEST_CASE("a sum is rounded once to what is stored", "[io][merged_folder]") {
  const test::Scratch scratch;
  copy_config("llama2", scratch / "half");
  rewrite(test::tiny_model_folder("llama2"), scratch / "half", [](auto& out, const auto& t, const auto& x) {
    if (t.name.ends_with("up_proj.weight"))
      out.add_f16(t.name, t.shape, x);
    else
      out.add_bf16(t.name, t.shape, x);
  });
  Tuned tuned(scratch / "half", lora);
  tuned.merge(scratch / "merged");
  CHECK(test::relative_error(answers(tuned.b, scratch / "merged"), tuned.live()) < 1e-2);
  const auto updates = adapt::updates_of(tuned.b, tuned.model, tuned.adapted);
  const io::SafeTensors before(scratch / "half/model.safetensors"),
      after(scratch / "merged/model.safetensors");
  for (const auto& [site, delta] : updates) {
    const auto name = tuned.folder.what.names.tensor(site + ".weight");
    CHECK(after.info(name).dtype == before.info(name).dtype);
    const bool brain = after.info(name).dtype == io::Dtype::BF16;
    const auto w = before.read<double>(name), got = after.read<double>(name);
    const auto d = delta.template host<double>(tuned.b);
    for (std::size_t i = 0; i < w.size(); ++i) {
      const double exact = w[i] + d[i], ulp = std::ldexp(1.0, std::ilogb(got[i]) - (brain ? 7 : 10));
      if (std::abs(got[i] - exact) > 0.5 * ulp) FAIL(name << ' ' << i << ' ' << exact << ' ' << got[i]);
    }
  }
  using io::detail::rounded;
  // Above the middle of two neighbours by less than a float can tell: up, not to the even one.
  CHECK(rounded<std::uint16_t>(io::Dtype::BF16, 1 + 0x1p-8 + 0x1p-40) == io::to_bf16(1 + 0x1p-7f));
  CHECK(rounded<std::uint16_t>(io::Dtype::BF16, 1 + 0x1p-8) == io::to_bf16(1.f));
  CHECK(rounded<std::uint16_t>(io::Dtype::BF16, -1 - 0x3p-8 + 0x1p-40) == io::to_bf16(-1 - 0x1p-7f));
  CHECK(rounded<std::uint16_t>(io::Dtype::F16, 1 + 0x1p-11 + 0x1p-40) == io::to_f16(1 + 0x1p-10f));
  CHECK(rounded<std::uint16_t>(io::Dtype::F16, 0x1p-25 + 0x1p-60) == 1);
  CHECK(rounded<std::uint16_t>(io::Dtype::F16, 1e300) == 0x7C00);
  CHECK(rounded<float>(io::Dtype::F32, 0.1) == 0.1f);
}

TEST_CASE("shards become one file", "[io][merged_folder]") {
  const test::Scratch scratch;
  copy_config("gpt2", scratch / "shards");
  const auto from = test::tiny_model_folder("gpt2");
  const io::SafeTensors in(from / "model.safetensors");
  io::SafeTensorsWriter files[2];
  std::string map;
  std::size_t i = 0;
  for (const auto& t : in.tensors()) {
    const std::size_t which = i++ % 2;
    files[which].add(t.name, t.dtype, t.shape, in.bytes(t.name));
    map += message(map.empty() ? "" : ",", '"', t.name, "\":\"", which, ".safetensors\"");
  }
  for (const std::size_t which : {0, 1})
    files[which].write(scratch / "shards" / message(which, ".safetensors"));
  (void)scratch.file("shards/model.safetensors.index.json", "{\"weight_map\":{" + map + "}}");
  Tuned whole(from, lora), shards(scratch / "shards", lora);
  whole.merge(scratch / "a");
  shards.merge(scratch / "b");
  CHECK(contents(scratch / "a/model.safetensors") == contents(scratch / "b/model.safetensors"));
  CHECK_FALSE(fs::exists(scratch / "b/model.safetensors.index.json"));
  CHECK(has(merge_refusal(whole.folder, {}, scratch / "shards"), "it holds another model, in shards"));
}

TEST_CASE("tokenizers and settings travel, weights of other kinds and adapters do not",
          "[io][merged_folder]") {
  const test::Scratch scratch;
  const auto from = test::tiny_model_folder("bert");
  copy_config("bert", scratch / "m");
  fs::copy(from / "model.safetensors", scratch / "m/model.safetensors");
  const std::vector<std::string> go = {"tokenizer.json", "generation_config.json", "vocab.txt", "spm.model",
                                       "tok5.bin",       "chat_template.jinja",    "empty.txt"};
  for (const auto& name : go) (void)scratch.file("m/" + name, name == "empty.txt" ? "" : name);
  for (const char* name : {"pytorch_model.bin", "adapter_config.json", "adapter_model.safetensors",
                           "README.md", "pytorch_model.bin.index.json"})
    (void)scratch.file("m/" + std::string(name), name);
  fs::permissions(scratch / "m/vocab.txt", fs::perms::owner_read);
  const io::ModelFolder folder(scratch / "m");
  io::write_merged(folder, {}, scratch / "out/deeper");
  for (const auto& name : go) {
    INFO(name);
    REQUIRE(fs::exists(scratch / "out/deeper" / name));
    CHECK(contents(scratch / "out/deeper" / name) == contents(scratch / "m" / name));
  }
  CHECK(static_cast<std::size_t>(std::distance(fs::directory_iterator(scratch / "out/deeper"), {})) ==
        go.size() + 2);
  io::write_merged(folder, {}, scratch / "out/deeper");  // once more over itself
  const io::SafeTensors one(from / "model.safetensors"), other(scratch / "out/deeper/model.safetensors");
  for (const auto& t : one.tensors()) CHECK(std::ranges::equal(one.bytes(t.name), other.bytes(t.name)));
}

TEST_CASE("a trained head replaces or is added, and the configuration says so", "[io][merged_folder]") {
  const test::Scratch scratch;
  const io::ModelFolder bert(test::tiny_model_folder("bert"));
  const std::vector<float> weight(2 * 16, 0.5f), bias{1, 2};
  const io::MergeOptions options{
      .saved = {{"classifier.weight", {2, 16}, weight}, {"classifier.bias", {2}, bias}},
      .config = {{"architectures", io::json::Array{"BertForSequenceClassification"}},
                 {"id2label", io::json::Object{{"0", "no"}, {"1", "yes"}}},
                 {"new", 3}}};
  const auto check = [&](const io::ModelFolder& from, std::size_t added) {
    io::write_merged(from, {}, scratch / "out", options);
    const io::SafeTensors file(scratch / "out/model.safetensors");
    std::size_t tensors = 0;
    from.weights->for_each([&](const auto&, const auto&) { ++tensors; });
    CHECK(file.tensors().size() == tensors + added);
    CHECK(file.read<float>("classifier.weight", {2, 16}) == weight);
    CHECK(file.read<float>("classifier.bias", {2}) == bias);
    CHECK(file.contains("bert.embeddings.word_embeddings.weight"));
    const io::ConfigFile config(scratch / "out/config.json");
    CHECK(config.json().at("id2label").at("1").as_string() == "yes");
    CHECK(config.json().at("id2label").as_object().size() == 2);
    CHECK(config.whole("new") == 3);
    CHECK(config.whole("hidden_size") == 16);
    B b;
    CHECK(answers(b, scratch / "out") == answers(b, from.path));
  };
  check(bert, 0);
  copy_config("bert", scratch / "bare");  // saved without a head, hence without the prefix
  rewrite(bert.path, scratch / "bare", [](auto& out, const auto& t, const auto& x) {
    if (t.name.starts_with("bert.")) out.add(t.name.substr(5), t.shape, x);
  });
  const io::ModelFolder bare(scratch / "bare");
  check(bare, 2);
  io::write_merged(bare, {}, scratch / "same");
  CHECK(io::SafeTensors(scratch / "same/model.safetensors").contains("embeddings.word_embeddings.weight"));
}

TEST_CASE("a model of llama2.c becomes transformers' Llama", "[io][merged_folder]") {
  const test::Scratch scratch;
  for (const bool tied : {true, false}) {
    (void)scratch.file("some.bin", test::tiny_llama2c(tied));
    (void)scratch.file("tok5.bin", "pieces");
    Tuned tuned(scratch / "some.bin", lora);
    io::write_merged(tuned.folder, {}, scratch / "plain");
    tuned.merge(scratch / "merged");
    CHECK(answers(tuned.b, scratch / "plain") == answers(tuned.b, scratch.folder()));
    CHECK(test::relative_error(answers(tuned.b, scratch / "merged"), tuned.live()) < 1e-5);
    CHECK(contents(scratch / "plain/tok5.bin") == "pieces");
    CHECK_FALSE(fs::exists(scratch / "plain/some.bin"));
    const io::ModelFolder plain(scratch / "plain");
    CHECK(plain.what.names.family == "llama");
    CHECK(plain.language_model);
    CHECK(plain.weights->contains("lm_head.weight") == !tied);
    CHECK_FALSE(io::SafeTensors(scratch / "plain/model.safetensors").contains("freq_cis_real"));
  }
}

TEST_CASE("a decoder of this library stays one", "[io][merged_folder]") {
  const test::Scratch scratch;
  B b;
  nn::DecoderConfig c{.vocabulary = 7, .width = 8, .layers = 1, .positions = 6};
  c.block.attention.heads = c.block.attention.kv_heads = 2;
  c.block.feed_forward.hidden = 12;
  const nn::Decoder<B> model(b, c, [](const std::string& name, Shape s) -> nn::Numbers {
    const auto drawn = normals(Stream(3, "decoder", name), s.rows * s.cols, 0.3);
    return std::vector<float>(drawn.begin(), drawn.end());
  });
  io::save_decoder(b, model, scratch / "m", io::Dtype::BF16);
  Tuned tuned(scratch / "m", lora);
  tuned.merge(scratch / "out");
  CHECK(contents(scratch / "out/config.json") == contents(scratch / "m/config.json"));
  CHECK(test::relative_error(answers(tuned.b, scratch / "out"), tuned.live()) < 1e-2);
  CHECK(io::load_decoder(b, scratch / "out").config().vocabulary == 7);
}

TEST_CASE("what cannot be written is refused, and nothing is left of it", "[io][merged_folder]") {
  const test::Scratch scratch;
  copy_config("gpt2", scratch / "m");
  fs::copy(test::tiny_model_folder("gpt2") / "model.safetensors", scratch / "m/model.safetensors");
  const auto old = contents(scratch / "m/model.safetensors");
  const io::ModelFolder folder(scratch / "m");
  const auto of = [](std::size_t n, double x) { return [=] { return std::vector<double>(n, x); }; };
  CHECK(has(merge_refusal(folder, {}, scratch / "m"), "it is the folder that the model comes from"));
  CHECK(has(merge_refusal(folder, {}, scratch / "m/../m/."), "it is the folder that the model comes from"));
  CHECK(has(merge_refusal(folder, {}, scratch.file("file", "x")), "it is no folder"));
  fs::create_directory(scratch / "adapter");
  (void)scratch.file("adapter/adapter_config.json", "{}");
  CHECK(has(merge_refusal(folder, {}, scratch / "adapter"), "it holds an adapter"));
  CHECK(has(merge_refusal(folder, {{"blocks.7.qkv", of(768, 0)}}, scratch / "new"),
            "has no tensor \"transformer.h.7.attn.c_attn.weight\" for the update of blocks.7.qkv"));
  CHECK(has(merge_refusal(folder, {{"blocks.0.qkv", of(767, 0)}}, scratch / "new"),
            "an update of 767 numbers for \"transformer.h.0.attn.c_attn.weight\", which is F32 [16, 48]"));
  CHECK(
      has(merge_refusal(folder, {{"blocks.0.qkv", of(768, 1e39)}}, scratch / "new"),
          "element [0, 0] of \"transformer.h.0.attn.c_attn.weight\" would be 1e+39, which F32 cannot hold"));
  CHECK_FALSE(fs::exists(scratch / "new"));
  Tuned biased(scratch / "m", adapt::Method<adapt::Biased<>>{.placement = {.rank = 2}});
  CHECK(has(thrown<ConfigError>([&] { biased.merge(scratch / "new"); }), "adds a bias of its own"));
  CHECK_FALSE(fs::exists(scratch / "new"));
  CHECK(contents(scratch / "m/model.safetensors") == old);
  fs::create_directories(scratch / "kept");
  (void)scratch.file("kept/model.safetensors", "old");
  CHECK(has(merge_refusal(folder, {{"blocks.0.qkv", of(768, 1e39)}}, scratch / "kept"), "cannot hold"));
  CHECK(contents(scratch / "kept/model.safetensors") == "old");
  CHECK(std::distance(fs::directory_iterator(scratch / "kept"), {}) == 1);
}
