// SPDX-License-Identifier: MIT
#include <lorica/io/decoder_folder.hpp>
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
using B = cpu::EigenBackend<float>;

namespace {
/// A configuration in which no two numbers are the same, and none is a default.
nn::DecoderConfig unusual() {
  auto c = test::tiny_config();
  c.block.norm.eps = 3e-7;
  c.block.attention.positions.base = 12345.678;
  return c;
}
template <class Model> std::map<std::string, std::vector<float>> weights(B& b, const Model& model) {
  std::map<std::string, std::vector<float>> out;
  model.for_each_weight([&](const std::string& name, const auto& w) { out[name] = nn::numbers(b, w); });
  return out;
}
std::string refusal(const std::filesystem::path& folder) {
  B b;
  return thrown<Error>([&] { io::load_decoder(b, folder); });
}
void replace(const std::filesystem::path& file, const std::string& from, const std::string& to) {
  std::string text = contents(file);
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  std::ofstream(file, std::ios::binary) << text.replace(at, from.size(), to);
}
/// The file once more, with each tensor as `write` has it.
template <class Write> void rewrite(const std::filesystem::path& path, Write write) {
  io::SafeTensorsWriter out;
  {
    const io::SafeTensors in(path);
    for (const auto& t : in.tensors()) write(out, t, in.read<float>(t.name));
  }
  out.write(path);
}
}  // namespace

TEST_CASE("a decoder saved and loaded is the same, bit for bit", "[io][decoder_folder]") {
  const Scratch scratch;
  B b;
  const auto folder = scratch / "deeper/model";
  const auto model = test::tiny_model<Frozen<B>>(b, unusual());
  io::save_decoder(b, model, folder);
  const auto loaded = io::load_decoder(b, folder);
  const auto& c = loaded.config();
  REQUIRE(c.vocabulary == 31);
  REQUIRE(c.width == 16);
  REQUIRE(c.layers == 2);
  REQUIRE(c.positions == 24);
  REQUIRE(c.block.attention.heads == 4);
  REQUIRE(c.block.attention.kv_heads == 2);
  REQUIRE(c.block.feed_forward.hidden == 24);
  REQUIRE(c.block.norm.eps == 3e-7);
  REQUIRE(c.block.attention.positions.base == 12345.678);
  REQUIRE(weights(b, loaded) == weights(b, model));
  REQUIRE(weights(b, loaded).size() == 1 + 2 * 9 + 1);
  const test::RaggedSamples samples;
  REQUIRE(train::evaluate(b, loaded, samples) == train::evaluate(b, model, samples));
}

TEST_CASE("what was pretrained as parameters loads as either kind of weight", "[io][decoder_folder]") {
  const Scratch scratch;
  B b;
  const auto trained = test::tiny_model<Parameter<B>>(b);
  io::save_decoder(b, trained, scratch / "m");
  REQUIRE(weights(b, io::load_decoder(b, scratch / "m")) == weights(b, trained));
  REQUIRE(weights(b, io::load_decoder_as<Parameter<B>>(b, scratch / "m")) == weights(b, trained));
  REQUIRE(scratch.entries() == 1);
  const io::SafeTensors file(scratch / "m/model.safetensors");
  REQUIRE(file.info("final_norm.weight").shape == std::vector<index_t>{16});  // a vector is one in the file
  REQUIRE(file.info("blocks.0.k.weight").shape == std::vector<index_t>{8, 16});
  REQUIRE(file.info("blocks.0.k.weight").dtype == io::Dtype::F32);
}

TEST_CASE("a model saved as BF16 is rounded to nearest, in half the bytes", "[io][decoder_folder]") {
  const Scratch scratch;
  B b;
  const auto model = test::tiny_model<Frozen<B>>(b);
  io::save_decoder(b, model, scratch / "full");
  io::save_decoder(b, model, scratch / "half", io::Dtype::BF16);
  auto want = weights(b, model);
  for (auto& [name, numbers] : want)
    for (float& x : numbers) x = static_cast<float>(bf16(x));
  REQUIRE(weights(b, io::load_decoder(b, scratch / "half")) == want);
  REQUIRE(want != weights(b, model));
  const auto size = [&](const char* of) { return double(std::filesystem::file_size(scratch / of)); };
  REQUIRE(size("half/model.safetensors") < 0.6 * size("full/model.safetensors"));
  REQUIRE(has(thrown<ConfigError>([&] { io::save_decoder(b, model, scratch / "no", io::Dtype::F16); }),
              "save_decoder: F16 is not offered, expected F32 or BF16"));
}

TEST_CASE("a config.json that cannot be right is refused with file and member", "[io][decoder_folder]") {
  const Scratch scratch;
  B b;
  const auto model = test::tiny_model<Frozen<B>>(b);
  const auto after = [&](const std::string& from, const std::string& to) {
    io::save_decoder(b, model, scratch / "m");
    replace(scratch / "m/config.json", from, to);
    const auto what = refusal(scratch / "m");
    CAPTURE(what);
    REQUIRE(has(what, (scratch / "m/config.json").string()));
    return what;
  };
  REQUIRE(has(after("\"heads\":4,", ""), "the key \"heads\" is missing; the nearest is \"kv_heads\""));
  REQUIRE(has(after("\"format\":", "\"form\":"), "the key \"format\" is missing; the nearest is \"form\""));
  REQUIRE(has(after("lorica-decoder/1", "lorica-encoder/1"),
              "\"format\" is \"lorica-encoder/1\", which is not supported; expected \"lorica-decoder/1\""));
  REQUIRE(has(after("\"heads\":4", "\"heads\":\"4\""), "\"heads\" is \"4\", expected an integer from 1 on"));
  REQUIRE(has(after("\"heads\":4", "\"heads\":4.5"), "\"heads\" is 4.5, expected an integer from 1 on"));
  REQUIRE(has(after("\"width\":16", "\"width\":0"), "\"width\" is 0, expected an integer from 1 on"));
  REQUIRE(has(after("\"layers\":2", "\"layers\":-2"), "\"layers\" is -2, expected an integer from 1 on"));
  REQUIRE(has(after("\"norm_eps\":1e-06", "\"norm_eps\":null"), "the key \"norm_eps\" is missing"));
  REQUIRE(has(after("{\"format\"", "[\"format\""), "is not valid JSON"));
}

TEST_CASE("a folder that is none is refused by the file that is missing", "[io][decoder_folder]") {
  const Scratch scratch;
  B b;
  REQUIRE(has(refusal(scratch / "none"), (scratch / "none/config.json").string()));
  io::save_decoder(b, test::tiny_model<Frozen<B>>(b), scratch / "m");
  std::filesystem::remove(scratch / "m/model.safetensors");
  REQUIRE(has(refusal(scratch / "m"), (scratch / "m").string() + "': no weights: neither model.safetensors"));
}

TEST_CASE("weights that do not fit the configuration are refused with file and tensor",
          "[io][decoder_folder]") {
  const Scratch scratch;
  B b;
  const auto model = test::tiny_model<Frozen<B>>(b);
  const auto file = scratch / "m/model.safetensors";
  const auto after = [&](const auto& write) {
    io::save_decoder(b, model, scratch / "m");
    rewrite(file, [&](io::SafeTensorsWriter& out, const io::TensorInfo& t, const std::vector<float>& x) {
      if (t.name == "blocks.1.k.weight")
        write(out, t, x);
      else
        out.add(t.name, t.shape, x);
    });
    const auto what = refusal(scratch / "m");
    CAPTURE(what);
    REQUIRE(has(what, file.string()));
    REQUIRE(has(what, "\"blocks.1.k.weight\""));
    return what;
  };
  REQUIRE(has(after([](auto&, const auto&, const auto&) {}),
              "no tensor \"blocks.1.k.weight\"; the nearest name is \"blocks.0.k.weight\""));
  REQUIRE(has(after([](auto& out, const auto& t, const auto& x) {
                out.add(t.name, {16, 8}, x);
              }),
              "is [16, 8], the configuration expects [8, 16]"));
  REQUIRE(has(after([](auto& out, const auto& t, const auto& x) { out.add(t.name, {128}, x); }),
              "is [128], the configuration expects [8, 16]"));
  REQUIRE(has(after([](auto& out, const auto& t, const auto& x) {
                out.add(t.name, t.shape, std::vector<std::int32_t>(x.size()));
              }),
              "is I32, expected F32, F16, BF16 or F64"));
  io::save_decoder(b, model, scratch / "m");
  replace(scratch / "m/config.json", "\"vocabulary\":31", "\"vocabulary\":32");
  REQUIRE(
      has(refusal(scratch / "m"), "\"embedding.weight\" is [31, 16], the configuration expects [32, 16]"));
}

TEST_CASE("a truncated model is refused", "[io][decoder_folder]") {
  const Scratch scratch;
  B b;
  io::save_decoder(b, test::tiny_model<Frozen<B>>(b), scratch / "m");
  const auto file = scratch / "m/model.safetensors";
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 100);
  REQUIRE(has(refusal(scratch / "m"), "is the file truncated?"));
}
