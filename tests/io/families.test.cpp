// SPDX-License-Identifier: MIT
#include <lorica/io/families.hpp>

#include "io/scratch.hpp"
#include "io/tiny_models.hpp"

using namespace lorica;
using test::has;

namespace {
/// What read_config says of a configuration.
std::string refusal(const std::string& config) {
  const test::Scratch scratch;
  (void)scratch.file("config.json", config);
  return test::thrown<FileError>([&] { (void)io::read_config(scratch.folder()); });
}
const std::string llama_members =
    R"("model_type":"llama","vocab_size":9,"hidden_size":8,"num_hidden_layers":2,"num_attention_heads":2,)"
    R"("max_position_embeddings":16,"intermediate_size":12)";
const std::string bert_members =
    R"("model_type":"bert","vocab_size":9,"hidden_size":8,"num_hidden_layers":2,"num_attention_heads":2,)"
    R"("max_position_embeddings":16,"intermediate_size":12)";
}  // namespace

TEST_CASE(
    "tiny models of every family: states, logits, loss and every gradient are those of transformers and PEFT",
    "[io][families][oracle]") {
  for (const auto* name :
       {"gpt2", "gpt2_score", "bert", "bert_span", "roberta", "roberta_regression", "llama2", "llama3",
        "llama_linear", "mistral", "qwen2", "qwen3", "deberta_v3", "deberta_v2", "deberta_plain"}) {
    INFO(name);
    test::is_as_in_transformers<cpu::EigenBackend<double>>(name, 1e-10);
    test::is_as_in_transformers<cpu::EigenBackend<float>>(name, 1e-5);
  }
}

TEST_CASE("what a configuration says is what is built", "[io][families]") {
  const test::Scratch scratch;
  (void)scratch.file("config.json",
                     "{" + llama_members +
                         R"(,"rope_theta":5e5,"rope_scaling":{"rope_type":"linear","factor":4},)"
                         R"("num_key_value_heads":1,"rms_norm_eps":1e-5})");
  const auto read = io::read_config(scratch.folder());
  const auto& c = std::get<nn::TransformerConfig<nn::LlamaBlock>>(read.config);
  CHECK(read.decoder);
  CHECK(c.block.attention.kv_heads == 1);
  CHECK(c.block.attention.positions.base == 5e5);
  CHECK(std::get<nn::LinearScaling>(c.block.attention.positions.scaling).factor == 4);
  CHECK(c.block.norm.eps == 1e-5);
  CHECK_FALSE(c.tied);
  (void)scratch.file("config.json",
                     R"({"model_type":"roberta",)" + bert_members.substr(bert_members.find("\"vocab")) + "}");
  const auto roberta = io::read_config(scratch.folder());
  CHECK_FALSE(roberta.decoder);
  CHECK(roberta.names.first_position == 2);
  CHECK(std::get<nn::TransformerConfig<nn::BertBlock>>(roberta.config).positions == 14);
}

TEST_CASE("an architecture or an option that is not supported is an error naming it", "[io][families]") {
  CHECK(has(refusal(R"({"model_type":"mamba"})"),
            "\"model_type\" is \"mamba\", which is not known; known are gpt2,"));
  CHECK(has(refusal(R"({"vocab_size":9})"), "the key \"model_type\" is missing"));
  CHECK(has(refusal("{" + llama_members + R"(,"hidden_act":"gelu"})"),
            "\"hidden_act\" is \"gelu\", which is not supported; expected \"silu\""));
  CHECK(has(
      refusal("{" + llama_members + R"(,"rope_scaling":{"type":"yarn","factor":4}})"),
      "\"rope_scaling.type\" is \"yarn\", which is not supported; expected one of \"default\", \"linear\""));
  CHECK(has(refusal("{" + llama_members + R"(,"num_key_value_heads":0})"),
            "\"num_key_value_heads\" is 0, expected an integer from 1 on"));
  CHECK(
      has(refusal("{" + bert_members + R"(,"position_embedding_type":"relative_key"})"),
          "\"position_embedding_type\" is \"relative_key\", which is not supported; expected \"absolute\""));
  CHECK(has(refusal("{" + bert_members + R"(,"is_decoder":true})"),
            "\"is_decoder\" is true, which is not supported"));
  CHECK(
      has(refusal(R"({"model_type":"gpt2","vocab_size":9,"n_embd":8,"n_layer":1,"n_head":2,"n_positions":4,)"
                  R"("scale_attn_by_inverse_layer_idx":true})"),
          "\"scale_attn_by_inverse_layer_idx\" is true, which is not supported; expected false"));
  CHECK(has(
      refusal(R"({"model_type":"qwen2",)" + llama_members.substr(llama_members.find("\"vocab")) +
              R"(,"use_sliding_window":true,"sliding_window":4,)"
              R"("layer_types":["sliding_attention","full_attention"]})"),
      "\"layer_types\" says \"full_attention\" for layer 1; supported are layers of full_attention and after"));
  CHECK(has(refusal(R"({"model_type":"roberta",)" + bert_members.substr(bert_members.find("\"vocab")) +
                    R"(,"pad_token_id":-1000000})"),
            "\"pad_token_id\" is -1000000 and \"max_position_embeddings\""));
}

TEST_CASE("a window without a first layer begins where transformers begins it", "[io][families]") {
  const test::Scratch scratch;
  const auto window_from = [&](const char* family, const char* more) {
    (void)scratch.file("config.json", std::string(R"({"model_type":")") + family + "\"," +
                                          llama_members.substr(llama_members.find("\"vocab")) +
                                          R"(,"use_sliding_window":true,"sliding_window":4)" + more + "}");
    return std::get<nn::DecoderConfig>(io::read_config(scratch.folder()).config).block.attention.window_from;
  };
  CHECK(window_from("qwen2", "") == 28);
  CHECK(window_from("qwen3", R"(,"max_window_layers":1)") == 1);
  CHECK(window_from("mistral", "") == 0);
}
