// SPDX-License-Identifier: MIT
#include <lorica/nn/models/llama.hpp>

#include "support/catch.hpp"

using namespace lorica;

TEST_CASE("the parts of Llama and its kin under transformers' names", "[nn][models]") {
  const nn::Names n = nn::llama_names("qwen3");
  CHECK(n.family == "qwen3");
  CHECK(n.module("blocks.7.q") == "model.layers.7.self_attn.q_proj");
  CHECK(n.tensor("blocks.7.k_norm.weight") == "model.layers.7.self_attn.k_norm.weight");
  CHECK(n.module("blocks.7.gate") == "model.layers.7.mlp.gate_proj");
  CHECK(n.tensor("final_norm.weight") == "model.norm.weight");
  CHECK(n.tensor("head.weight") == "lm_head.weight");
}
