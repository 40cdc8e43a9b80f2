// SPDX-License-Identifier: MIT
// 05_domlora.cpp -- One adapter where the energy is, against adapters everywhere.
// Run from the root of the project: build/cpu/examples/05_domlora
#include <lorica/lorica.hpp>

#include <iostream>

using namespace lorica;

namespace {
using B = cpu::EigenBackend<float>;

struct Result {
  index_t parameters;
  double gain;  // of the held-out loss, as a fraction
};
template <class Adapted>
Result train_and_measure(B& b, const nn::Decoder<B>& model, Adapted adapted, const train::Windows& text,
                         const train::Windows& heldout) {
  const double before = train::evaluate(b, model, heldout);
  train::fit(b, model, adapted, text, {.steps = 40, .batch = 8, .optimizer = {.lr = 1e-2}});
  return {adapted.parameter_count(), 1 - train::evaluate(b, model, adapted, heldout) / before};
}
}  // namespace

int main() {
  B b;
  const auto model = io::load_decoder(b, "examples/data/tiny");
  const auto text = train::windows(io::bytes("include/lorica/autograd/linear_ops.hpp"), {.length = 256});
  const auto heldout = train::windows(io::bytes("include/lorica/autograd/norm_ops.hpp"), {.length = 256});

  // [doc:domlora]
  const auto scores = adapt::probe(b, model, text.sample(32), adapt::Page{});
  auto everywhere = adapt::attach(b, model, adapt::Lora{.placement = {.rank = 8}});
  auto dominant = adapt::attach(b, model, adapt::DomLora<>{.placement = {.rank = 8}}, scores);
  // [/doc:domlora]
  const Result all = train_and_measure(b, model, std::move(everywhere), text, heldout);
  const Result one = train_and_measure(b, model, std::move(dominant), text, heldout);

  const double share = double(one.parameters) / double(all.parameters);
  std::cout << "everywhere: " << all.parameters << " parameters, held-out loss " << 100 * all.gain
            << " % lower\n"
            << "dominant:   " << one.parameters << " parameters, held-out loss " << 100 * one.gain
            << " % lower\n";
  const bool claim = share < 0.05 && one.gain > 0 && one.gain / share > all.gain;
  std::cout << (claim ? "holds" : "DOES NOT HOLD") << ": with " << 100 * share
            << " % of the parameters, more of the gain than that share\n";
  return claim ? 0 : 1;
}
