// SPDX-License-Identifier: MIT
/// @file tests/bench/tokenize.cpp
/// How fast GPT-2's and BERT's real vocabularies cut text on one core: every line of the texts of
/// LORICA_DATA, each a call of `encode`, the best of five passes. Printed are megabytes of text a second; the
/// project asks for 5.
#include <lorica/io/file.hpp>
#include <lorica/text/load.hpp>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

using namespace lorica;

int main() {
  const char* const folder = std::getenv("LORICA_DATA");
  if (folder == nullptr) {
    std::puts("skipped: LORICA_DATA is not set");
    return 77;
  }
  const std::filesystem::path data = folder;
  std::vector<std::string> texts;
  for (const char* name : {"tinyshakespeare.txt", "tinystories_train_head.txt", "wikitext-2.valid.txt"}) {
    texts.push_back(io::read_text(data / "text" / name));
  }
  const auto seconds_since = [](std::clock_t start) { return double(std::clock() - start) / CLOCKS_PER_SEC; };
  bool fast = true;
  for (const char* name : {"gpt2", "bert"}) {
    const auto start = std::clock();
    const text::AnyTokenizer tokenizer = text::load(data / "tokenizers" / name);
    std::printf("%s: loaded in %.2f s\n", name, seconds_since(start));
    double best = 0;
    for (int pass = 0; pass < 5; ++pass) {
      std::size_t bytes = 0, tokens = 0;
      const auto begin = std::clock();
      for (const std::string& text : texts) {
        text::detail::for_each_line(text, [&](std::string_view line, std::size_t) {
          bytes += line.size();
          tokens += tokenizer.encode(line).size();
        });
      }
      const double rate = 1e-6 * double(bytes) / seconds_since(begin);
      if (pass == 0) std::printf("  %zu bytes, %zu tokens\n", bytes, tokens);
      best = rate > best ? rate : best;
    }
    std::printf("  %.1f MB/s\n", best);
    fast = fast && best >= 5;
  }
  std::puts(fast ? "at least 5 MB/s: yes" : "at least 5 MB/s: no");
  return fast ? 0 : 1;
}
