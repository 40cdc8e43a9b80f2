// SPDX-License-Identifier: MIT
#include <lorica/tasks/glue.hpp>

#include <io/scratch.hpp>
#include <support/catch.hpp>
#include <support/data.hpp>

using namespace lorica;
using tasks::Metric;
using Ids = std::vector<std::int32_t>;

TEST_CASE("GLUE's nine tasks are rows of one table", "[tasks][glue]") {
  REQUIRE(tasks::glue().size() == 9);
  CHECK(tasks::glue("STS-B").regression());
  CHECK(tasks::glue("STS-B").highest == 5);
  CHECK_FALSE(tasks::glue("CoLA").pairs());
  CHECK(tasks::glue("CoLA").metrics.front() == Metric::matthews);
  CHECK(tasks::glue("MNLI").held_out.size() == 2);
  CHECK_THROWS_WITH(tasks::glue("SST2"), "no task \"SST2\"; the nearest is \"SST-2\"");
}

TEST_CASE("examples are read by the names of their columns", "[tasks][glue]") {
  const test::Scratch folder;
  // The columns of the published files, all of them.
  const auto mnli = tasks::read_examples(
      tasks::glue("MNLI"),
      folder.file(
          "mnli.tsv",
          "index\tpromptID\tpairID\tgenre\tsentence1_binary_parse\tsentence2_binary_parse\tsentence1_parse\t"
          "sentence2_parse\tsentence1\tsentence2\tlabel1\tgold_label\n"
          "0\t1\t2\tg\tp\tq\tr\ts\tA \"b.\tC\tneutral\tcontradiction\n"));
  REQUIRE(mnli.size() == 1);
  CHECK(mnli[0].first == "A \"b.");
  CHECK(mnli[0].second == "C");
  CHECK(mnli[0].category == 2);
  const auto cola =
      tasks::read_examples(tasks::glue("CoLA"), folder.file("cola.tsv", "gj04\t1\t\tA.\nx\t0\t*\tB.\n"));
  CHECK(cola[0].category == 1);
  CHECK(cola[1].first == "B.");
  CHECK(cola[1].second.empty());
  const auto held_out = tasks::read_examples(
      tasks::glue("CoLA"), folder.file("test.tsv", "index\tsentence\n0\tA.\n"), {.labelled = false});
  CHECK(held_out[0].first == "A.");
  CHECK(held_out[0].category == -1);
  const auto sts = tasks::read_examples(tasks::glue("STS-B"),
                                        folder.file("sts.tsv", "sentence1\tsentence2\tscore\na\tb\t3.800\n"));
  CHECK(sts[0].value == 3.8);
  const tasks::TableTask mine{.name = "mine", .first = "t", .label = "y", .classes = {"no", "yes"}};
  CHECK(tasks::read_examples(mine, folder.file("mine.tsv", "y\tt\nyes\thello\n"))[0].category == 1);
}

TEST_CASE("a row that cannot be right is named by file and line", "[tasks][glue]") {
  const test::Scratch folder;
  const auto said = [&](const char* task, const char* text) {
    return test::thrown<FileError>(
        [&] { static_cast<void>(tasks::read_examples(tasks::glue(task), folder.file("f.tsv", text))); });
  };
  CHECK(test::has(said("CoLA", "a\t1\t\tA.\nb\t2\t\tB.\n"),
                  "f.tsv', line 2: the label is \"2\", expected 0 or 1"));
  CHECK(test::has(said("MNLI", "sentence1\tsentence2\tgold_label\na\tb\t-\n"),
                  "line 2: the label is \"-\", expected entailment, neutral or contradiction"));
  CHECK(test::has(said("STS-B", "sentence1\tsentence2\tscore\na\tb\t5.1\n"),
                  "line 2: the label is \"5.1\", expected a number from 0 to 5"));
  for (const char* bad : {"", "nan", "1x", "-0.5"})
    CHECK(test::has(said("STS-B", message("sentence1\tsentence2\tscore\na\tb\t", bad, "\n").c_str()),
                    "line 2"));
  CHECK(test::has(said("CoLA", "a\t1\tA.\n"),
                  "line 1: found 3 columns, expected 4 (source, label, mark, sentence)"));
  CHECK(test::has(said("RTE", "index\tsentence1\tsentence\tlabel\n"), "no column \"sentence2\""));
  std::size_t n = 0;
  const auto path = folder.file("g.tsv", "question1\tquestion2\tis_duplicate\na\tb\n c\td\t1\n");
  CHECK(tasks::for_each_example(tasks::glue("QQP"), path, [&](tasks::Example&&) { ++n; },
                                {.wrong = tasks::WrongColumns::skip}) == 1);
  CHECK(n == 1);
}

TEST_CASE("a task is judged by its own metrics", "[tasks][glue]") {
  const Ids p = {1, 0, 1, 1}, e = {1, 0, 0, 1};
  const auto cola = tasks::measure(tasks::glue("CoLA"), p, e),
             mrpc = tasks::measure(tasks::glue("MRPC"), p, e);
  REQUIRE(cola.size() == 2);
  CHECK(cola[0].name == "Matthews");
  CHECK(cola[0].value == tasks::matthews(p, e));
  CHECK(cola[1].value == 0.75);
  CHECK(mrpc[0].name == "F1");
  CHECK(mrpc[0].value == 0.8);
  const std::vector<double> x = {1, 2, 3}, y = {1, 2, 4};
  const auto sts = tasks::measure(tasks::glue("STS-B"), x, y);
  CHECK(sts[0].value == tasks::pearson(x, y));
  CHECK(sts[1].value == Approx(1));
  CHECK_THROWS_AS(tasks::measure(tasks::glue("STS-B"), p, e), ConfigError);
  CHECK_THROWS_AS(tasks::measure(tasks::glue("CoLA"), x, y), ConfigError);
}

TEST_CASE("GLUE's files have their published rows and labels", "[tasks][glue]") {
  const auto data = test::data_folder();
  if (!data) return;
  struct Counted {
    const char *task, *file;
    std::vector<std::size_t> of_class;
  };
  const std::vector<Counted> files = {
      {"CoLA", "train.tsv", {2528, 6023}},       {"CoLA", "dev.tsv", {322, 721}},
      {"SST-2", "train.tsv", {29780, 37569}},    {"SST-2", "dev.tsv", {428, 444}},
      {"MRPC", "train.tsv", {1194, 2474}},       {"MRPC", "dev.tsv", {129, 279}},
      {"QQP", "sample_train.tsv", {5747, 3252}}, {"MNLI", "sample_train.tsv", {3061, 2980, 2958}},
      {"QNLI", "dev.tsv", {2702, 2761}},         {"QNLI", "sample_train.tsv", {4523, 4476}},
      {"RTE", "train.tsv", {1249, 1241}},        {"RTE", "dev.tsv", {146, 131}},
      {"WNLI", "train.tsv", {323, 312}},         {"WNLI", "dev.tsv", {40, 31}}};
  for (const Counted& f : files) {
    CAPTURE(f.task, f.file);
    const tasks::TableTask& task = tasks::glue(f.task);
    std::vector<std::size_t> counts(task.classes.size());
    bool all_said = true;
    tasks::for_each_example(task, *data / "glue" / f.task / f.file, [&](tasks::Example&& e) {
      ++counts[static_cast<std::size_t>(e.category)];
      all_said = all_said && !e.first.empty() && e.second.empty() == !task.pairs();
    });
    CHECK(counts == f.of_class);
    CHECK(all_said);
  }
  for (const auto& [file, rows, sum] :
       {std::tuple("train.tsv", 5749u, 15528.0434), {"dev.tsv", 1500u, 3545.8613}}) {
    const auto all = tasks::read_examples(tasks::glue("STS-B"), *data / "glue/STS-B" / file);
    double total = 0;
    for (const auto& e : all) total += e.value;
    CHECK(all.size() == rows);
    CHECK(total == Approx(sum).epsilon(1e-7));
  }
}
