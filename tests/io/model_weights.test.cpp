// SPDX-License-Identifier: MIT
#include <lorica/io/model_weights.hpp>

#include "io/scratch.hpp"
#include "support/catch.hpp"

#include <cstring>
#include <numeric>

using namespace lorica;
using test::has;

namespace {
std::vector<float> counted(index_t n) {
  std::vector<float> v(static_cast<std::size_t>(n));
  std::iota(v.begin(), v.end(), 1.0f);
  return v;
}
void write(const std::filesystem::path& file, const std::string& name, std::vector<index_t> shape) {
  io::SafeTensorsWriter out;
  const index_t n = std::accumulate(shape.begin(), shape.end(), index_t(1), std::multiplies<>());
  out.add(name, std::move(shape), counted(n));
  out.write(file);
}
template <class F> std::string refusal(F f) {
  return test::thrown<FileError>([&] { (void)f(); });
}
constexpr nn::NamePair parts[] = {{"embedding", "wte"},
                                  {"positions", "wpe"},
                                  {"blocks.*.q", "h.*.q"},
                                  {"blocks.*.norm_1", "h.*.LayerNorm"}};
}  // namespace

TEST_CASE("a tensor of floats is used where it lies, others are converted a stretch at a time",
          "[io][model_weights]") {
  const test::Scratch scratch;
  io::SafeTensorsWriter out;
  out.add("a", {2, 3}, counted(6));
  out.add_bf16("b", {2, 3}, counted(6));
  out.add("d", {6}, std::vector<double>{1, 2, 3, 4, 5, 6});
  out.write(scratch / "model.safetensors");
  const io::ModelWeights weights(scratch.folder());
  const auto a = weights.numbers("a", {2, 3});
  CHECK(a.held().size() == 6);
  CHECK(a.list() == counted(6));
  const auto b = weights.numbers("b", {2, 3});
  CHECK(b.held().empty());
  CHECK(b.list() == counted(6));
  std::vector<float> two(2);
  b.copy(3, two);
  CHECK(two == std::vector<float>{4, 5});
  CHECK(weights.numbers("d", {1, 6}).list() == counted(6));  // a vector is [1, n] here
  CHECK(a.list() == counted(6));                             // also after its pages were forgotten
  CHECK(std::ranges::equal(a.held(), counted(6)));
}

TEST_CASE("a large tensor is read by several threads", "[io][model_weights]") {
  const test::Scratch scratch;
  constexpr index_t rows = 700, cols = 1001;
  std::vector<float> all(static_cast<std::size_t>(rows * cols));
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<float>(i % 251);
  io::SafeTensorsWriter out;
  out.add("w", {rows, cols}, all);
  out.add_bf16("b", {rows, cols}, all);
  out.write(scratch / "model.safetensors");
  const io::ModelWeights weights(scratch.folder());
  CHECK(weights.numbers("w", {rows, cols}).list() == all);
  CHECK(weights.numbers("b", {rows, cols}).list() == all);
  std::vector<float> turned(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) turned[i % cols * rows + i / cols] = all[i];
  CHECK(weights.numbers("w", {cols, rows}, true).list() == turned);
  CHECK(weights.numbers("b", {cols, rows}, true).list() == turned);
}

TEST_CASE("one file of another format: those tensors that are named, rows of heads in our order",
          "[io][model_weights]") {
  const test::Scratch scratch;
  std::string bytes(4 + 4 * 20, 'x');
  for (int i = 0; i < 20; ++i) {
    const auto x = static_cast<float>(i);
    std::memcpy(bytes.data() + 4 + 4 * i, &x, 4);
  }
  const auto file = std::make_shared<const io::SafeTensors>(
      scratch.file("m", bytes), 4,
      std::vector<io::TensorInfo>{{"plain", io::Dtype::F32, {2, 2}, 0, 16},
                                  {"unread", io::Dtype::F32, {4}, 16, 32},
                                  {"pairs", io::Dtype::F32, {6, 2}, 32, 80}});
  const io::ModelWeights weights(file, {{"plain", 0}, {"pairs", 6}});
  CHECK(weights.contains("plain"));
  CHECK_FALSE(weights.contains("unread"));
  CHECK(weights.in_order("plain"));
  CHECK_FALSE(weights.in_order("pairs"));
  index_t tensors = 0;
  weights.for_each([&](const io::SafeTensors&, const io::TensorInfo&) { ++tensors; });
  CHECK(tensors == 2);
  CHECK(weights.numbers("plain", {2, 2}).list() == std::vector<float>{0, 1, 2, 3});
  const auto pairs = weights.numbers("pairs", {6, 2});
  CHECK(pairs.held().empty());
  CHECK(pairs.list() == std::vector<float>{8, 9, 12, 13, 16, 17, 10, 11, 14, 15, 18, 19});
  std::vector<float> middle(3);
  pairs.copy(5, middle);
  CHECK(middle == std::vector<float>{17, 10, 11});
}

TEST_CASE("a matrix may be stored transposed, a table may have rows that are not read",
          "[io][model_weights]") {
  const test::Scratch scratch;
  write(scratch / "model.safetensors", "w", {3, 2});
  const io::ModelWeights weights(scratch.folder());
  const auto t = weights.numbers("w", {2, 3}, true);
  CHECK(t.list() == std::vector<float>{1, 3, 5, 2, 4, 6});
  std::vector<float> middle(3);
  t.copy(2, middle);  // across the end of a row
  CHECK(middle == std::vector<float>{5, 2, 4});
  CHECK(weights.numbers("w", {2, 2}, false, 1).list() == std::vector<float>{3, 4, 5, 6});
}

TEST_CASE("shards are one set of tensors, and must be what their index says", "[io][model_weights]") {
  const test::Scratch scratch;
  write(scratch / "one.safetensors", "a", {2});
  write(scratch / "two.safetensors", "b", {3});
  const auto index = [&](const std::string& map) {
    (void)scratch.file("model.safetensors.index.json", R"({"weight_map":)" + map + "}");
    return refusal([&] { return io::ModelWeights(scratch.folder()); });
  };
  CHECK(has(index(R"({"a":"one.safetensors","c":"two.safetensors"})"),
            "\"c\" should be in \"two.safetensors\", which does not have it"));
  CHECK(has(index(R"({"a":"../one.safetensors"})"), "expected the name of a file beside it"));
  CHECK(has(index("{}"), "\"weight_map\" is empty"));
  (void)index(R"({"a":"one.safetensors","b":"two.safetensors"})");
  const io::ModelWeights weights(scratch.folder());
  CHECK(weights.contains("a"));
  CHECK(weights.numbers("b", {1, 3}).list() == counted(3));
}

TEST_CASE("what is missing or of another shape is an error naming file, tensor and both shapes",
          "[io][model_weights]") {
  const test::Scratch scratch;
  CHECK(has(refusal([&] { return io::ModelWeights(scratch.folder()); }),
            "no weights: neither model.safetensors nor model.safetensors.index.json"));
  write(scratch / "model.safetensors", "h.0.attn.weight", {3, 2});
  const io::ModelWeights weights(scratch.folder());
  CHECK(has(refusal([&] {
              return weights.numbers("h.0.atn.weight", {3, 2});
            }),
            "no tensor \"h.0.atn.weight\"; the nearest name is \"h.0.attn.weight\""));
  CHECK(has(refusal([&] {
              return weights.numbers("h.0.attn.weight", {2, 2});
            }),
            "tensor \"h.0.attn.weight\" is [3, 2], the configuration expects [2, 2]"));
}

TEST_CASE("a family's names, with or without its prefix, and the old names of norms", "[io][model_weights]") {
  const test::Scratch scratch;
  io::SafeTensorsWriter out;
  out.add("wte.weight", {2, 2}, counted(4));
  out.add("wpe.weight", {3, 2}, counted(6));
  out.add("h.1.q.weight", {2, 3}, counted(6));
  out.add("h.1.LayerNorm.gamma", {2}, counted(2));
  out.write(scratch / "model.safetensors");
  const auto weights = std::make_shared<const io::ModelWeights>(scratch.folder());
  const nn::Names names{
      .family = "toy", .prefix = "model.", .parts = parts, .transposed = true, .first_position = 1};
  CHECK(io::names_in(*weights, names).prefix.empty());
  const auto from = io::source(weights, names);
  CHECK(from("embedding.weight", {2, 2}).list() == counted(4));
  CHECK(from("positions.weight", {2, 2}).list() == std::vector<float>{3, 4, 5, 6});
  CHECK(from("blocks.1.q.weight", {3, 2}).list() == std::vector<float>{1, 4, 2, 5, 3, 6});
  CHECK(from("blocks.1.norm_1.weight", {1, 2}).list() == counted(2));
}
