// SPDX-License-Identifier: MIT
#include <lorica/io/peft/config_reader.hpp>

#include "io/scratch.hpp"
#include "support/catch.hpp"

using namespace lorica;
using namespace lorica::io;
using peft::Kind;
using test::has;
using test::thrown;

namespace {
auto parsed(const std::string& members, const char* type = "LORA") {
  return peft::parse_config(
      json::parse(message("{\"peft_type\": \"", type, '"', members.empty() ? "" : ", ", members, '}')),
      "'file'");
}
std::string refused(const std::string& members, const char* type = "LORA") {
  return thrown<FileError>([&] { parsed(members, type); });
}
}  // namespace

TEST_CASE("a LORA configuration is read, with PEFT's defaults for what is absent", "[io][peft]") {
  const auto least = parsed("");
  CHECK(least.warnings.empty());
  CHECK(least.config.r == 8);
  CHECK(least.config.lora_alpha == 8);
  CHECK_FALSE(least.config.targets.modules);
  const auto c = parsed(R"("r": 4, "lora_alpha": 2.5, "target_modules": ["q", "v"], "exclude_modules": "a.*",
      "rank_pattern": {"z": 3, "a": 2}, "alpha_pattern": {"q": 7}, "use_rslora": true, "use_dora": true,
      "layers_to_transform": 3, "layers_pattern": "h", "modules_to_save": ["classifier"], "lora_dropout": 0.1,
      "base_model_name_or_path": "gpt2", "task_type": "CAUSAL_LM", "fan_in_fan_out": true, "peft_version": "0.19",
      "auto_mapping": null, "inference_mode": true, "megatron_core": "megatron.core", "loftq_config": {},
      "use_qalora": false, "qalora_group_size": 16, "init_lora_weights": "gaussian", "revision": null)");
  CHECK(c.warnings.empty());
  CHECK(c.config.r == 4);
  CHECK(c.config.lora_alpha == 2.5);
  CHECK(c.config.targets.modules->list == std::vector<std::string>{"q", "v"});
  CHECK(c.config.targets.excluded->pattern == "a.*");
  CHECK(c.config.rank_pattern.front().first == "z");  // the file's order
  CHECK(c.config.alpha_pattern.front().second == 7);
  CHECK(c.config.use_rslora);
  CHECK(kind_of(c.config) == Kind::dora);
  CHECK(c.config.targets.layers == std::vector<index_t>{3});
  CHECK(c.config.targets.layers_pattern == std::vector<std::string>{"h"});
  CHECK(c.config.targets.saved == std::vector<std::string>{"classifier"});
  CHECK(c.config.init_lora_weights == "gaussian");
  CHECK(c.config.base_model == "gpt2");
  CHECK_FALSE(c.config.revision);
}

TEST_CASE("ADALORA: a null total_step is read, and said", "[io][peft]") {
  const auto c = parsed(R"("init_r": 3, "lora_alpha": 32, "total_step": null, "r": 3,
      "rank_pattern": {"m.q.lora_E": [true, false, true], "m.v.lora_E": [false, false, false]})",
                        "ADALORA");
  REQUIRE(c.warnings.size() == 1);
  CHECK(has(c.warnings[0], "\"total_step\" is null"));
  CHECK(c.config.ada.kept->at("m.q") == std::vector<bool>{true, false, true});
  CHECK(rank_of(c.config, "m.v") == 0);
  CHECK(parsed(R"("total_step": 10, "tfinal": 4, "tinit": 5)", "ADALORA").warnings.empty());
  CHECK(parsed(R"("total_step": 10, "tfinal": 4, "tinit": 6)", "ADALORA").warnings.size() == 1);
  CHECK(has(refused(R"("init_r": 2, "rank_pattern": {"q.lora_E": [true]})", "ADALORA"),
            "\"q.lora_E\" has 1 entries, expected \"init_r\" = 2"));
  CHECK(has(refused(R"("init_r": 2, "rank_pattern": {"q.lora_E": [1, 0]})", "ADALORA"),
            "holds an integer, expected true or false"));
  CHECK(has(refused(R"("use_dora": true, "total_step": 3)", "ADALORA"), "\"use_dora\" is true"));
  const auto ignored =
      parsed(R"("r": 5, "use_rslora": true, "lora_bias": true, "alpha_pattern": {"q": 1}, "total_step": 9)",
             "ADALORA");
  REQUIRE(ignored.warnings.size() == 4);
  for (const auto& w : ignored.warnings) CHECK(has(w, "is ignored by ADALORA"));
}

TEST_CASE("what is not honoured is a warning, or a refusal where the numbers would be wrong", "[io][peft]") {
  for (const auto& n : peft::detail::not_honoured) {
    const std::string set = message('"', n.key, "\": {\"a\": 1}");
    CAPTURE(n.key);
    if (n.wrong) {
      CHECK(has(refused(set), message('"', n.key, "\" (")));
    } else {
      const auto warnings = parsed(set).warnings;
      REQUIRE(warnings.size() == 1);
      CHECK(has(warnings[0], message('"', n.key, "\" is not honoured")));
    }
    for (const char* unset : {"null", "false", "{}", "[]"})
      CHECK(parsed(message('"', n.key, "\": ", unset)).warnings.empty());
  }
  for (const char* start : {"pissa", "PiSSA_niter_16", "olora", "corda", "lora_ga", "loftq"})
    CHECK(has(refused(message("\"init_lora_weights\": \"", start, '"')), "\"init_lora_weights\" is"));
  for (const char* start : {"true", "false", "\"gaussian\"", "\"orthogonal\"", "\"eva\"", "\"mica\""})
    CHECK(parsed(message("\"init_lora_weights\": ", start)).warnings.empty());
  const auto unknown = parsed(R"("of_the_future": 1, "bias": "all")").warnings;
  REQUIRE(unknown.size() == 2);
  CHECK(has(unknown[0], "\"bias\" is \"all\""));
  CHECK(unknown[1] == "\"of_the_future\" is not known and ignored");
  CHECK(has(refused(R"("use_dora": true, "lora_bias": true)"), "expected one of them"));
}

TEST_CASE("errors name the file and the key", "[io][peft]") {
  CHECK(has(refused("", "IA3"), "'file': \"peft_type\" is \"IA3\", expected \"LORA\" or \"ADALORA\""));
  CHECK(has(thrown<FileError>([] { peft::parse_config(json::parse("{}"), "'file'"); }),
            "\"peft_type\" is \"\""));
  CHECK(has(thrown<FileError>([] { peft::parse_config(json::parse("[]"), "'file'"); }), "found an array"));
  CHECK(has(refused("\"r\": \"8\""), "'file': \"r\": found a string, expected an integer"));
  CHECK(has(refused("\"r\": 0"), "\"r\" is 0, expected at least 1"));
  CHECK(has(refused(R"("rank_pattern": {"q": 0})"), "\"rank_pattern\" has 0"));
  CHECK(has(refused(R"("target_modules": [1])"), "\"target_modules\": found an integer, expected a string"));
  const test::Scratch scratch;
  CHECK(has(thrown<FileError>([&] { peft::read_config(scratch.folder()); }), "adapter_config.json'"));
  static_cast<void>(scratch.file("adapter_config.json", R"({"peft_type": "LORA", "lora_bias": true})"));
  CHECK(peft::kind_of(scratch.folder()) == Kind::lora_bias);
}
