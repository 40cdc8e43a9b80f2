// SPDX-License-Identifier: MIT
#include <lorica/io/peft/config_reader.hpp>
#include <lorica/io/peft/rules.hpp>

#include "support/catch.hpp"

using namespace lorica;
using namespace lorica::io;
using peft::first_match;
using peft::Names;
using peft::selects;
using peft::Targets;

namespace {
json::Value recorded() {
  return json::read(std::filesystem::path(LORICA_TESTS_DIR) / "conformance/peft_rules.json");
}
}  // namespace

TEST_CASE("modules are selected as PEFT selects them", "[io][peft][conformance]") {
  const auto all = recorded();
  std::size_t seen = 0;
  for (const auto& c : all.at("target_matching").as_array()) {
    json::Object config = c.at("config").as_object();
    config.push_back({"peft_type", "LORA"});
    const auto read = peft::parse_config(config, "case");
    CAPTURE(json::dump(c));
    CHECK(selects(read.config.targets, c.at("key").as_string()) == c.at("match").as_bool());
    ++seen;
  }
  CHECK(seen >= 30);
}

TEST_CASE("the first pattern that fits counts, as in PEFT", "[io][peft][conformance]") {
  const auto all = recorded();
  std::size_t seen = 0;
  for (const auto& c : all.at("pattern_key").as_array()) {
    std::vector<std::string> patterns;
    for (const auto& p : c.at("patterns").as_array()) patterns.push_back(p.as_string());
    const std::string key = c.at("key").as_string();
    const auto* hit = first_match(patterns, key);
    CAPTURE(json::dump(c));
    CHECK((hit != nullptr ? *hit : key) == c.at("hit").as_string());
    ++seen;
  }
  CHECK(seen >= 80);
}

TEST_CASE("a plain pattern and the same as an expression agree", "[io][peft]") {
  for (const std::string path : {"foo", "a.foo", "a.barfoo", "axfoo", "b.a.foo", "foo.a", ""})
    for (const std::string plain : {"foo", "a.foo", "b.a.foo", "f.o"}) {
      CAPTURE(path, plain);
      CHECK(peft::detail::ends_in_pattern(path, plain) ==
            peft::detail::ends_in_pattern(path, "(?:" + plain + ")"));
    }
}

TEST_CASE("all-linear, exclusions and layers", "[io][peft]") {
  Targets t{.modules = Names{.pattern = "ALL-Linear"}};
  CHECK(selects(t, "model.layers.3.q_proj"));
  t.excluded = Names{.list = {"q_proj"}};
  CHECK_FALSE(selects(t, "model.layers.3.q_proj"));
  CHECK(selects(t, "model.layers.3.k_proj"));
  t = {.modules = Names{.list = {"q"}}, .layers = std::vector<index_t>{1}};
  CHECK(selects(t, "m.layers.001.q"));
  CHECK_FALSE(selects(t, "m.layers.11.q"));
  CHECK_FALSE(selects(t, "m.q"));
  t.layers_pattern = {"h", "layers"};
  CHECK(selects(t, "m.layers.1.q"));
  CHECK_FALSE(selects(Targets{}, "anything"));
}

TEST_CASE("Python's patterns, as far as they go", "[io][peft]") {
  const auto fits = [](const char* pattern, const char* path) {
    return selects({.modules = Names{.pattern = pattern}}, path);
  };
  CHECK(fits("(?P<all>.*)\\.q", "a.b.q"));
  CHECK(fits("\\Aa\\.q\\Z", "a.q"));
  CHECK(fits("(?:a|b)\\.(?!k)[a-z]", "b.q"));
  CHECK_FALSE(fits("(?:a|b)\\.(?!k)[a-z]", "b.k"));
  CHECK(fits("a\\\\Z|x", "a\\Z"));  // an escaped backslash is no anchor
  for (const char* bad : {"(?<=a)q", "(?i)q", "(?P=n)"})
    CHECK(test::error_of<ConfigError>([&] { fits(bad, "q"); }).find("is not supported") != std::string::npos);
  CHECK(test::error_of<ConfigError>([&] { fits("(q", "q"); }).find("the pattern \"(q\"") == 0);
}
