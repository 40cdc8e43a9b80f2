// SPDX-License-Identifier: MIT
#include <lorica/tasks/csv.hpp>

#include <io/scratch.hpp>
#include <support/catch.hpp>

using namespace lorica;
using Fields = std::vector<std::string>;

TEST_CASE("quoted fields hold commas, line ends and doubled marks", "[tasks][csv]") {
  const test::Scratch folder;
  tasks::Csv table(folder.file(
      "a.csv", "\xEF\xBB\xBFmr,ref\r\n\"a, b\",plain \"x\"\n\n\"two\r\nlines \"\"q\"\"\",\"\"\n,end"));
  CHECK(table.column("ref") == 1);
  REQUIRE(table.next());
  CHECK(table.fields() == Fields{"a, b", "plain \"x\""});
  REQUIRE(table.next());
  CHECK(table.fields() == Fields{"two\r\nlines \"q\"", ""});
  CHECK(table.place().line == 4);
  REQUIRE(table.next());
  CHECK(table.fields() == Fields{"", "end"});
  CHECK(table.place().line == 6);
  CHECK_FALSE(table.next());
}

TEST_CASE("a torn CSV is refused with its line", "[tasks][csv]") {
  const test::Scratch folder;
  const auto said = [&](std::string_view text) {
    return test::thrown<FileError>([&] {
      tasks::Csv table(folder.file("a.csv", text));
      while (table.next()) {
      }
    });
  };
  CHECK(test::has(said("a,b\n1,2\n1\n"), "a.csv', line 3: found 1 columns, expected 2"));
  CHECK(test::has(said("a,b\n1,\"2\n3,4\n"), "line 2: a quotation mark is not closed"));
  CHECK(test::has(
      said("a,b\n\"1\"x,2\n"),
      "line 2: found \"x\" after a closing quotation mark, expected a comma or the end of the line"));
  CHECK(test::has(said("\n"), "has no row, expected the names of its columns"));
  tasks::Csv table(folder.file("b.csv", "mr,ref\n"));
  CHECK(test::has(test::thrown<FileError>([&] { static_cast<void>(table.column("reff")); }),
                  "no column \"reff\"; the nearest is \"ref\""));
}
