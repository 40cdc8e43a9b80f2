// SPDX-License-Identifier: MIT
#include <lorica/io/safetensors_writer.hpp>

#include <io/scratch.hpp>
#include <support/catch.hpp>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

using namespace lorica;
using namespace lorica::io;
using test::contents;
using test::has;
using test::Scratch;
using test::thrown;

TEST_CASE("a file is laid out as the format says, byte for byte", "[io][safetensors]") {
  const Scratch scratch;
  SafeTensorsWriter writer;
  writer.add("b", {2}, std::vector<float>{1, 2});
  const std::uint8_t flag = 1;
  writer.add("c", Dtype::BOOL, {1}, std::as_bytes(std::span(&flag, 1)));
  writer.add("a", {1}, std::vector<float>{3});
  writer.add("z", {1, 1}, std::vector<double>{4});
  writer.write(scratch / "t", {{"rank", "8"}, {"format", "pt"}});
  const std::string file = contents(scratch / "t");
  const std::string header = R"({"__metadata__":{"format":"pt","rank":"8"},)"
                             R"("z":{"dtype":"F64","shape":[1,1],"data_offsets":[0,8]},)"
                             R"("a":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},)"
                             R"("b":{"dtype":"F32","shape":[2],"data_offsets":[12,20]},)"
                             R"("c":{"dtype":"BOOL","shape":[1],"data_offsets":[20,21]}})";
  std::uint64_t length = 0;
  REQUIRE(file.size() > 8);
  std::memcpy(&length, file.data(), 8);
  REQUIRE(length % 8 == 0);
  REQUIRE(length - header.size() < 8);
  REQUIRE(file.substr(8, length) == header + std::string(length - header.size(), ' '));
  REQUIRE(file.size() == 8 + length + 21);
  double z = 0;
  std::memcpy(&z, file.data() + 8 + length, 8);
  REQUIRE(z == 4.0);
  REQUIRE(file.back() == '\1');
}

TEST_CASE("every length of header is padded to eight bytes, so that all data are aligned",
          "[io][safetensors]") {
  const Scratch scratch;
  for (std::size_t i = 1; i <= 9; ++i) {
    SafeTensorsWriter writer;
    writer.add(std::string(i, 'n'), {1}, std::vector<double>{1.5});
    writer.add("h", Dtype::U8, {1}, std::as_bytes(std::span("x", 1)));
    writer.write(scratch / "t");
    const SafeTensors file(scratch / "t");
    const auto bytes = file.bytes(std::string(i, 'n'));
    REQUIRE(reinterpret_cast<std::uintptr_t>(bytes.data()) % 8 == 0);
    REQUIRE(file.metadata().empty());
  }
}

TEST_CASE("halves are rounded when they are added", "[io][safetensors]") {
  const Scratch scratch;
  SafeTensorsWriter writer;
  const std::vector<float> values{1.0F, 1 + 0x1p-8F, 1 + 0x3p-8F, 3.14159265F, 1e10F};
  writer.add_bf16("brain", {5}, values);
  writer.add_f16("half", {5}, values);
  writer.write(scratch / "t");
  const SafeTensors file(scratch / "t");
  REQUIRE(file.info("brain").dtype == Dtype::BF16);
  REQUIRE(file.read<float>("brain") == std::vector<float>{1.0F, 1.0F, 1 + 0x1p-6F, 3.140625F, 0x1.2Ap33F});
  const auto half = file.read<float>("half");
  REQUIRE(half[1] == values[1]);
  REQUIRE(half[3] == 3.140625F);
  REQUIRE(std::isinf(half[4]));
}

TEST_CASE("what cannot be a tensor of a file is refused by name", "[io][safetensors]") {
  SafeTensorsWriter writer;
  const std::vector<float> two{1, 2};
  writer.add("w", {2}, two);
  const auto refused = [&](const std::string& name, const std::vector<index_t>& shape) {
    return thrown<ConfigError>([&] { writer.add(name, shape, two); });
  };
  REQUIRE(has(refused("w", {2}), "tensor \"w\": given twice"));
  REQUIRE(has(refused("v", {3}), "tensor \"v\": given 8 bytes, but F32 of shape [3] needs 12"));
  REQUIRE(has(refused("v", {-2}), "[-2] is no shape"));
  REQUIRE(has(refused("v", {1LL << 40, 1LL << 40}), "is no shape"));
  REQUIRE(has(refused("__metadata__", {2}), "expected another name"));
  REQUIRE(has(refused("\xFF", {2}), "expected another name"));
  REQUIRE(refused("v", {2, 1}) == "nothing thrown");
  const Scratch scratch;
  REQUIRE(has(thrown<ConfigError>([&] { writer.write(scratch / "t", {{"k", "\xFF"}}); }), "metadata \"k\""));
  REQUIRE(scratch.entries() == 0);
}

TEST_CASE("a file that cannot be written leaves the older one whole", "[io][safetensors]") {
  const Scratch scratch;
  SafeTensorsWriter writer;
  writer.add("w", {1}, std::vector<float>{1});
  REQUIRE_THROWS_AS(writer.write(scratch / "no/folder"), FileError);
  REQUIRE_THROWS_AS(writer.write(scratch.folder()), FileError);
  writer.write(scratch / "t");
  const SafeTensors old(scratch / "t");
  SafeTensorsWriter next;
  next.add("w", {1}, std::vector<float>{2});
  next.write(scratch / "t");
  REQUIRE(old.read<float>("w")[0] == 1.0F);  // still mapped
  REQUIRE(SafeTensors(scratch / "t").read<float>("w")[0] == 2.0F);
  REQUIRE(scratch.entries() == 1);
}

TEST_CASE("a tensor given as a stream is asked for when the file is written", "[io][safetensors]") {
  const Scratch scratch;
  const std::vector<float> values{1, 2, 3};
  const auto bytes = std::as_bytes(std::span(values));
  std::vector<std::string> asked;
  const auto stream = [&](const std::string& name, std::size_t first) {
    return [&, name, first](const SafeTensorsWriter::Put& put) {
      asked.push_back(name);
      put(bytes.first(first));
      put(bytes.subspan(first));
    };
  };
  SafeTensorsWriter writer;
  writer.add("b", Dtype::F32, {3}, stream("b", 5));
  writer.add("a", Dtype::F32, {1, 3}, stream("a", 12));
  writer.add("c", {1}, std::vector<double>{4});
  REQUIRE(asked.empty());
  writer.write(scratch / "t");
  REQUIRE(asked == std::vector<std::string>{"a", "b"});
  const SafeTensors file(scratch / "t");
  REQUIRE(file.read<float>("a", {1, 3}) == values);
  REQUIRE(file.read<float>("b", {3}) == values);
  REQUIRE(file.read<double>("c", {1}) == std::vector<double>{4});
  writer.add("d", Dtype::F32, {4}, stream("d", 3));
  REQUIRE(has(thrown<ConfigError>([&] { writer.write(scratch / "t"); }),
              "tensor \"d\": its stream gave 12 bytes, but F32 of shape [4] needs 16"));
  REQUIRE(file.read<float>("b") == values);
  REQUIRE(SafeTensors(scratch / "t").tensors().size() == 3);
  REQUIRE(scratch.entries() == 1);
}
