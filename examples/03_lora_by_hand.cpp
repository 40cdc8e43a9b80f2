// SPDX-License-Identifier: MIT
// 03_lora_by_hand.cpp -- LoRA in a few lines of operations; then the library says the same.
// Run: build/cpu/examples/03_lora_by_hand
#include <lorica/adapt/adapted.hpp>
#include <lorica/adapt/attach.hpp>
#include <lorica/autograd/loss_ops.hpp>
#include <lorica/cpu/eigen_backend.hpp>

#include <algorithm>
#include <cmath>
#include <iostream>

using namespace lorica;
using B = cpu::EigenBackend<double>;

namespace {
/// A model of one site: y = x W^T.
struct OneLinear {
  SiteInfo site{0, 0, Role::other, 6, 5, "only"};
  Frozen<B> weight;
  template <class F> void for_each_site(F f) const { f(site, WeightView<B>(weight)); }
};
}  // namespace

int main() {
  B b;
  const auto draw = [](const char* name, index_t n) { return normals(Stream(3, "example", name), n, 1); };
  const OneLinear model{.weight = Frozen<B>(b, Tensor<B>(b, 5, 6, draw("w", 30)))};
  const Tensor<B> x(b, 7, 6, draw("x", 42)), target(b, 7, 5, draw("t", 35));
  auto adapted =
      adapt::attach(b, model, adapt::Lora{.adapter = {.scaling = {.alpha = 4}}, .placement = {.rank = 2}});
  auto& factors = adapted.slots().front().state.factors;
  factors.b.value = MasterTensor<B>(b, 5, 2, draw("b", 10));  // away from zero, so that A has a gradient

  // [doc:by_hand]
  Parameter<B> A{"A", factors.a.value.clone(b)}, Bm{"B", factors.b.value.clone(b)};
  const double s = 4.0 / 2;  // alpha / r
  Tape<B> by_hand(b);
  const auto xs = by_hand.constant(x);
  const auto u = matmul_nt<double>(xs, by_hand.leaf(A));  // [n, r]   u = x A^T
  const auto y =
      add_product(linear(xs, model.weight), u, by_hand.leaf(Bm), s);  // [n, m]   y = x W^T + s u B^T
  by_hand.backward(squared_error(y, target));
  // [/doc:by_hand]

  Tape<B> by_library(b);
  const std::vector<index_t> offsets = {0, 7};
  const auto z = at_site<B>(model.site, by_library.constant(x), model.weight,
                            static_cast<const MasterTensor<B>*>(nullptr), offsets, adapted);
  by_library.backward(squared_error(z, target));

  // To rounding: the library adds the same numbers in another order, in one operation (adapted_linears).
  const auto same = [&](const MasterTensor<B>& p, const MasterTensor<B>& q) {
    const auto l = p.host(b), r = q.host(b);
    return std::ranges::equal(l, r, [](double i, double j) { return std::abs(i - j) < 1e-13; });
  };
  const bool claim =
      same(y.value(), z.value()) && same(A.grad, factors.a.grad) && same(Bm.grad, factors.b.grad);
  std::cout << (claim ? "holds" : "DOES NOT HOLD")
            << ": output and both gradients are equal to rounding\n";
  return claim ? 0 : 1;
}
