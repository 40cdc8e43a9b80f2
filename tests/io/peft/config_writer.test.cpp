// SPDX-License-Identifier: MIT
#include <lorica/io/peft/config_writer.hpp>

#include "io/scratch.hpp"
#include "support/catch.hpp"

#include <lorica/io/peft/config_reader.hpp>

#include <array>

using namespace lorica;
using namespace lorica::io::peft;
using test::has;
using test::thrown;

namespace {
const Config lora{.base_model = "gpt2",
                  .task_type = "CAUSAL_LM",
                  .targets = {.modules = Names{{"c_attn"}}, .saved = {"score"}},
                  .r = 4,
                  .lora_alpha = 32,
                  .rank_pattern = {{"h.1.c_attn", 2}},
                  .alpha_pattern = {{"h.1.c_attn", 2.5}}};
Config ada(index_t total, index_t tinit, index_t tfinal) {
  Config c{.adalora = true, .targets = {.modules = Names{{"q"}}}};
  c.ada.total_step = total;
  c.ada.tinit = tinit;
  c.ada.tfinal = tfinal;
  return c;
}
}  // namespace

TEST_CASE("what is written is read the same, without a warning", "[io][peft]") {
  const std::string text = config_text(lora);
  CHECK(text == R"({
  "alpha_pattern": {
    "h.1.c_attn": 2.5
  },
  "auto_mapping": null,
  "base_model_name_or_path": "gpt2",
  "bias": "none",
  "exclude_modules": null,
  "fan_in_fan_out": false,
  "inference_mode": true,
  "init_lora_weights": true,
  "layers_pattern": null,
  "layers_to_transform": null,
  "lora_alpha": 32,
  "lora_bias": false,
  "lora_dropout": 0.0,
  "modules_to_save": [
    "score"
  ],
  "peft_type": "LORA",
  "r": 4,
  "rank_pattern": {
    "h.1.c_attn": 2
  },
  "revision": null,
  "target_modules": [
    "c_attn"
  ],
  "task_type": "CAUSAL_LM",
  "use_dora": false,
  "use_rslora": false
})");
  Config c = ada(10, 1, 2);
  c.ada.init_r = 2;
  c.ada.kept = std::map<std::string, std::vector<bool>>{{"a.q", {true, false}}};
  for (const Config& one : {lora, c}) {
    const auto read = parse_config(io::json::parse(config_text(one)), "file");
    CHECK(read.warnings.empty());
    CHECK(config_text(read.config) == config_text(one));
  }
}

TEST_CASE("schedules that PEFT accepts and refuses", "[io][peft]") {
  // PEFT's own tests of its configuration.
  for (const auto& [tinit, tfinal] : {std::pair{0, 0}, {10, 10}, {79, 20}, {80, 19}})
    CHECK_NOTHROW(config_text(ada(100, tinit, tfinal)));
  using Schedule = std::array<index_t, 3>;  // total_step, tinit, tfinal
  for (const Schedule& bad :
       {Schedule{100, 20, 80}, Schedule{100, 80, 20}, Schedule{10, 20, 0}, Schedule{10, 0, 10},
        Schedule{10, 10, 0}, Schedule{10, 20, 20}, Schedule{0, 0, 0}})
    CHECK(has(thrown<ConfigError>([&] { config_text(ada(bad[0], bad[1], bad[2])); }),
              "expected tinit < total_step - tfinal"));
  Config c = ada(10, 0, 0);
  c.ada.total_step.reset();
  CHECK(has(thrown<ConfigError>([&] { config_text(c); }), "total_step is null"));
  c = ada(10, 0, 0);
  c.ada.orth_reg_weight = -1;
  CHECK(has(thrown<ConfigError>([&] { config_text(c); }), "orth_reg_weight is -1"));
}

TEST_CASE("nothing is written that PEFT cannot read", "[io][peft]") {
  Config c = lora;
  c.targets.modules.reset();
  CHECK(has(thrown<ConfigError>([&] { config_text(c); }), "no target_modules"));
  c = lora;
  c.lora_alpha = 0;
  CHECK(has(thrown<ConfigError>([&] { config_text(c); }), "lora_alpha is 0"));
  c = lora;
  c.use_dora = c.lora_bias = true;
  CHECK(has(thrown<ConfigError>([&] { config_text(c); }), "both set"));
  c = lora;
  c.targets.modules = Names{.pattern = ".*"};
  c.targets.layers = std::vector<index_t>{1};
  CHECK(has(thrown<ConfigError>([&] { config_text(c); }), "that is a pattern"));
  c = ada(10, 0, 0);
  c.ada.kept = std::map<std::string, std::vector<bool>>{{"default_proj", std::vector<bool>(12, true)}};
  CHECK(has(thrown<ConfigError>([&] { config_text(c); }), "has \"default\" in its name"));
  c.ada.kept = std::map<std::string, std::vector<bool>>{{"q", {true}}};
  CHECK(has(thrown<ConfigError>([&] { config_text(c); }), "has 1 entries, expected init_r = 12"));
}
