// SPDX-License-Identifier: MIT
#include <lorica/io/safetensors_reader.hpp>

#include <io/scratch.hpp>
#include <support/catch.hpp>

#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

using namespace lorica;
using namespace lorica::io;
using test::has;
using test::Scratch;
using test::thrown;

namespace {

std::string prefixed(std::uint64_t length, const std::string& rest) {
  std::string file(8, '\0');
  std::memcpy(file.data(), &length, 8);
  return file + rest;
}

/// A file with that header, whatever it says, and so many zero bytes of data.
std::string with_header(const std::string& header, std::size_t data) {
  return prefixed(header.size(), header + std::string(data, '\0'));
}

template <class T> std::string raw(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

/// A file with the one tensor "t".
template <class T> std::string with_tensor(const std::string& dtype, const std::vector<T>& values) {
  const std::string size = std::to_string(values.size() * sizeof(T));
  const std::string header = R"({"t":{"dtype":")" + dtype + R"(","shape":[)" + std::to_string(values.size()) +
                             R"(],"data_offsets":[0,)" + size + "]}}";
  return prefixed(header.size(), header + raw(values));
}

const std::string good = R"({"__metadata__":{"format":"pt"},)"
                         R"("a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
                         R"("b":{"dtype":"I64","shape":[],"data_offsets":[24,32]},)"
                         R"("empty":{"dtype":"F16","shape":[0,5],"data_offsets":[24,24]}})";

}  // namespace

TEST_CASE("a header that is true is read", "[io][safetensors]") {
  const Scratch scratch;
  const SafeTensors file(scratch.file("good", with_header(good + "   \n", 32)));
  REQUIRE(file.tensors().size() == 3);
  REQUIRE(file.tensors()[0].name == "a");  // in the order of the data
  REQUIRE(file.tensors()[1].name == "empty");
  REQUIRE(file.tensors()[2].name == "b");
  REQUIRE(file.metadata().at("format") == "pt");
  REQUIRE(file.contains("a"));
  REQUIRE_FALSE(file.contains("__metadata__"));
  REQUIRE(file.info("a").shape == std::vector<index_t>{2, 3});
  REQUIRE(file.info("b").dtype == Dtype::I64);
  REQUIRE(file.bytes("a").size() == 24);
  REQUIRE(file.read<float>("empty", {0, 5}).empty());
  REQUIRE(file.read<std::int64_t>("b", {}) == std::vector<std::int64_t>{0});
  REQUIRE(SafeTensors(scratch.file("none", with_header("{}", 0))).tensors().empty());
  REQUIRE_NOTHROW(SafeTensors(
      scratch.file("more", with_header(  // further members are ignored
                               R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"note":null}})", 1))));
}

TEST_CASE("a header that lies is refused with a sentence about the lie", "[io][safetensors]") {
  struct Case {
    std::string name;
    std::string file;
    std::vector<std::string> parts;
  };
  const auto one = [](const std::string& info, std::size_t data) {
    return with_header("{\"w\":" + info + "}", data);
  };
  const auto two = [](const std::string& first, const std::string& second, std::size_t data) {
    return with_header(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)" + first +
                           R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)" + second + "}}",
                       data);
  };
  const std::string whole = with_header(good, 32);
  const Case cases[] = {
      {"no bytes", "", {"0 bytes", "at least the 8"}},
      {"seven bytes", "1234567", {"7 bytes", "at least the 8"}},
      {"header beyond the file", prefixed(100, "{}"), {"header of 100 bytes", "only 2 follow"}},
      {"header of 2^63", prefixed(1ULL << 63, "{}"), {"header of 9223372036854775808", "at most 100000000"}},
      {"header of 2^64 - 1", prefixed(~0ULL, "{}"), {"header of 18446744073709551615", "at most 100000000"}},
      {"header above the limit", prefixed(100'000'001, "{}"), {"at most 100000000"}},
      {"empty header", prefixed(0, ""), {"does not begin with {"}},
      {"another format", std::string("PK\3\4\0\0\0\0{}", 10), {"only 2 follow", "another format?"}},
      {"array for a header", with_header("[]", 0), {"does not begin with {"}},
      {"space before the header", with_header(" {}", 0), {"does not begin with {"}},
      {"half a header", with_header("{\"a\":", 0), {"not valid JSON", "at byte 5"}},
      {"zeros after the header",
       with_header(std::string("{}\0", 3), 0),
       {"not valid JSON", "after the value"}},
      {"not UTF-8", with_header("{\"\xFF\":1}", 0), {"not valid JSON", "not UTF-8"}},
      {"nothing wrong", two("[0,4]", "[4,8]", 8), {"nothing thrown"}},
      {"the same name twice",
       with_header(R"({"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                   R"("w":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
                   2),
       {"\"w\" given twice"}},
      {"tensor is a number", one("3", 0), {"tensor \"w\"", "described by an integer, expected an object"}},
      {"no dtype", one(R"({"shape":[1],"data_offsets":[0,1]})", 1), {"tensor \"w\"", "no member \"dtype\""}},
      {"no shape", one(R"({"dtype":"U8","data_offsets":[0,1]})", 1), {"no member \"shape\""}},
      {"no offsets", one(R"({"dtype":"U8","shape":[1]})", 1), {"no member \"data_offsets\""}},
      {"dtype is a number",
       one(R"({"dtype":8,"shape":[1],"data_offsets":[0,1]})", 1),
       {"\"dtype\" is an integer"}},
      {"unknown dtype",
       one(R"({"dtype":"F31","shape":[1],"data_offsets":[0,4]})", 4),
       {"tensor \"w\"", "unknown dtype \"F31\"", "F32"}},
      {"shape is a number",
       one(R"({"dtype":"U8","shape":1,"data_offsets":[0,1]})", 1),
       {"\"shape\" is an integer"}},
      {"negative extent",
       one(R"({"dtype":"U8","shape":[-1],"data_offsets":[0,1]})", 1),
       {"\"shape\" holds -1"}},
      {"broken extent",
       one(R"({"dtype":"U8","shape":[1.5],"data_offsets":[0,1]})", 1),
       {"\"shape\" holds 1.5"}},
      {"extent 1.0", one(R"({"dtype":"U8","shape":[1.0],"data_offsets":[0,1]})", 1), {"\"shape\" holds 1.0"}},
      {"extent is text",
       one(R"({"dtype":"U8","shape":["1"],"data_offsets":[0,1]})", 1),
       {"\"shape\" holds \"1\""}},
      {"extent beyond 63 bits",
       one(R"({"dtype":"U8","shape":[18446744073709551617],"data_offsets":[0,1]})", 1),
       {"\"shape\" holds"}},
      {"one offset",
       one(R"({"dtype":"U8","shape":[1],"data_offsets":[1]})", 1),
       {"has 1 entries, expected 2"}},
      {"three offsets", one(R"({"dtype":"U8","shape":[1],"data_offsets":[0,1,2]})", 1), {"has 3 entries"}},
      {"negative offset",
       one(R"({"dtype":"U8","shape":[1],"data_offsets":[-1,0]})", 1),
       {"\"data_offsets\" holds -1"}},
      {"end before begin",
       one(R"({"dtype":"U8","shape":[1],"data_offsets":[1,0]})", 1),
       {"end before they begin"}},
      {"end beyond the data",
       one(R"({"dtype":"U8","shape":[9],"data_offsets":[0,9]})", 4),
       {"[0, 9]", "beyond the 4 bytes", "truncated?"}},
      {"too few bytes for the shape",
       one(R"({"dtype":"F32","shape":[2,2],"data_offsets":[0,8]})", 8),
       {"hold 8 bytes", "F32 of shape [2, 2] needs 16"}},
      {"product that wraps to the size",
       one(R"({"dtype":"U8","shape":[4294967296,4294967296,1],"data_offsets":[0,0]})", 0),
       {"[4294967296, 4294967296, 1] does not fit 63 bits"}},
      {"size that wraps by the dtype",
       one(R"({"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0]})", 0),
       {"does not fit 63 bits"}},
      {"overlap", two("[0,4]", "[2,6]", 6), {"tensor \"b\"", "begins at byte 2", "inside tensor \"a\""}},
      {"the same place twice", two("[0,4]", "[0,4]", 4), {"tensor \"b\"", "inside tensor \"a\""}},
      {"hole between", two("[0,4]", "[6,10]", 10), {"tensor \"b\"", "begins at byte 6", "expected 4"}},
      {"hole in front", two("[2,6]", "[6,10]", 10), {"tensor \"a\"", "begins at byte 2", "expected 0"}},
      {"bytes left over", with_header(good, 33), {"cover 32 bytes, but 33 follow"}},
      {"data without tensors", with_header("{}", 1), {"cover 0 bytes, but 1 follow"}},
      {"truncated data", whole.substr(0, whole.size() - 1), {"tensor \"b\"", "beyond the 31 bytes"}},
      {"metadata is an array", with_header(R"({"__metadata__":[]})", 0), {"\"__metadata__\" is an array"}},
      {"metadata holds a number",
       with_header(R"({"__metadata__":{"epoch":3}})", 0),
       {"\"epoch\" is an integer, expected a string"}},
      {"too deep", with_header("{\"w\":" + std::string(100'000, '['), 0), {"nested too deeply"}},
  };
  const Scratch scratch;
  for (const Case& each : cases) {
    INFO(each.name);
    const auto path = scratch.file("model.safetensors", each.file);
    const std::string why = thrown<FileError>([&] { SafeTensors{path}; });
    INFO(why);
    for (const std::string& part : each.parts) REQUIRE(has(why, part));
    if (why != "nothing thrown") REQUIRE(has(why, path.string()));
  }
  REQUIRE(has(thrown<FileError>([&] { SafeTensors{scratch / "missing"}; }), "missing"));
}

TEST_CASE("asking for what is not there names what is", "[io][safetensors]") {
  const Scratch scratch;
  const auto path = scratch.file(
      "model", with_header(R"({"blocks.0.up":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
                           R"("blocks.0.down":{"dtype":"I32","shape":[2],"data_offsets":[24,32]}})",
                           32));
  const SafeTensors file(path);
  const auto names = [&](const std::string& why, std::initializer_list<const char*> parts) {
    INFO(why);
    REQUIRE(has(why, path.string()));
    for (const char* part : parts) REQUIRE(has(why, part));
  };
  names(thrown<FileError>([&] { static_cast<void>(file.read<float>("block.0.up")); }),
        {"no tensor \"block.0.up\"", "nearest name is \"blocks.0.up\""});
  names(thrown<FileError>([&] {
          static_cast<void>(file.read<float>("blocks.0.up", {3, 2}));
        }),
        {"\"blocks.0.up\"", "is [2, 3], expected [3, 2]"});
  names(thrown<FileError>([&] { static_cast<void>(file.read<float>("blocks.0.down")); }),
        {"\"blocks.0.down\"", "I32, expected F64, F32, F16 or BF16"});
  names(thrown<FileError>([&] { static_cast<void>(file.read<std::int64_t>("blocks.0.up")); }),
        {"\"blocks.0.up\"", "F32, expected an integer type or BOOL"});
  const SafeTensors none(scratch.file("none", with_header("{}", 0)));
  REQUIRE(has(thrown<FileError>([&] { static_cast<void>(none.info("a")); }), "the file holds none"));
}

TEST_CASE("elements are converted exactly, or rounded to nearest, or refused", "[io][safetensors]") {
  const Scratch scratch;
  const auto open = [&](const std::string& contents) { return SafeTensors(scratch.file("t", contents)); };
  const double inf = std::numeric_limits<double>::infinity();

  const std::vector<double> doubles{1.0, 0.1, 1 + 0x1p-24, 1 + 0x3p-24, -inf, 1e-50};
  REQUIRE(open(with_tensor("F64", doubles)).read<double>("t") == doubles);
  REQUIRE(open(with_tensor("F64", doubles)).read<float>("t") ==
          std::vector<float>{1.0F, 0.1F, 1.0F, 1 + 0x1p-22F, -static_cast<float>(inf), 0.0F});
  const std::vector<float> floats{1.5F, 0.1F, -3e38F};
  REQUIRE(open(with_tensor("F32", floats)).read<float>("t") == floats);
  REQUIRE(open(with_tensor("F32", floats)).read<double>("t") == std::vector<double>{1.5, 0.1F, -3e38F});
  const std::vector<std::uint16_t> halves{0x3C00, 0xC000, 0x0001, 0x7BFF};
  REQUIRE(open(with_tensor("F16", halves)).read<float>("t") == std::vector<float>{1, -2, 0x1p-24F, 65504});
  const std::vector<std::uint16_t> brains{0x3F80, 0xC000, 0x0001, 0x4049};
  REQUIRE(open(with_tensor("BF16", brains)).read<double>("t") ==
          std::vector<double>{1, -2, 0x1p-133, 3.140625});

  const std::vector<std::int64_t> wide{-1, 2147483647, -2147483648};
  REQUIRE(open(with_tensor("I64", wide)).read<std::int32_t>("t") ==
          std::vector<std::int32_t>{-1, 2147483647, -2147483647 - 1});
  REQUIRE(open(with_tensor("I8", std::vector<std::int8_t>{-128, 127})).read<std::int64_t>("t") ==
          std::vector<std::int64_t>{-128, 127});
  REQUIRE(open(with_tensor("I16", std::vector<std::int16_t>{-300})).read<std::int32_t>("t") ==
          std::vector<std::int32_t>{-300});
  REQUIRE(open(with_tensor("U16", std::vector<std::uint16_t>{65535})).read<std::int32_t>("t") ==
          std::vector<std::int32_t>{65535});
  REQUIRE(open(with_tensor("U32", std::vector<std::uint32_t>{4294967295U})).read<std::int64_t>("t") ==
          std::vector<std::int64_t>{4294967295});
  REQUIRE(open(with_tensor("U8", std::vector<std::uint8_t>{0, 255})).read<std::int32_t>("t") ==
          std::vector<std::int32_t>{0, 255});
  REQUIRE(open(with_tensor("BOOL", std::vector<std::uint8_t>{0, 1})).read<std::int32_t>("t") ==
          std::vector<std::int32_t>{0, 1});

  const auto refused = [&](auto wanted, const std::string& contents) {
    return thrown<FileError>([&] { static_cast<void>(open(contents).template read<decltype(wanted)>("t")); });
  };
  REQUIRE(has(refused(1.0F, with_tensor("F64", std::vector<double>{0, 1e300})),
              "tensor \"t\": element 1 is 1e+300"));
  REQUIRE(has(refused(std::int32_t{}, with_tensor("I64", std::vector<std::int64_t>{1LL << 31})),
              "element 0 is 2147483648"));
  REQUIRE(has(refused(std::int64_t{}, with_tensor("U64", std::vector<std::uint64_t>{~0ULL})),
              "element 0 is 18446744073709551615"));
  REQUIRE(has(refused(1.0F, with_tensor("F8_E4M3", std::vector<std::uint8_t>{0})), "dtype is F8_E4M3"));
  REQUIRE(has(refused(1.0, with_tensor("C64", std::vector<std::uint64_t>{0})), "dtype is C64"));
}

TEST_CASE("data that the header leaves unaligned are read all the same", "[io][safetensors]") {
  const Scratch scratch;
  std::string header =
      R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"F64","shape":[1],)"
      R"("data_offsets":[1,9]}})";
  while (header.size() % 8 != 3) header += ' ';
  const SafeTensors file(
      scratch.file("odd", prefixed(header.size(), header + "\1" + raw(std::vector<double>{2.5}))));
  REQUIRE(file.read<double>("b") == std::vector<double>{2.5});
}

TEST_CASE("an open file can be moved, and its bytes stay where they are", "[io][safetensors]") {
  static_assert(!std::is_copy_constructible_v<SafeTensors> && std::is_move_constructible_v<SafeTensors>);
  const Scratch scratch;
  SafeTensors first(scratch.file("t", with_tensor("F32", std::vector<float>{1, 2})));
  const auto before = first.bytes("t");
  const SafeTensors second(std::move(first));
  REQUIRE(second.bytes("t").data() == before.data());
  REQUIRE(second.read<float>("t") == std::vector<float>{1, 2});
}

TEST_CASE("no damage to a file does worse than a FileError", "[io][safetensors]") {
  const Scratch scratch;
  const std::string whole = with_header(good, 32);
  std::mt19937 random(20);
  const auto below = [&](std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
  };
  const std::string digits = "0123456789-.eE[]{},:\"\\u ";
  int refused = 0;
  constexpr int tries = 20'000;
  for (int i = 0; i < tries; ++i) {
    std::string damaged = whole;
    for (std::size_t hits = 1 + below(4); hits > 0; --hits) {
      // Half of the hits fall where they hurt most: the length, and characters that keep the header
      // plausible.
      const std::size_t at = below(i % 2 == 0 ? damaged.size() : 8 + good.size());
      if (below(2) == 0)
        damaged[at] = static_cast<char>(damaged[at] ^ (1 << below(8)));
      else
        damaged[at] = digits[below(digits.size())];
    }
    if (below(16) == 0) damaged.resize(below(damaged.size() + 1));
    const auto path = scratch.file("damaged", damaged);
    try {
      const SafeTensors file(path);
      for (const TensorInfo& tensor : file.tensors()) {
        static_cast<void>(file.bytes(tensor.name));
        try {
          static_cast<void>(file.read<float>(tensor.name));
        } catch (const FileError&) {
          static_cast<void>(tensor);
        }
      }
    } catch (const FileError& error) {
      ++refused;
      if (!has(error.what(), path.string())) FAIL(error.what());
    }
  }
  REQUIRE(refused > tries / 10);
  REQUIRE(refused < tries);
}

TEST_CASE("a file of another format that holds tensors end to end is checked as well", "[io][safetensors]") {
  const Scratch scratch;
  const float x[] = {1, 2, 3};
  const auto path = scratch.file("other", "head" + std::string(reinterpret_cast<const char*>(x), 12));
  const TensorInfo a{"a", Dtype::F32, {2}, 0, 8}, b{"b", Dtype::F32, {1}, 8, 12};
  const SafeTensors file(path, 4, {b, a});
  REQUIRE(file.tensors()[0].name == "a");
  REQUIRE(file.read<float>("a") == std::vector<float>{1, 2});
  file.forget(file.bytes("a"));
  REQUIRE(file.read<float>("b") == std::vector<float>{3});
  const auto refused = [&](std::size_t begin, const std::vector<TensorInfo>& tensors) {
    return thrown<FileError>([&] { SafeTensors(path, begin, tensors); });
  };
  REQUIRE(has(refused(17, {}), "the file has 16 bytes, expected at least 17"));
  REQUIRE(has(refused(4, {a}), "the tensors cover 8 bytes, but 12 follow the header"));
  REQUIRE(has(refused(4, {a, a}), "begins at byte 0 of the data, inside tensor \"a\""));
}
