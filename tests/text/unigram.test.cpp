// SPDX-License-Identifier: MIT
#include <lorica/text/unigram.hpp>

#include <support/catch.hpp>

using namespace lorica;
using text::Part;

namespace {
text::Unigram unigram(text::UnigramConfig config,
                      const std::vector<std::pair<std::string, double>>& more = {}) {
  text::Vocabulary v;
  std::vector<double> scores;
  const auto add = [&](const std::string& token, double score) {
    v.add(token, static_cast<std::int64_t>(scores.size()));
    scores.push_back(score);
  };
  add("<unk>", 0);
  for (const char* token : {"a", "b", "c", "d"}) add(token, -3);
  add("ab", -4);
  add("cd", -2);
  add("abc", -4.5);
  for (const auto& [token, score] : more) add(token, score);
  return {std::move(v), scores, config};
}
std::vector<Part> cut(const text::Unigram& model, std::string_view word) {
  std::vector<Part> out;
  model.cut(word, out);
  return out;
}
}  // namespace

TEST_CASE("Unigram takes the most probable cut", "[text][unigram]") {
  const auto model = unigram({.unknown = 0});
  CHECK(cut(model, "abcd") == std::vector<Part>{{5, 0, 2}, {6, 2, 4}});  // -6, where abc d has -7.5
  CHECK(cut(model, "abc") == std::vector<Part>{{7, 0, 3}});
  CHECK(cut(model, "axyb") ==
        std::vector<Part>{{1, 0, 1}, {0, 1, 3}, {2, 3, 4}});  // unknown neighbours are one
}

TEST_CASE("what is unknown is spelled in bytes, or is an error", "[text][unigram]") {
  CHECK(cut(unigram({.unknown = 0, .byte_fallback = true}, {{"<0xC3>", -9}, {"<0xA9>", -9}}), "\u00E9a") ==
        std::vector<Part>{{8, 0, 2}, {9, 0, 2}, {1, 2, 3}});
  CHECK(cut(unigram({.unknown = 0, .byte_fallback = true}), "\u00E9") == std::vector<Part>{{0, 0, 2}});
  CHECK(test::error_of<ConfigError>([] { return cut(unigram({}), "x"); }) ==
        "Unigram: \"x\" is in no token, and the model has no unknown token");
  CHECK(test::error_of<ConfigError>([] { return unigram({.unknown = 8}); }) ==
        "Unigram: unk_id 8 is not one of the 8 tokens");
}
