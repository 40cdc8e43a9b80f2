// SPDX-License-Identifier: MIT
// 00_hello.cpp -- Where should one adapter go? Ask the gradient, put it there, train it, keep 8 kB.
// Run from the root of the project: build/cpu/examples/00_hello
#include <lorica/lorica.hpp>

#include <iostream>

using namespace lorica;

int main() {
  // [doc:hello]
  cpu::EigenBackend<float> b;
  const auto model = io::load_decoder(b, "examples/data/tiny");  // knows English, not C++
  const auto text = train::windows(io::bytes("include/lorica/autograd/tape.hpp"), {.length = 256});

  // 1. Listen. One backward pass through the frozen model.
  const auto scores = adapt::probe(b, model, text.sample(32), adapt::Page{});
  std::cout << report::to_terminal(report::site_map("PAGE by layer and role", scores)) << '\n';

  // 2. Place. DomLoRA: a single adapter, at the dominant site.
  auto one = adapt::attach(b, model, adapt::DomLora<>{.placement = {.rank = 8}}, scores);

  // 3. Train. The model is const; only the adapter has gradients.
  const double before = train::evaluate(b, model, text);
  train::fit(b, model, one, text, {.steps = 40, .batch = 8, .optimizer = {.lr = 1e-2}},
             train::PrintLoss{std::cout, 10});
  const double after = train::evaluate(b, model, one, text);

  // 4. Keep.
  io::save(one, "build/hello.safetensors");
  // [/doc:hello]
  const auto again = io::SafeTensors("build/hello.safetensors");
  std::cout << one.slots().front().site << ", " << one.parameter_count() << " parameters, "
            << again.tensors().size() << " tensors: " << train::bits(before) << " -> " << train::bits(after)
            << " bits per byte\n";
  const bool claim = after < 0.95 * before && one.slots().size() == 1;
  std::cout << (claim ? "holds" : "DOES NOT HOLD")
            << ": one adapter lowers the bits per byte by at least 5 %\n";
  return claim ? 0 : 1;
}
