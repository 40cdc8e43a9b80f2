// SPDX-License-Identifier: MIT
#include <lorica/tasks/metrics/squad.hpp>

#include <support/catch.hpp>
#include <tasks/oracle.hpp>

using namespace lorica;
using tasks::SquadVersion;

namespace {
std::vector<tasks::AnsweredQuestion> questions(const io::json::Value& list, bool answerable_only) {
  std::vector<tasks::AnsweredQuestion> out;
  for (const auto& q : list.as_array())
    if (!answerable_only || !q.at("expected").as_array().empty())
      out.push_back(
          {test::strings(q.at("expected")), q.at("predicted").as_string(), q.at("no_answer").as_number()});
  return out;
}
void check_scores(const tasks::SquadScores& s, const io::json::Value& expected) {
  CHECK(index_t(s.total) == expected.at("total").as_integer());
  CHECK(test::same(s.exact, expected.at("exact").as_number()));
  CHECK(test::same(s.f1, expected.at("f1").as_number()));
  CHECK(index_t(s.answer_total) == expected.at("answer_total").as_integer());
  CHECK(test::same(s.answer_exact, expected.at("answer_exact").as_number()));
  CHECK(test::same(s.answer_f1, expected.at("answer_f1").as_number()));
  CHECK(index_t(s.no_answer_total) == expected.at("no_answer_total").as_integer());
  CHECK(test::same(s.no_answer_exact, expected.at("no_answer_exact").as_number()));
  CHECK(test::same(s.no_answer_f1, expected.at("no_answer_f1").as_number()));
}
}  // namespace

TEST_CASE("answers are normalised and compared as SQuAD does", "[tasks][squad]") {
  for (const auto& c : test::oracle("squad.json").at("normalized").as_array()) {
    CAPTURE(c.at("text").as_string());
    CHECK(tasks::normalized_answer(c.at("text").as_string()) == c.at("normalized").as_string());
  }
  for (const auto& c : test::oracle("squad.json").at("pairs").as_array()) {
    const std::string &p = c.at("predicted").as_string(), &e = c.at("expected").as_string();
    CAPTURE(p, e);
    CHECK(tasks::exact_match(p, e) == c.at("exact").as_number());
    CHECK(test::same(tasks::answer_f1(p, e, false), c.at("v1").as_number()));
    CHECK(test::same(tasks::answer_f1(p, e), c.at("v2").as_number()));
  }
}

TEST_CASE("scores and thresholds are SQuAD's", "[tasks][squad]") {
  for (const auto& c : test::oracle("squad.json").at("cases").as_array()) {
    CAPTURE(c.at("name").as_string());
    const auto all = questions(c.at("questions"), false), answerable = questions(c.at("questions"), true);
    check_scores(tasks::squad_scores(all, SquadVersion::v2_0, c.at("threshold").as_number()), c.at("v2"));
    if (!answerable.empty()) check_scores(tasks::squad_scores(answerable, SquadVersion::v1_1), c.at("v1"));
    const auto best = tasks::squad_threshold(all);
    CHECK(test::same(best.best_exact, c.at("best_exact").as_number()));
    CHECK(best.exact_threshold == c.at("exact_threshold").as_number());
    CHECK(test::same(best.best_f1, c.at("best_f1").as_number()));
    CHECK(best.f1_threshold == c.at("f1_threshold").as_number());
  }
  CHECK_THROWS_AS(tasks::squad_scores({}, SquadVersion::v1_1), ConfigError);
  CHECK_THROWS_AS(tasks::squad_threshold({}), ConfigError);
}
