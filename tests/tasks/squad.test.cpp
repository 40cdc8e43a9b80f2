// SPDX-License-Identifier: MIT
#include <lorica/tasks/squad.hpp>

#include <io/scratch.hpp>
#include <support/catch.hpp>
#include <support/data.hpp>

using namespace lorica;

namespace {
std::string file(const std::string& questions) {
  return "{\"version\": \"v2.0\", \"data\": [{\"title\": \"t\", \"paragraphs\": [{"
         "\"context\": \"A caf\\u00e9 \\ud83d\\ude00 in "
         "\\u4e2d\\u56fd.\", \"qas\": [" +
         questions + "]}]}]}";
}
const std::string good =
    R"({"id": "1", "question": "Where?", "answers": [{"text": "中国", "answer_start": 12}, )"
    R"({"text": "in 中国", "answer_start": 9}], "is_impossible": false})";
}  // namespace

TEST_CASE("SQuAD counts characters, and answers are bytes", "[tasks][squad]") {
  const test::Scratch folder;
  const tasks::Squad s = tasks::read_squad(folder.file(
      "a.json", file(good + R"(, {"id": "2", "question": "Who?", "answers": [], "is_impossible": true}, )"
                            R"({"id": "3", "question": "?"})")));
  REQUIRE(s.questions.size() == 3);
  REQUIRE(s.contexts.size() == 1);
  const auto& a = s.questions[0].answers;
  REQUIRE(a.size() == 2);
  CHECK(a[0].begin == 16);  // é is two bytes, the smiling face four
  CHECK(a[0].end == 22);
  CHECK(s.contexts[0].substr(a[1].begin, a[1].end - a[1].begin) == "in 中国");
  CHECK(s.unanswerable() == 2);
}

TEST_CASE("an answer that is not at its offset is named by its question", "[tasks][squad]") {
  const test::Scratch folder;
  const auto said = [&](const std::string& questions) {
    return test::thrown<FileError>(
        [&] { static_cast<void>(tasks::read_squad(folder.file("a.json", file(questions)))); });
  };
  const auto answer = [](const char* text, int start) {
    return message(R"({"id": "q7", "question": "?", "answers": [{"text": ")", text, R"(", "answer_start": )",
                   start, "}]}");
  };
  CHECK(test::has(said(answer("in", 8)),
                  "a.json': question \"q7\": the answer \"in\" is not at character 8 of its context, "
                  "which reads \" i\" there"));
  CHECK(test::has(said(answer("in", 15)),
                  "question \"q7\": the answer \"in\" is said to begin at character 15 of a context of 15"));
  CHECK(test::has(said(answer("in", -1)), "begin at character -1"));
  CHECK(test::has(said(answer("国.!", 13)), "is not at character 13"));
  CHECK(test::has(said(answer("", 3)), "an answer without text at character 3"));
  CHECK(test::has(said(good + "," + good), "question \"1\" comes twice"));
  CHECK(test::has(said(R"({"id": "4", "question": "?", "answers": [], "is_impossible": false})"),
                  "question \"4\": is_impossible is false, found 0 answers"));
  CHECK(test::has(said(""), "a.json': no questions, expected at least one"));
  CHECK(test::has(said(R"({"question": "?"})"), "a.json': no member \"id\""));
}

TEST_CASE("SQuAD's files have their published sizes", "[tasks][squad]") {
  const auto data = test::data_folder();
  if (!data) return;
  struct Counted {
    const char* file;
    std::size_t contexts, questions, unanswerable, answers;
  };
  for (const Counted& f : {Counted{"dev-v1.1.json", 2067, 10570, 0, 34726},
                           Counted{"train-v1.1.subset44.json", 2430, 11877, 0, 11877},
                           Counted{"dev-v2.0.reconstructed.json", 1204, 11873, 5945, 20302},
                           Counted{"train-v2.0.first10.json", 694, 4719, 348, 4371}}) {
    CAPTURE(f.file);
    const tasks::Squad s = tasks::read_squad(*data / "squad" / f.file);
    std::size_t answers = 0;
    for (const auto& q : s.questions) answers += q.answers.size();
    CHECK(s.contexts.size() == f.contexts);
    CHECK(s.questions.size() == f.questions);
    CHECK(s.unanswerable() == f.unanswerable);
    CHECK(answers == f.answers);
  }
}
