// SPDX-License-Identifier: MIT
#include <lorica/tasks/records.hpp>

#include <io/scratch.hpp>
#include <support/catch.hpp>

using namespace lorica;
using tasks::Pattern;

namespace {
std::vector<std::string> all(const std::filesystem::path& path, const char* pattern) {
  std::vector<std::string> out;
  tasks::for_each_record(path,
                         [&](const io::json::Value& r) { out.push_back(tasks::fill(Pattern(pattern), r)); });
  return out;
}
}  // namespace

TEST_CASE("records come one a line or in one list, and fields by path", "[tasks][records]") {
  const test::Scratch folder;
  const char* const pattern = "{a} {b.1.c}";
  const std::vector<std::string> expected = {"x 1.5", "y\nz -7"};
  CHECK(all(folder.file(
                "a.jsonl",
                "  {\"a\": \"x\", \"b\": [0, {\"c\": 1.5}]}\r\n  \n{\"a\":\"y\\nz\",\"b\":[0,{\"c\":-7}]}"),
            pattern) == expected);
  CHECK(all(folder.file(
                "a.json",
                "\n[{\"a\": \"x\", \"b\": [0, {\"c\": 1.5}]},\n {\"a\":\"y\\nz\",\"b\":[0,{\"c\":-7}]}]\n"),
            pattern) == expected);
  CHECK(tasks::text_of(51.0) == "51");
}

TEST_CASE("a record that is not what it should be is named by its line", "[tasks][records]") {
  const test::Scratch folder;
  const auto said = [&](const char* text) {
    return test::thrown<FileError>([&] { static_cast<void>(all(folder.file("a.jsonl", text), "{a}")); });
  };
  CHECK(test::has(said("{\"a\":\"\"}\n{\"a\":}"),
                  "a.jsonl', line 2: unexpected \"}\", expected a value at byte 5"));
  CHECK(test::has(said("\n3"), "line 2: found an integer, expected an object"));
  CHECK(test::has(said("{\"b\":1}"), "line 1: field \"a\": no member \"a\"; the nearest is \"b\""));
  CHECK(test::has(said("{\"a\":null}"), "field \"a\": found null, expected a string or a number"));
  CHECK(test::has(said("[{\"a\":1},{\"b\":2}]"), "a.jsonl', record 2: field \"a\""));
  CHECK(test::has(said("[{\"a\":1}"), "a.jsonl': unexpected end of text"));
  const auto list = io::json::parse("{\"a\":[1]}");
  CHECK_THROWS_WITH(tasks::field(list, "a.1"), "no element \"1\" in a list of 1");
  CHECK_THROWS_AS(tasks::field(list, "a.x"), FileError);
}
