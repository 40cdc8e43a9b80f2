// SPDX-License-Identifier: MIT
#include <lorica/tasks/tsv.hpp>

#include <io/scratch.hpp>
#include <support/catch.hpp>

using namespace lorica;
using Fields = std::vector<std::string_view>;

namespace {
Fields copy(std::span<const std::string_view> row) { return {row.begin(), row.end()}; }
}  // namespace

TEST_CASE("columns stand between tabs, and quotation marks are letters", "[tasks][tsv]") {
  const test::Scratch folder;
  tasks::Tsv table(folder.file("a.tsv", "\xEF\xBB\xBFid\ttext\tlabel\r\n0\t\" an unpaired\t1\r\n1\t\t\n"));
  CHECK(table.column("id") == 0);
  CHECK(table.column("label") == 2);
  CHECK(copy(table.next()) == Fields{"0", "\" an unpaired", "1"});
  CHECK(copy(table.next()) == Fields{"1", "", ""});
  CHECK(table.next().empty());
  CHECK(test::has(test::thrown<FileError>([&] { static_cast<void>(table.column("lable")); }),
                  "a.tsv': no column \"lable\", found id, text, label; the nearest is \"label\""));
  const std::vector<std::string> names = {"x", "y"};
  tasks::Tsv nameless(folder.file("b.tsv", "1\t2"), names);
  CHECK(copy(nameless.next()) == Fields{"1", "2"});
}

TEST_CASE("a row of another number of columns is an error, or skipped and counted", "[tasks][tsv]") {
  const test::Scratch folder;
  const auto path = folder.file("a.tsv", "a\tb\n1\t2\n\n3\n4\t5\t6\n7\t8\n");
  tasks::Tsv strict(path);
  CHECK(strict.next().size() == 2);
  const std::string said = test::thrown<FileError>([&] { static_cast<void>(strict.next()); });
  CHECK(test::has(said, "a.tsv', line 4: found 1 columns, expected 2 (a, b)"));
  tasks::Tsv lenient(path, {}, tasks::WrongColumns::skip);
  CHECK(lenient.next().size() == 2);
  CHECK(copy(lenient.next()) == Fields{"7", "8"});
  CHECK(lenient.next().empty());
  CHECK(lenient.skipped() == 2);
}
