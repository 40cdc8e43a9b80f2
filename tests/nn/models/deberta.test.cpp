// SPDX-License-Identifier: MIT
#include <lorica/nn/models/deberta.hpp>

#include "support/catch.hpp"

using namespace lorica;

TEST_CASE("DeBERTa's parts under transformers' names", "[nn][models]") {
  const auto& n = nn::deberta_names;
  CHECK(n.module("blocks.4.pos_k") == "deberta.encoder.layer.4.attention.self.pos_key_proj");
  CHECK(n.tensor("relative.norm.bias") == "deberta.encoder.LayerNorm.bias");
  CHECK(n.tensor("beside.weight") == "deberta.encoder.conv.conv.weight");
}
