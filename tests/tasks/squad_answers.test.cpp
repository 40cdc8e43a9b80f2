// SPDX-License-Identifier: MIT
#include <lorica/tasks/squad_answers.hpp>

#include <support/catch.hpp>
#include <tasks/words.hpp>

using namespace lorica;
using Scores = std::vector<double>;

namespace {
tasks::SquadRows two_questions(const test::Words& words) {
  tasks::Squad s{{"a b c d e f", "g h"}, {{"q1", "x", 0, {{4, 5, "c"}}}, {"q2", "y", 1, {}}}};
  return tasks::SquadRows(words, s,
                          {.max_length = 8, .stride = 2});  // [CLS] x [SEP] and four words [SEP]: two windows
}
}  // namespace

TEST_CASE("the best span over all windows wins", "[tasks][squad]") {
  const test::Words words;
  const tasks::SquadRows rows = two_questions(words);
  REQUIRE(rows.size() == 3);
  REQUIRE(rows.length(0) == 8);
  REQUIRE(rows.length(2) == 6);
  tasks::SquadAnswers answers(rows, {.n_best = 3, .max_answer = 2});
  //                  CLS  x  SEP  a  b  c  d  SEP
  answers.add(0, Scores{1, 99, 99, 0, 2, 5, 0, 99}, Scores{2, 99, 99, 0, 1, 0, 4, 99});
  CHECK_THROWS_WITH(answers.predictions(), "SQuAD: no scores for window 1, number 1 of question \"q1\"");
  //                  CLS  x  SEP  c  d  e  f  SEP
  answers.add(1, Scores{0, 99, 99, 6, 0, 0, 0, 99}, Scores{1, 99, 99, 0, 4, 0, 9, 99});
  answers.add(2, Scores{7, 99, 99, 0, -1, 99}, Scores{1, 99, 99, 0, 1, 99});
  const auto found = answers.predictions();
  REQUIRE(found.size() == 2);
  CHECK(found[0].id == "q1");
  CHECK(found[0].text == "c d");  // c to f would score 15, but is four tokens long
  CHECK(found[0].no_answer == 1 - 10);
  REQUIRE(found[0].best.size() == 3);
  CHECK(found[0].best[0].score == 10);  // once, though the first window has it too, with 9
  CHECK(found[0].best[1].score == 9);
  CHECK(found[0].best[1].bytes == text::Span{8, 11});  // e f
  CHECK(found[1].text == "g h");
  CHECK(found[1].no_answer == 8 - 1);

  tasks::SquadAnswers backwards(rows, {.n_best = 3, .max_answer = 2});  // the better score comes first
  backwards.add(2, Scores(6), Scores(6));
  backwards.add(1, Scores{0, 99, 99, 6, 0, 0, 0, 99}, Scores{1, 99, 99, 0, 4, 0, 9, 99});
  backwards.add(0, Scores{1, 99, 99, 0, 2, 5, 0, 99}, Scores{2, 99, 99, 0, 1, 0, 4, 99});
  CHECK(backwards.predictions()[0].best[0].score == 10);

  const auto expected = tasks::answered(rows.squad(), found, tasks::SquadVersion::v2_0);
  CHECK(expected[0].expected == std::vector<std::string>{"c"});
  CHECK(expected[1].no_answer == 7);
  CHECK(tasks::squad_scores(expected, tasks::SquadVersion::v2_0, 0).no_answer_exact == 100);
  CHECK(tasks::squad_scores(expected, tasks::SquadVersion::v2_0, 8).no_answer_exact == 0);
  CHECK(tasks::answered(rows.squad(), found, tasks::SquadVersion::v1_1)[1].no_answer == 0);
  CHECK(io::json::dump(tasks::predictions_by_id(found)) == R"({"q1":"c d","q2":"g h"})");
  CHECK(io::json::dump(tasks::predictions_by_id(found, 0)) == R"({"q1":"c d","q2":""})");
}

TEST_CASE("windows may come in any order, and equal scores go to the earlier place", "[tasks][squad]") {
  const test::Words words;
  const tasks::SquadRows rows = two_questions(words);
  const auto run = [&](std::vector<index_t> order) {
    tasks::SquadAnswers answers(rows, {.n_best = 2});
    for (const index_t i : order)
      answers.add(i, Scores(std::size_t(rows.length(i))), Scores(std::size_t(rows.length(i))));
    return answers.predictions();
  };
  const auto up = run({0, 1, 2}), down = run({2, 1, 0});
  CHECK(up[0].text == "a");
  CHECK(down[0].text == "a");
  CHECK(up[0].best[1].bytes == down[0].best[1].bytes);
  CHECK(up[0].best[1].bytes == text::Span{0, 3});
}

TEST_CASE("scores that do not fit are refused", "[tasks][squad]") {
  const test::Words words;
  const tasks::SquadRows rows = two_questions(words);
  tasks::SquadAnswers answers(rows);
  CHECK_THROWS_WITH(answers.add(0, Scores(8), Scores(7)),
                    "SQuAD: 8 and 7 scores for window 0, expected one for each of its 8 rows");
  Scores bad(8);
  bad[3] = std::numeric_limits<double>::infinity();
  CHECK_THROWS_AS(answers.add(0, bad, Scores(8)), NumericError);
  CHECK_THROWS_AS(tasks::SquadAnswers(rows, {.n_best = 0}), ConfigError);
  CHECK_THROWS_AS(tasks::answered(rows.squad(), {}, tasks::SquadVersion::v1_1), ConfigError);
}
