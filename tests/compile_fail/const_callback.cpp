// expect: lorica: fit: a callback is const and has a hook
#include <lorica/adapt/attach.hpp>
#include <lorica/cpu/eigen_backend.hpp>
#include <lorica/nn/initial.hpp>
#include <lorica/nn/transformer.hpp>
#include <lorica/train/fit.hpp>

using namespace lorica;

// The losses of a run cannot be put into a curve that does not change.
void learn(cpu::EigenBackend<float>& b, const nn::Decoder<cpu::EigenBackend<float>>& model,
           const train::Windows& text) {
  auto adapted = adapt::attach(b, model, adapt::Lora{});
  const train::LossCurve curve;
  train::fit(b, model, adapted, text, {.steps = 1}, curve);
}
