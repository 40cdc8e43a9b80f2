// SPDX-License-Identifier: MIT
#include <lorica/report/jsonl.hpp>

#include <io/scratch.hpp>
#include <support/catch.hpp>

#include <cstdint>
#include <limits>
#include <string>

using namespace lorica;
using report::JsonLines;
using test::contents;
using test::has;
using test::Scratch;
using test::thrown;

TEST_CASE("every line is one object, in the file as soon as it is written", "[report][jsonl]") {
  const Scratch scratch;
  JsonLines log(scratch / "log");
  log.write({{"step", 3}, {"loss", 2.5}, {"method", "lora"}, {"done", false}});
  REQUIRE(contents(scratch / "log") == "{\"step\":3,\"loss\":2.5,\"method\":\"lora\",\"done\":false}\n");
  log.write({{"nan", std::numeric_limits<double>::quiet_NaN()},
             {"inf", std::numeric_limits<float>::infinity()},
             {"text", "a\nb\xFF"},
             {"big", std::int64_t{1} << 60}});
  log.write({{"only", "one"}});
  REQUIRE(has(contents(scratch / "log"),
              "{\"nan\":null,\"inf\":null,\"text\":\"a\\nb\xEF\xBF\xBD\",\"big\":1152921504606846976}\n{"
              "\"only\":\"one\"}\n"));
}

TEST_CASE("a log begins anew or goes on, after a torn line on the next", "[report][jsonl]") {
  const Scratch scratch;
  const auto path = scratch.file("log", "{\"old\":1}\n");
  JsonLines(path, JsonLines::Open::append).write({{"a", 1}});
  REQUIRE(contents(path) == "{\"old\":1}\n{\"a\":1}\n");
  JsonLines(path).write({{"b", 2}});
  REQUIRE(contents(path) == "{\"b\":2}\n");
  const auto torn = scratch.file("torn", "{\"a\":1}\n{\"b\":");
  JsonLines(torn, JsonLines::Open::append).write({{"c", 3}});
  REQUIRE(contents(torn) == "{\"a\":1}\n{\"b\":\n{\"c\":3}\n");
  JsonLines(scratch / "new", JsonLines::Open::append).write({{"d", 4}});
  REQUIRE(contents(scratch / "new") == "{\"d\":4}\n");
}

TEST_CASE("a log that cannot be opened or written is named", "[report][jsonl]") {
  const Scratch scratch;
  const auto missing = scratch / "no/log";
  const std::string why = thrown<FileError>([&] { JsonLines{missing}; });
  REQUIRE(has(why, missing.string()));
  REQUIRE(has(why, "No such file"));
  REQUIRE(has(thrown<FileError>([&] { JsonLines{scratch.folder()}; }), "directory"));
  if (!std::filesystem::exists("/dev/full")) return;
  JsonLines full("/dev/full");
  REQUIRE(has(thrown<FileError>([&] { full.write({{"a", 1}}); }), "cannot write '/dev/full': No space left"));
}
