// SPDX-License-Identifier: MIT
#include <lorica/tasks/e2e.hpp>

#include <io/scratch.hpp>
#include <support/catch.hpp>
#include <support/data.hpp>

using namespace lorica;

TEST_CASE("the references of one meaning stand together", "[tasks][e2e]") {
  const test::Scratch folder;
  const auto path = folder.file("a.csv", "mr,ref\n\"a[1], b\",one\nc,two\n\"a[1], b\",\"three, or so\"\n");
  const auto found = tasks::read_meanings(path);
  REQUIRE(found.size() == 2);
  CHECK(found[0].meaning == "a[1], b");
  CHECK(found[0].references == std::vector<std::string>{"one", "three, or so"});
  CHECK(found[1].references == std::vector<std::string>{"two"});
  const auto pairs = tasks::conversations(found, "{meaning} => ");
  REQUIRE(pairs.size() == 3);
  CHECK(pairs[1] == tasks::prompt_and_response("a[1], b => ", "three, or so"));
  CHECK_THROWS_WITH(tasks::conversations(found, "{mr}"),
                    "prompt \"{mr}\": no field \"mr\", expected {meaning}");
  CHECK_THROWS_AS(tasks::read_meanings(path, "MR", "ref"), FileError);
}

TEST_CASE("E2E has its published size", "[tasks][e2e]") {
  const auto data = test::data_folder();
  if (!data) return;
  const auto bytes = [](const std::vector<tasks::Meaning>& all) {
    std::size_t n = 0;
    for (const auto& c : tasks::conversations(all)) n += c[1].content.size();
    return n;
  };
  const auto dev = tasks::read_meanings(*data / "nlg/e2e_devset.csv");
  CHECK(dev.size() == 547);
  CHECK(tasks::conversations(dev).size() == 4672);
  CHECK(bytes(dev) == 574469);
  const auto held_out = tasks::read_meanings(*data / "nlg/e2e_testset_w_refs.csv");
  CHECK(held_out.size() == 630);
  CHECK(tasks::conversations(held_out).size() == 4693);
  CHECK(bytes(held_out) == 638652);
}
