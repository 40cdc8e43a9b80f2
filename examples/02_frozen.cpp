// SPDX-License-Identifier: MIT
// 02_frozen.cpp -- What is not computed, and not kept, when weights are frozen.
// Run: build/cpu/examples/02_frozen
#include <lorica/autograd/elementwise_ops.hpp>
#include <lorica/autograd/linear_ops.hpp>
#include <lorica/autograd/loss_ops.hpp>
#include <lorica/core/random.hpp>
#include <lorica/cpu/eigen_backend.hpp>

#include <iostream>

using namespace lorica;
using B = cpu::EigenBackend<float>;

namespace {
constexpr index_t n = 512, width = 256;

struct Cost {
  std::size_t recorded, saved;
};
/// Four linears over weights of either kind, then a loss; a trainable shift in front of layer `from` asks for
/// gradients.
template <class Weight>
Cost run(B& b, const std::vector<Weight>& layers, const Parameter<B>& shift, std::size_t from) {
  const Tensor<B> x(b, n, width, normals(Stream(2, "example", "x"), n * width, 1));
  Tape<B> tape(b);
  auto h = tape.constant(x);
  for (std::size_t l = 0; l < layers.size(); ++l) {
    if (l == from) h = add_bias(std::move(h), tape.leaf(shift));
    h = linear(h, layers[l]);
  }
  const auto loss = squared_error(h, x);
  const std::size_t recorded = tape.size();
  tape.backward(loss);
  return {recorded, tape.saved_bytes()};
}
}  // namespace

int main() {
  B b;
  std::vector<Frozen<B>> frozen;
  std::vector<Parameter<B>> trained;
  for (int l = 0; l < 4; ++l) {
    const auto w = normals(Stream(1, "example", std::to_string(l)), width * width, 0.06);
    frozen.emplace_back(b, Tensor<B>(b, width, width, w));
    trained.push_back({"w", {b, width, width, w}});
  }
  const Parameter<B> shift{"shift", zeros<float>(b, 1, width)};
  const Cost all = run(b, trained, shift, 0), early = run(b, frozen, shift, 0),
             late = run(b, frozen, shift, 3), none = run(b, frozen, shift, 4);
  const auto print = [](const char* what, Cost c) {
    std::cout << what << c.recorded << " steps recorded, " << c.saved / 1024 << " KiB saved\n";
  };
  print("all four layers train:             ", all);
  print("frozen, a shift before layer 0:    ", early);
  print("frozen, a shift before layer 3:    ", late);
  print("frozen, nothing trains:            ", none);
  // A frozen linear needs dx = dy W, so it keeps neither x nor y; below the first thing that trains it needs
  // nothing.
  const std::size_t one = n * width * sizeof(float);
  const bool claim = all.saved >= early.saved + 4 * one && late.recorded < early.recorded &&
                     none.recorded == 0 && none.saved < early.saved + one;
  std::cout << (claim ? "holds" : "DOES NOT HOLD")
            << ": a frozen linear keeps no activation and records nothing below the first parameter\n";
  return claim ? 0 : 1;
}
