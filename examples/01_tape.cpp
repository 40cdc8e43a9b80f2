// SPDX-License-Identifier: MIT
// 01_tape.cpp -- A gradient, and the same by finite differences.
// Run: build/cpu/examples/01_tape
#include <lorica/autograd/elementwise_ops.hpp>
#include <lorica/autograd/gradcheck.hpp>
#include <lorica/autograd/linear_ops.hpp>
#include <lorica/autograd/loss_ops.hpp>
#include <lorica/cpu/eigen_backend.hpp>

#include <iostream>

using namespace lorica;
using B = cpu::EigenBackend<double>;

int main() {
  B b;
  // A Stream is random numbers without order: number i is a function of seed, purpose and place.
  const auto draw = [](const char* name, index_t n) { return normals(Stream(1, "example", name), n, 0.5); };
  Parameter<B> w{"w", {b, 4, 3, draw("w", 12)}};          // [m=4, k=3]
  Parameter<B> bias{"bias", {b, 1, 4, draw("bias", 4)}};  // [1, m=4]
  const Tensor<B> x(b, 5, 3, draw("x", 15)), target(b, 5, 4, draw("t", 20));

  // [doc:tape]
  const auto loss_of = [&](Tape<B>& tape) {
    const auto y = tanh(add_bias(linear(tape.constant(x), w), tape.leaf(bias)));  // [5, 4]
    return squared_error(y, target);                                              // [1, 1]
  };
  Tape<B> tape(b);
  const auto loss = loss_of(tape);
  tape.backward(loss);
  // [/doc:tape]
  std::cout << "loss " << loss.value().host(b)[0] << ", dL/dbias";
  for (const double g : bias.grad.host(b)) std::cout << ' ' << g;

  Parameter<B>* const parameters[] = {&w, &bias};
  const double error = gradient_error(b, std::span<Parameter<B>* const>(parameters), loss_of);
  const bool claim = error < 1e-8;
  std::cout << "\n"
            << (claim ? "holds" : "DOES NOT HOLD") << ": tape and finite differences agree to " << error
            << "\n";
  return claim ? 0 : 1;
}
