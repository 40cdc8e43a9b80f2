// SPDX-License-Identifier: MIT
#include <lorica/io/adapter_file.hpp>
#include <lorica/train/evaluate.hpp>

#include <io/scratch.hpp>
#include <support/backends.hpp>
#include <train/tiny.hpp>

#include <fstream>

using namespace lorica;
using test::contents;
using test::has;
using test::Scratch;
using test::thrown;
using B = cpu::EigenBackend<double>;

namespace {
/// Of 14 sites some have no adapter, and ranks differ.
const adapt::Placement uneven{{2, 0, 1, 4, 0, 0, 3, 0, 0, 0, 5, 1, 0, 2}};
const test::RaggedSamples samples;

template <class M> auto trained(B& b, const nn::Decoder<B>& model, const M& method) {
  auto adapted = adapt::attach_at(b, model, method, uneven, 9);
  train::fit(b, model, adapted, samples, {.steps = 4, .batch = 6, .optimizer = {.lr = 5e-2}});
  return adapted;
}
/// The file once more, with each tensor as `write` has it and other metadata where given.
template <class Write>
void rewrite(const std::filesystem::path& path, Write write,
             const std::map<std::string, std::string>& changes = {}) {
  io::SafeTensorsWriter out;
  std::map<std::string, std::string> metadata;
  {
    const io::SafeTensors in(path);
    metadata = in.metadata();
    for (const auto& [key, text] : changes) {
      if (text.empty())
        metadata.erase(key);
      else
        metadata[key] = text;
    }
    for (const auto& t : in.tensors()) write(out, t, in.read<double>(t.name));
  }
  out.write(path, metadata);
}
const auto as_it_is = [](io::SafeTensorsWriter& out, const io::TensorInfo& t, const std::vector<double>& x) {
  out.add(t.name, t.shape, x);
};

template <class M> void round_trip(const M& method, const M& other) {
  const Scratch scratch;
  B b;
  const auto model = test::tiny_model<Frozen<B>>(b);
  auto adapted = trained(b, model, method);
  io::save(adapted, scratch / "a");
  auto loaded = io::load_adapter(b, model, other, scratch / "a");
  REQUIRE(loaded.placement().rank == uneven.rank);
  REQUIRE(loaded.slots().size() == adapted.slots().size());
  for (std::size_t i = 0; i < adapted.slots().size(); ++i) {
    REQUIRE(loaded.slots()[i].site.path == adapted.slots()[i].site.path);
    REQUIRE(loaded.slots()[i].rank == adapted.slots()[i].rank);
    REQUIRE(loaded.slots()[i].state.scale ==
            adapted.slots()[i].state.scale);  // the file's, whatever alpha is here
  }
  test::StateCopy before(b), after(b);
  adapted.visit_state(before);
  loaded.visit_state(after);
  REQUIRE(test::difference(before.numbers, after.numbers) == "");
  const double answer = train::evaluate(b, model, loaded, samples);
  REQUIRE(answer == train::evaluate(b, model, adapted, samples));
  REQUIRE(answer != train::evaluate(b, model, samples));
  io::save(loaded, scratch / "again");
  REQUIRE(contents(scratch / "again") == contents(scratch / "a"));
}
}  // namespace

TEST_CASE("LoRA saved and loaded answers the same, whatever the method's own alpha and rank",
          "[io][adapter_file]") {
  const adapt::Lora method{.adapter = {.scaling = {.alpha = 7.3}}};
  round_trip(method, method);
  round_trip(method, adapt::Lora{.adapter = {.scaling = {.alpha = 1}}, .placement = {.rank = 1}});
}

TEST_CASE("P diag(lambda) Q saved and loaded answers the same", "[io][adapter_file]") {
  const adapt::SvdLora method{.adapter = {.scaling = {.alpha = 7.3}}};
  round_trip(method, method);
  round_trip(method, adapt::SvdLora{});
}

TEST_CASE("a file names its sites, ranks and scales", "[io][adapter_file]") {
  const Scratch scratch;
  B b;
  const auto model = test::tiny_model<Frozen<B>>(b);
  auto adapted = adapt::attach(b, model,
                               adapt::Lora{.adapter = {.scaling = {.alpha = 1}},
                                           .placement = {.rank = 3, .sites = {.paths = {"*.1.up"}}}});
  io::save(adapted, scratch / "a");
  const io::SafeTensors file(scratch / "a");
  REQUIRE(file.metadata() == std::map<std::string, std::string>{{"adapter", "additive"},
                                                                {"format", "lorica-adapter/1"},
                                                                {"parameterization", "low_rank"},
                                                                {"rank.blocks.1.up", "3"},
                                                                {"scale.blocks.1.up", "0.3333333333333333"}});
  REQUIRE(file.tensors().size() == 2);
  REQUIRE(file.info("blocks.1.up.A").shape == std::vector<index_t>{3, 16});
  REQUIRE(file.info("blocks.1.up.B").shape == std::vector<index_t>{24, 3});
}

TEST_CASE("adapters trained in double serve in float", "[io][adapter_file]") {
  using F = cpu::EigenBackend<float>;
  const Scratch scratch;
  B b;
  F f;
  const auto model = test::tiny_model<Frozen<B>>(b);
  const auto single = test::tiny_model<Frozen<F>>(f);
  auto adapted = trained(b, model, adapt::Lora{});
  io::save(adapted, scratch / "a");
  auto loaded = io::load_adapter(f, single, adapt::Lora{}, scratch / "a");
  REQUIRE(train::evaluate(f, single, loaded, samples) ==
          Approx(train::evaluate(b, model, adapted, samples)).epsilon(1e-5));
}

TEST_CASE("a file that does not fit method or model is refused with what differs", "[io][adapter_file]") {
  const Scratch scratch;
  B b;
  const auto path = scratch / "a";
  const auto model = test::tiny_model<Frozen<B>>(b);
  auto adapted = adapt::attach_at(b, model, adapt::Lora{}, uneven);
  const auto load = [&](const auto& on, const auto& method) {
    const auto what = thrown<FileError>([&] { io::load_adapter(b, on, method, path); });
    CAPTURE(what);
    REQUIRE(has(what, "'" + path.string() + "'"));
    return what;
  };
  const auto after = [&](const auto& write, const std::map<std::string, std::string>& metadata = {}) {
    io::save(adapted, path);
    rewrite(path, write, metadata);
    return load(model, adapt::Lora{});
  };
  SECTION("another parameterization") {
    io::save(adapted, path);
    REQUIRE(has(load(model, adapt::SvdLora{}),
                "holds adapters of the parameterization \"low_rank\", the method expects \"svd\""));
  }
  SECTION("another model") {
    io::save(adapted, path);
    auto smaller = test::tiny_config();
    smaller.layers = 1;
    REQUIRE(has(load(test::tiny_model<Frozen<B>>(b, smaller), adapt::Lora{}),
                "adapts \"blocks.1.down\", which the model does not have; it is of another model"));
    auto narrower = test::tiny_config();
    narrower.block.feed_forward.hidden = 20;
    REQUIRE(has(load(test::tiny_model<Frozen<B>>(b, narrower), adapt::Lora{}),
                "tensor \"blocks.0.down.A\" is [3, 24], expected [3, 20]"));
  }
  SECTION("tensors") {
    const auto but = [](const auto& write) {
      return [write](io::SafeTensorsWriter& out, const io::TensorInfo& t, const std::vector<double>& x) {
        if (t.name == "blocks.0.v.B")
          write(out, t, x);
        else
          out.add(t.name, t.shape, x);
      };
    };
    REQUIRE(has(after(but([](auto&, const auto&, const auto&) {})), "no tensor \"blocks.0.v.B\""));
    REQUIRE(has(after(but([](auto& out, const auto& t, const auto& x) {
                  out.add(t.name, {1, 8}, x);
                })),
                "tensor \"blocks.0.v.B\" is [1, 8], expected [8, 1]"));
    REQUIRE(has(after(but([](auto& out, const auto& t, const auto& x) {
                  out.add(t.name, t.shape, std::vector<std::int64_t>(x.size()));
                })),
                "tensor \"blocks.0.v.B\": dtype is I64, expected F64, F32, F16 or BF16"));
  }
  SECTION("metadata") {
    REQUIRE(has(after(as_it_is, {{"parameterization", ""}}), "is not an adapter of this library"));
    REQUIRE(has(after(as_it_is, {{"rank.blocks.0.v", ""}}),
                "holds \"blocks.0.v.A\", but gives its site no rank"));
    REQUIRE(has(after(as_it_is, {{"rank.blocks.0.v", "2"}}),
                "tensor \"blocks.0.v.A\" is [1, 16], expected [2, 16]"));
    REQUIRE(has(after(as_it_is, {{"rank.blocks.0.v", "one"}}),
                "\"rank.blocks.0.v\" is \"one\", expected a number"));
    REQUIRE(has(after(as_it_is, {{"rank.blocks.0.v", "0"}}),
                "\"rank.blocks.0.v\" is 0, expected 1 to min(d_in, d_out) = 8"));
    REQUIRE(has(after(as_it_is, {{"rank.blocks.0.v", "9"}}),
                "\"rank.blocks.0.v\" is 9, expected 1 to min(d_in, d_out) = 8"));
    REQUIRE(has(after(as_it_is, {{"scale.blocks.0.v", ""}}), "the metadata lacks \"scale.blocks.0.v\""));
    REQUIRE(has(after(as_it_is, {{"scale.blocks.0.v", "0.5x"}}),
                "\"scale.blocks.0.v\" is \"0.5x\", expected a number"));
  }
  SECTION("no sites at all") {
    io::SafeTensorsWriter().write(path, {{"format", "lorica-adapter/1"}, {"parameterization", "low_rank"}});
    REQUIRE(has(load(model, adapt::Lora{}), "is an adapter without sites"));
  }
  SECTION("no such file, or not such a file") {
    REQUIRE(has(load(model, adapt::Lora{}), "cannot"));
    io::save(adapted, path);
    std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
    REQUIRE(has(load(model, adapt::Lora{}), "is the file truncated?"));
  }
}

TEST_CASE("adapters that cannot be written leave the older file whole", "[io][adapter_file]") {
  const Scratch scratch;
  B b;
  const auto model = test::tiny_model<Frozen<B>>(b);
  auto adapted = adapt::attach_at(b, model, adapt::Lora{}, uneven);
  REQUIRE_THROWS_AS(io::save(adapted, scratch / "no/folder"), FileError);
  std::filesystem::create_directory(scratch / "taken");
  REQUIRE_THROWS_AS(io::save(adapted, scratch / "taken"), FileError);
  REQUIRE(scratch.entries() == 1);
}
