// SPDX-License-Identifier: MIT
// 13_own_model.cpp -- Adapt a model that is yours: its linears ask the policy, it says where its sites are.
// Run: build/cpu/examples/13_own_model
#include <lorica/adapt/attach.hpp>
#include <lorica/autograd/elementwise_ops.hpp>
#include <lorica/cpu/eigen_backend.hpp>
#include <lorica/nn/site.hpp>
#include <lorica/train/optimizer.hpp>

#include <iostream>

using namespace lorica;
using B = cpu::EigenBackend<float>;

namespace mine {  // nothing here is the library's but nn/site.hpp and the operations

struct Layer {
  SiteInfo site;
  Frozen<B> weight;
};
/// Two layers and a tanh; rows are samples, each its own "sequence".
struct Net {
  Layer in, out;
  Net(B& b, index_t k, index_t hidden, index_t m)
      : in{{0, 0, Role::other, k, hidden, "net.in"},
           Frozen<B>(b, {b, hidden, k, normals(Stream(1, "net", "in"), hidden * k, 0.4)})},
        out{{1, 1, Role::other, hidden, m, "net.out"},
            Frozen<B>(b, {b, m, hidden, normals(Stream(1, "net", "out"), m * hidden, 0.4)})} {}

  // [doc:own]
  template <class P> Var<B> forward(const Var<B>& x, std::span<const index_t> offsets, P& policy) const {
    const MasterTensor<B>* none = nullptr;
    const auto h = tanh(at_site<B>(in.site, x, in.weight, none, offsets, policy));
    return at_site<B>(out.site, h, out.weight, none, offsets, policy);
  }
  template <class F> void for_each_site(F f) const {
    f(in.site, WeightView<B>(in.weight));
    f(out.site, WeightView<B>(out.weight));
  }
  // [/doc:own]
};

}  // namespace mine

int main() {
  B b;
  const mine::Net net(b, 8, 16, 3);
  const Tensor<B> x(b, 32, 8, normals(Stream(2, "data", "x"), 256, 1)),
      target(b, 32, 3, normals(Stream(2, "data", "t"), 96, 1));
  const std::vector<index_t> offsets = {0, 32};
  auto adapted = adapt::attach(b, net, adapt::Lora{.placement = {.rank = 2, .sites = {.paths = {"net.*"}}}});
  train::AdamW adamw{.lr = 2e-2, .weight_decay = 0};
  train::AdamW::state<B> state;
  double first = 0, last = 0;
  for (index_t step = 0; step < 200; ++step) {
    adapted.for_each_parameter([](Parameter<B>& p, double) { p.grad = {}; });
    Tape<B> tape(b);
    const auto loss = squared_error(net.forward(tape.constant(x), offsets, adapted), target);
    tape.backward(loss);
    adapted.for_each_parameter(
        [&](Parameter<B>& p, double rate) { state.update(b, adamw, p, adamw.lr * rate, step + 1); });
    last = loss.value().host<double>(b)[0];
    if (step == 0) first = last;
  }
  const bool claim = last < 0.8 * first;
  std::cout << adapted.parameter_count() << " parameters at " << adapted.slots().size() << " sites: loss "
            << first << " -> " << last << "\n"
            << (claim ? "holds" : "DOES NOT HOLD")
            << ": a frozen model of a host learns through adapters it knows nothing of\n";
  return claim ? 0 : 1;
}
