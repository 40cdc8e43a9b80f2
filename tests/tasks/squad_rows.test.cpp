// SPDX-License-Identifier: MIT
#include <lorica/tasks/squad_rows.hpp>
#include <lorica/text/bytes.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>
#include <tasks/words.hpp>

using namespace lorica;
using tasks::SquadRows;

namespace {
tasks::Squad squad(const std::string& context, const std::string& question, const std::string& answer) {
  tasks::Squad s{{context}, {{"q", question, 0, {}}}};
  if (const std::size_t at = context.find(answer); !answer.empty())
    s.questions[0].answers = {{at, at + answer.size(), answer}};
  return s;
}
std::vector<std::string> shown(const test::Words& words, const SquadRows& rows) {
  std::vector<std::string> out;
  for (index_t i = 0; i < rows.size(); ++i) {
    nn::Sequences s;
    rows.append(s, i);
    CHECK(s.rows() == rows.length(i));
    out.push_back(words.decode(s.ids));
  }
  return out;
}
}  // namespace

TEST_CASE("a long paragraph is windows that share a stride", "[tasks][squad]") {
  const test::Words words;
  const SquadRows rows(words, squad("a b c d e f g h i", "  x y z?", "f g"),
                       {.max_length = 10, .stride = 2, .max_question = 3});
  REQUIRE(shown(words, rows) ==
          std::vector<std::string>{"[CLS] x y z [SEP] a b c d [SEP]", "[CLS] x y z [SEP] c d e f [SEP]",
                                   "[CLS] x y z [SEP] e f g h [SEP]", "[CLS] x y z [SEP] g h i [SEP]"});
  CHECK(rows.windows_of(0) == std::pair<index_t, index_t>{0, 4});
  const auto label = [&](index_t i) { return std::pair{rows.label(i).first, rows.label(i).last}; };
  CHECK(label(0) == std::pair{0, 0});
  CHECK(label(1) == std::pair{0, 0});  // not all of the answer
  CHECK(label(2) == std::pair{6, 7});
  CHECK(label(3) == std::pair{0, 0});
  CHECK(rows.text(2, 6, 7) == "f g");
  CHECK(rows.text(0, 5, 8) == "a b c d");
  nn::Sequences s;
  rows.append(s, 2);
  CHECK(s.types == std::vector<std::int32_t>{0, 0, 0, 0, 0, 1, 1, 1, 1, 1});
  CHECK(s.labels[0].first == 6);
  CHECK(s.labels[0].last == 7);
  CHECK_THROWS_WITH(rows.text(0, 4, 6),
                    "SQuAD: rows 4 to 6 of window 0, expected rows of the paragraph: 5 to 8");
  CHECK_THROWS_AS(rows.bytes(3, 5, 8), ConfigError);
}

TEST_CASE("a short paragraph is one window, and no answer is row 0", "[tasks][squad]") {
  const test::Words words;
  const SquadRows rows(words, squad("a b c", "x?", ""), {.max_length = 12, .stride = 2});
  REQUIRE(shown(words, rows) == std::vector<std::string>{"[CLS] x ? [SEP] a b c [SEP]"});
  CHECK(rows.label(0).first == 0);
  CHECK(rows.label(0).last == 0);
  CHECK_THROWS_WITH(
      SquadRows(words, squad("a b", "x y z", ""), {.max_length = 8, .stride = 2}),
      "SQuAD: question \"q\" leaves 2 of 8 tokens to its paragraph, expected more than the stride of 2");
}

TEST_CASE("an answer inside words is the tokens that cover it", "[tasks][squad]") {
  const test::Words words;
  const SquadRows rows(words, squad("From 1960s\xE2\x80\x93"
                                    "1970s on",
                                    "When?", "960s\xE2\x80\x93"));
  CHECK(rows.text(0, rows.label(0).first, rows.label(0).last) == "1960s\xE2\x80\x93");
  const auto covered = tasks::covering({{0, 2}, {2, 2}, {3, 5}, {5, 9}}, 4, 6);
  CHECK(covered == std::pair<std::size_t, std::size_t>{2, 3});
  CHECK_FALSE(tasks::covering({{0, 2}, {3, 5}}, 2, 3));
  CHECK_THROWS_WITH(SquadRows(words, squad("a \t b", "?", "\t")),
                    "SQuAD: question \"q\": no token is of the answer \"\\t\"");
}

TEST_CASE("tokens of parts of characters answer with whole ones", "[tasks][squad]") {
  const SquadRows rows(text::Bytes(), squad("a\xC3\xA9 b", "?", "\xC3\xA9"), {.max_length = 8, .stride = 1});
  REQUIRE(rows.size() == 1);
  CHECK(rows.label(0).first == 2);  // question, a, and then the first byte
  CHECK(rows.label(0).last == 3);
  CHECK(rows.text(0, 2, 2) == "\xC3\xA9");
  CHECK(rows.text(0, 3, 4) == "\xC3\xA9");  // and without the space
  CHECK(rows.text(0, 4, 5) == "b");
  CHECK(rows.text(0, 4, 4).empty());
  CHECK(rows.text(0, 1, 2) == "a\xC3\xA9");
  nn::Sequences s;
  rows.append(s, 0);
  CHECK(s.types == std::vector<std::int32_t>{0, 1, 1, 1, 1, 1});
}

TEST_CASE("every answer of SQuAD maps to rows and back", "[tasks][squad]") {
  const auto data = test::data_folder();
  if (!data) return;
  const test::Words words;
  for (const char* file : {"dev-v1.1.json", "dev-v2.0.reconstructed.json"}) {
    CAPTURE(file);
    const SquadRows rows(words, tasks::read_squad(*data / "squad" / file),
                         {.max_length = 384, .stride = 128});
    const auto& questions = rows.squad().questions;
    std::size_t exact = 0, covered = 0, none = 0, lost = 0;
    for (std::size_t q = 0; q < questions.size(); ++q) {
      const auto [first, last] = rows.windows_of(q);
      bool found = false;
      for (index_t i = first; i < last && !found; ++i) {
        const nn::Label label = rows.label(i);
        if (label.first == 0) continue;
        found = true;
        const auto text = rows.text(i, label.first, label.last);
        const auto& answer = questions[q].answers[0];
        const auto at = rows.bytes(i, label.first, label.last);
        covered += at.begin <= answer.begin && answer.end <= at.end ? 1 : 0;
        exact += text == answer.text ? 1 : 0;
      }
      if (!found) ++(questions[q].answers.empty() ? none : lost);
    }
    CHECK(none == rows.squad().unanswerable());
    CHECK(lost == 0);
    CHECK(covered == questions.size() - none);
    CHECK(exact >= covered * 99 / 100);  // the rest begin or end within a word
    INFO(exact << " of " << covered << " exactly, " << rows.size() << " windows");
  }
}
