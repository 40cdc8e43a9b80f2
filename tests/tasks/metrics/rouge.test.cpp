// SPDX-License-Identifier: MIT
#include <lorica/tasks/metrics/rouge.hpp>

#include <support/catch.hpp>
#include <tasks/oracle.hpp>

using namespace lorica;

TEST_CASE("ROUGE-L is rouge_score's", "[tasks][metrics]") {
  std::vector<std::string> hypotheses;
  std::vector<std::vector<std::string>> references;
  double f1 = 0;
  for (const auto& c : test::oracle("metrics.json").at("rouge").as_array()) {
    hypotheses.push_back(c.at("hypothesis").as_string());
    references.push_back(test::strings(c.at("references")));
    CAPTURE(hypotheses.back());
    const auto s = tasks::rouge_l(hypotheses.back(), references.back());
    CHECK(test::same(s.precision, c.at("precision").as_number()));
    CHECK(test::same(s.recall, c.at("recall").as_number()));
    CHECK(test::same(s.f1, c.at("f1").as_number()));
    f1 += s.f1;
  }
  CHECK(tasks::rouge_l(hypotheses, references).f1 == Approx(f1 / double(hypotheses.size())).epsilon(1e-13));
  CHECK_THROWS_AS(tasks::rouge_l("a", std::vector<std::string>{}), ConfigError);
  CHECK_THROWS_AS(tasks::rouge_l(hypotheses, std::vector<std::vector<std::string>>{}), ConfigError);
}
