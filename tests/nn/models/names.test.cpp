// SPDX-License-Identifier: MIT
#include <lorica/nn/models/names.hpp>

#include "support/catch.hpp"

using namespace lorica;

namespace {
constexpr nn::NamePair parts[] = {{"embedding", "wte"}, {"blocks.*.q", "h.*.attn.q"}};
constexpr nn::Names names = {.family = "toy", .prefix = "model.", .parts = parts, .head = "lm_head"};
}  // namespace

TEST_CASE("a part is called as the table says, with its layer and the family's prefix", "[nn][models]") {
  CHECK(names.module("embedding") == "model.wte");
  CHECK(names.module("blocks.12.q") == "model.h.12.attn.q");
  CHECK(names.tensor("blocks.0.q.bias") == "model.h.0.attn.q.bias");
  CHECK(names.part("blocks.3.q") == "h.3.attn.q");
  CHECK(names.tensor("head.weight") == "lm_head.weight");
  CHECK_FALSE(names.part("blocks.3.k").has_value());
}

TEST_CASE("a part that the family does not have is an error naming both", "[nn][models]") {
  CHECK_THROWS_WITH(names.module("blocks.3.k"), "names of toy: there is nothing called \"blocks.3.k\"");
}
