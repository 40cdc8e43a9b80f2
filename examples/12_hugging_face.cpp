// SPDX-License-Identifier: MIT
// 12_hugging_face.cpp -- A model folder of transformers in, an adapter folder of PEFT out.
// Run from the root of the project: build/cpu/examples/12_hugging_face
#include <lorica/io.hpp>
#include <lorica/lorica.hpp>

#include <cmath>
#include <iostream>

using namespace lorica;

int main() {
  cpu::EigenBackend<float> b;
  // Ids of your text are lorica::text::load(folder).encode(text).ids; these need no tokenizer.
  std::vector<std::int32_t> ids;
  for (std::int32_t i = 0; i < 512; ++i) ids.push_back(i * i % 31);
  const train::Windows data(ids, {.length = 15});

  // [doc:peft]
  const io::ModelFolder folder("tests/oracle/models/gpt2");  // config.json and model.safetensors
  const auto model = io::load_model(b, folder);
  const double before = train::evaluate(b, model, data);
  auto adapted = adapt::attach(b, model, adapt::Lora{.placement = {.rank = 4}});
  train::fit(b, model, adapted, data, {.steps = 40, .batch = 4, .optimizer = {.lr = 1e-2}});
  const double after = train::evaluate(b, model, adapted, data);

  // What transformers calls a site: blocks.0.qkv is transformer.h.0.attn.c_attn.
  const auto names = io::peft::named_by(folder.what.names);
  io::peft::save(adapted, model, "build/peft", names, {.task_type = "CAUSAL_LM"});
  auto read = io::peft::load(b, model, adapt::Lora{}, "build/peft", names);
  const double again = train::evaluate(b, model, read.adapted, data);
  // [/doc:peft]
  const bool claim = after < 0.9 * before && std::abs(again - after) < 1e-6;
  std::cout << "nats a token: " << before << " -> " << after << ", read again " << again << "\n"
            << (claim ? "holds" : "DOES NOT HOLD")
            << ": adapters learn, and the folder that PEFT opens answers as they do\n";
  return claim ? 0 : 1;
}
