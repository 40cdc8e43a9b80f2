// SPDX-License-Identifier: MIT
#include <lorica/nn/models/gpt2.hpp>

#include "support/catch.hpp"

using namespace lorica;

TEST_CASE("GPT-2's parts under transformers' names", "[nn][models]") {
  const auto& n = nn::gpt2_names;
  CHECK(n.module("blocks.11.qkv") == "transformer.h.11.attn.c_attn");
  CHECK(n.module("blocks.0.o") == "transformer.h.0.attn.c_proj");
  CHECK(n.module("blocks.0.down") == "transformer.h.0.mlp.c_proj");
  CHECK(n.tensor("final_norm.bias") == "transformer.ln_f.bias");
  CHECK(n.module("head") == "lm_head");
  CHECK(n.transposed);
}
