// SPDX-License-Identifier: MIT
#include <lorica/tasks/lines.hpp>

#include <io/scratch.hpp>
#include <support/catch.hpp>

#include <vector>

using namespace lorica;

TEST_CASE("lines end at LF or CR LF, and a byte order mark is none of them", "[tasks][lines]") {
  const test::Scratch folder;
  tasks::Lines lines(folder.file("a.txt",
                                 "\xEF\xBB\xBF"
                                 "one\r\n\n\r\nt\rw\xE2\x80\xA8o \n\nthree"));
  std::vector<std::pair<std::size_t, std::string>> found;
  while (const auto line = lines.next()) found.emplace_back(lines.place().line, *line);
  CHECK(found == std::vector<std::pair<std::size_t, std::string>>{
                     {1, "one"}, {4, "t\rw\xE2\x80\xA8o "}, {6, "three"}});
  CHECK_FALSE(lines.next());
  CHECK(test::has(message(lines.place()), "a.txt', line 6"));
  CHECK(test::has(test::thrown<FileError>([&] { tasks::Lines(folder.file("b.txt", "")); }),
                  "b.txt' is empty, expected at least one line"));
  CHECK_THROWS_AS(tasks::Lines(folder / "absent"), FileError);
}
