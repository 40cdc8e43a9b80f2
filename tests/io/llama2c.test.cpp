// SPDX-License-Identifier: MIT
#include <lorica/io/llama2c.hpp>

#include "io/scratch.hpp"
#include "support/backends.hpp"
#include "support/data.hpp"

#include <lorica/nn/generate.hpp>
#include <lorica/train/evaluate.hpp>

using namespace lorica;
using B = cpu::EigenBackend<double>;

namespace {
/// The pieces of llama2.c's tokenizer file, read without the library.
std::vector<std::string> pieces(const std::filesystem::path& file) {
  const std::string bytes = test::contents(file);
  std::vector<std::string> out;
  for (std::size_t at = 4; at + 8 <= bytes.size();) {
    std::int32_t length = 0;
    std::memcpy(&length, bytes.data() + at + 4, 4);
    out.push_back(bytes.substr(at + 8, static_cast<std::size_t>(length)));
    at += 8 + static_cast<std::size_t>(length);
  }
  return out;
}
std::string refusal(const std::string& bytes) {
  const test::Scratch scratch;
  const auto file = scratch.file("model.bin", bytes);
  B b;
  return test::thrown<FileError>([&] { (void)io::load_llama2c(b, file); });
}
std::string header(std::initializer_list<std::int32_t> numbers) {
  std::string bytes(numbers.size() * 4, '\0');
  std::memcpy(bytes.data(), numbers.begin(), bytes.size());
  return bytes;
}
}  // namespace

TEST_CASE("stories260K tells the story that its author published", "[io][llama2c]") {
  const auto data = test::data_folder();
  if (!data) return;
  B b;
  const auto model = io::load_llama2c(b, *data / "weights/stories260K/stories260K.bin");
  const auto words = pieces(*data / "weights/stories260K/tok512.bin");
  REQUIRE(words.size() == 512);
  REQUIRE(model.config().vocabulary == 512);
  Bare bare;
  std::string text;
  for (const std::int32_t id : nn::generate(b, model, bare, {1}, 75)) {
    const std::string& piece = words[static_cast<std::size_t>(id)];
    text += piece.size() == 6 && piece.starts_with("<0x")
                ? std::string(1, static_cast<char>(std::stoi(piece.substr(3, 2), nullptr, 16)))
                : piece;
  }
  const std::string published =
      " Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, she "
      "saw a big, red ball. She wanted to play with it, but it was too high.\nLily's mom said";
  CAPTURE(text);
  CHECK(text.substr(0, published.size()) == published);
}

TEST_CASE("a file that is no model of llama2.c is refused", "[io][llama2c]") {
  CHECK(test::has(refusal("short"), "has 5 bytes, expected a model of llama2.c"));
  CHECK(test::has(refusal(header({8, 12, 1, 3, 1, 5, 4})), "it says width 8, hidden 12, layers 1, heads 3"));
  CHECK(test::has(refusal(header({8, 12, 1, 2, 1, 5, 4})), "has 28 bytes, expected"));
}
