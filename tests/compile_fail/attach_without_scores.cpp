// expect: lorica: attach: this method places by site score: probe first
#include <lorica/adapt/attach.hpp>
#include <lorica/cpu/eigen_backend.hpp>
#include <lorica/nn/transformer.hpp>

using B = lorica::cpu::EigenBackend<float>;

auto attach(B& b, const lorica::nn::Decoder<B>& model) {
  return lorica::adapt::attach(b, model, lorica::adapt::DomLora<>{});
}
