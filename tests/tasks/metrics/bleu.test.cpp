// SPDX-License-Identifier: MIT
#include <lorica/tasks/metrics/bleu.hpp>

#include <support/catch.hpp>
#include <tasks/oracle.hpp>

using namespace lorica;

TEST_CASE("13a's tokens are sacrebleu's", "[tasks][metrics]") {
  for (const auto& c : test::oracle("metrics.json").at("tokens").as_array()) {
    CAPTURE(c.at("text").as_string());
    CHECK(tasks::tokens_13a(c.at("text").as_string()) == test::strings(c.at("tokens")));
  }
}

TEST_CASE("BLEU of a corpus is sacrebleu's", "[tasks][metrics]") {
  for (const auto& c : test::oracle("metrics.json").at("bleu").as_array()) {
    CAPTURE(c.at("name").as_string());
    const auto b = tasks::bleu(test::strings(c.at("hypotheses")), test::lists(c.at("references")),
                               {.lowercase = c.at("lowercase").as_bool()});
    CHECK(test::same(b.score, c.at("score").as_number()));
    CHECK(test::same(b.brevity_penalty, c.at("brevity_penalty").as_number()));
    CHECK(index_t(b.length) == c.at("length").as_integer());
    CHECK(index_t(b.reference_length) == c.at("reference_length").as_integer());
    const auto precisions = test::numbers(c.at("precisions"));
    for (std::size_t n = 0; n < 4; ++n) CHECK(test::same(b.precisions[n], precisions[n]));
  }
}

TEST_CASE("a hypothesis without a reference is refused", "[tasks][metrics]") {
  using Texts = std::vector<std::string>;
  using Sets = std::vector<Texts>;
  CHECK_THROWS_WITH(tasks::bleu(Texts{"a"}, Sets{Texts{}}),
                    "BLEU: hypothesis 0 has no reference, expected at least one");
  CHECK_THROWS_WITH(tasks::bleu(Texts{"a"}, Sets{}),
                    "BLEU: 1 hypotheses for 0 sets of references, expected as many, and at least one");
}
