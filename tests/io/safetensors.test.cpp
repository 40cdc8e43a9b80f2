// SPDX-License-Identifier: MIT
#include <lorica/io/safetensors.hpp>

#include <io/scratch.hpp>
#include <support/catch.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

using namespace lorica;
using namespace lorica::io;
using test::contents;
using test::Scratch;

TEST_CASE("every dtype survives the way through a file bit for bit", "[io][safetensors]") {
  const Scratch scratch;
  SafeTensorsWriter writer;
  const auto pattern = [](Dtype type) {
    std::vector<std::byte> bytes(6 * dtype_size(type));
    for (std::size_t i = 0; i < bytes.size(); ++i)
      bytes[i] = static_cast<std::byte>(i * 37 + static_cast<std::size_t>(type));
    return bytes;
  };
  for (int i = 0; i <= static_cast<int>(Dtype::U64); ++i) {
    const auto type = static_cast<Dtype>(i);
    writer.add("of." + std::string(dtype_name(type)), type, {2, 3}, pattern(type));
  }
  writer.write(scratch / "all");
  const SafeTensors file(scratch / "all");
  REQUIRE(file.tensors().size() == static_cast<std::size_t>(Dtype::U64) + 1);
  for (const TensorInfo& tensor : file.tensors()) {
    REQUIRE(tensor.name == "of." + std::string(dtype_name(tensor.dtype)));
    REQUIRE(tensor.shape == std::vector<index_t>{2, 3});
    REQUIRE(std::ranges::equal(file.bytes(tensor.name), pattern(tensor.dtype)));
    REQUIRE(tensor.begin % dtype_size(tensor.dtype) == 0);
  }
}

TEST_CASE("numbers survive the way through a file", "[io][safetensors]") {
  const Scratch scratch;
  const std::vector<float> floats{0.1F, -0.0F, std::numeric_limits<float>::denorm_min(),
                                  std::numeric_limits<float>::infinity()};
  const std::vector<double> doubles{0.1, std::numeric_limits<double>::max(), -1e-310};
  const std::vector<std::int64_t> integers{std::numeric_limits<std::int64_t>::min(), 0,
                                           std::numeric_limits<std::int64_t>::max()};
  const std::vector<std::int32_t> small{-7, 7};
  SafeTensorsWriter writer;
  writer.add("f", {2, 2}, floats);
  writer.add("d", {3, 1}, doubles);
  writer.add("i", {3}, integers);
  writer.add("s", {2}, small);
  writer.add("one", {}, std::vector<float>{2.5F});
  writer.add("none", {0}, std::vector<float>{});
  writer.add("name with \"quotes\", P\xCE\x9BQ and \\", {1}, std::vector<float>{1});
  writer.write(scratch / "t", {{"note", "line\nbreak"}});
  const SafeTensors file(scratch / "t");
  REQUIRE(file.read<float>("f", {2, 2}) == floats);
  REQUIRE(std::signbit(file.read<float>("f")[1]));
  REQUIRE(file.read<double>("d", {3, 1}) == doubles);
  REQUIRE(file.read<std::int64_t>("i", {3}) == integers);
  REQUIRE(file.read<std::int32_t>("s", {2}) == small);
  REQUIRE(file.read<float>("one", {}) == std::vector<float>{2.5F});
  REQUIRE(file.read<float>("none", {0}).empty());
  REQUIRE(file.read<float>("name with \"quotes\", P\xCE\x9BQ and \\") == std::vector<float>{1});
  REQUIRE(file.metadata().at("note") == "line\nbreak");
}

TEST_CASE("what was read and is written again is the same file", "[io][safetensors]") {
  const Scratch scratch;
  SafeTensorsWriter writer;
  for (int i = 0; i < 50; ++i) {
    const auto n = static_cast<index_t>(i % 7);
    writer.add("t" + std::to_string(i), {n, 2},
               std::vector<float>(static_cast<std::size_t>(2 * n), static_cast<float>(i)));
  }
  writer.write(scratch / "first", {{"a", "1"}});
  const SafeTensors file(scratch / "first");
  SafeTensorsWriter again;
  for (const TensorInfo& tensor : file.tensors())
    again.add(tensor.name, tensor.dtype, tensor.shape, file.bytes(tensor.name));
  again.write(scratch / "second", file.metadata());
  REQUIRE(contents(scratch / "first") == contents(scratch / "second"));
}
