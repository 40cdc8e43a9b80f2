// SPDX-License-Identifier: MIT
#include <lorica/text/pipeline.hpp>

#include <support/catch.hpp>

using namespace lorica;

namespace {
/// A model of one's own: every letter of the vocabulary is a token, the others are nothing.
struct Letters : text::Model {
  using Model::Model;
  void cut(std::string_view word, std::vector<text::Part>& out) const override {
    for (std::size_t i = 0; i < word.size(); ++i) {
      if (const auto id = vocabulary().id_of(word.substr(i, 1))) out.push_back({*id, i, i + 1});
    }
  }
};
}  // namespace

TEST_CASE("a model of one's own makes a tokenizer", "[text][model]") {
  text::Vocabulary v;
  v.add("a", 0);
  v.add("b", 1);
  text::PipelineParts parts;
  parts.model = std::make_shared<Letters>(std::move(v));
  const text::Pipeline tokenizer(std::move(parts));
  const auto e = tokenizer.encode("bxa");
  CHECK(e.ids == std::vector<std::int32_t>{1, 0});
  CHECK(e.spans == std::vector<text::Span>{{0, 1}, {2, 3}});
  CHECK(tokenizer.decode(e.ids) == "b a");
  CHECK(tokenizer.size() == 2);
  CHECK(test::error_of<ConfigError>([] { text::Pipeline(text::PipelineParts{}); }) ==
        "a tokenizer needs a model");
}
