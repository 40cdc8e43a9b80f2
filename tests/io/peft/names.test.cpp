// SPDX-License-Identifier: MIT
#include <lorica/io/peft/names.hpp>

#include "support/catch.hpp"

#include <lorica/io/json.hpp>

using namespace lorica;
using namespace lorica::io;

TEST_CASE("names on disk are PEFT's, and back", "[io][peft][conformance]") {
  const auto all = json::read(std::filesystem::path(LORICA_TESTS_DIR) / "conformance/peft_rules.json");
  std::size_t seen = 0;
  for (const auto& c : all.at("key_names").as_array()) {
    const std::string adapter = c.at("adapter").as_string(), in_model = c.at("in_model").as_string(),
                      on_disk = c.at("on_disk").as_string();
    CAPTURE(json::dump(c));
    CHECK(peft::on_disk(in_model, adapter) == on_disk);
    CHECK(peft::in_model(on_disk, adapter) == in_model);
    ++seen;
  }
  CHECK(seen >= 8);
}

TEST_CASE("a name is a module and a part", "[io][peft]") {
  const auto of = [](const char* name) {
    const auto key = peft::key_of(name);
    return key ? key->module + " | " + key->part : "none";
  };
  CHECK(of("base_model.model.bert.encoder.layer.0.query.lora_A.weight") ==
        "bert.encoder.layer.0.query | lora_A.weight");
  CHECK(of("encoder.layer.0.query.lora_E") == "encoder.layer.0.query | lora_E");
  CHECK(of("base_model.model.x.lora_magnitude_vector") == "x | lora_magnitude_vector");
  CHECK(of("base_model.model.x.lora_B.bias") == "x | lora_B.bias");
  CHECK(of("base_model.model.e.token_adapter.trainable_tokens_delta") ==
        "e | token_adapter.trainable_tokens_delta");
  CHECK(of("base_model.model.classifier.weight") == "none");
  CHECK(of("base_model.model.q.base_layer.bias") == "none");
}
