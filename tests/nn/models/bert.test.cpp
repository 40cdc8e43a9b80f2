// SPDX-License-Identifier: MIT
#include <lorica/nn/models/bert.hpp>

#include "support/catch.hpp"

using namespace lorica;

TEST_CASE("BERT's and RoBERTa's parts under transformers' names", "[nn][models]") {
  CHECK(nn::bert_names.module("blocks.1.o") == "bert.encoder.layer.1.attention.output.dense");
  CHECK(nn::bert_names.tensor("types.weight") == "bert.embeddings.token_type_embeddings.weight");
  CHECK(nn::roberta_names.module("blocks.1.up") == "roberta.encoder.layer.1.intermediate.dense");
  CHECK(nn::roberta_names.first_position == 2);
  CHECK(nn::bert_names.first_position == 0);
}
