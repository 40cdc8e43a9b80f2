// SPDX-License-Identifier: MIT
#include <lorica/io/config_file.hpp>

#include "io/scratch.hpp"
#include "support/catch.hpp"
#include "support/tolerance.hpp"

using namespace lorica;

namespace {
struct Config {
  test::Scratch scratch;
  io::ConfigFile file;
  explicit Config(const std::string& text) : file(scratch.file("config.json", text)) {}
  template <class F> std::string refusal(F f) const {
    return test::thrown<FileError>([&] { (void)f(file); });
  }
};
}  // namespace

TEST_CASE("values are read by kind, null counts as missing, and what is missing may have a default",
          "[io][config_file]") {
  const Config c(R"({"n":3,"x":0.5,"on":true,"name":"a","none":null,"inner":{"n":4}})");
  CHECK(c.file.whole("n") == 3);
  CHECK(c.file.positive("x") == 0.5);
  CHECK(c.file.positive("n") == 3);
  CHECK(c.file.flag("on"));
  CHECK(c.file.text("name") == "a");
  CHECK_FALSE(c.file.has("none"));
  CHECK(c.file.whole("none", 7) == 7);
  CHECK(c.file.flag("absent", false) == false);
  CHECK(c.file.object("inner")->whole("n") == 4);
  CHECK_FALSE(c.file.object("absent").has_value());
  CHECK(c.file.one_of("name", {"b", "a"}) == "a");
  c.file.only("on", true);
  c.file.only("absent", true);
}

TEST_CASE("what is wrong is named with file, key, value and what would be right", "[io][config_file]") {
  const Config c(R"({"heads":0,"eps":-1,"on":1,"act":"relu","inner":{"kind":"x"}})");
  const auto says = [&](const std::string& what, auto f) {
    const auto text = c.refusal(f);
    CAPTURE(text);
    CHECK(test::has(text, c.file.path().string()));
    CHECK(test::has(text, what));
  };
  says("\"heads\" is 0, expected an integer from 1 on", [](auto& f) { return f.whole("heads"); });
  says("\"eps\" is -1, expected a number above 0", [](auto& f) { return f.positive("eps"); });
  says("\"on\" is 1, expected true or false", [](auto& f) { return f.flag("on"); });
  says("\"eps\" is -1, expected a string", [](auto& f) { return f.text("eps"); });
  says("the key \"head\" is missing; the nearest is \"heads\"", [](auto& f) { return f.whole("head"); });
  says("\"act\" is \"relu\", which is not supported; expected one of \"gelu\", \"silu\"", [](auto& f) {
    return f.one_of("act", {"gelu", "silu"});
  });
  says("\"inner.kind\" is \"x\", which is not supported; expected \"y\"",
       [](auto& f) { return f.object("inner")->one_of("kind", {"y"}); });
  says("\"act\" is a string, expected an object", [](auto& f) { return f.object("act"); });
}
