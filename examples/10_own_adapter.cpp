// SPDX-License-Identifier: MIT
// 10_own_adapter.cpp -- An adapter of your own says what leaves a site: here y + s x delta W^T + d, LoRA and
// a trained shift d, over either parameterization. The library's placements, probe and training take it as
// they take their own. Run from the root of the project: build/cpu/examples/10_own_adapter
#include <lorica/lorica.hpp>

#include <iostream>

using namespace lorica;
using B = cpu::EigenBackend<float>;

// [doc:adapter]
template <class P = adapt::LowRank, class S = adapt::AlphaOverRank> struct Shifted {
  static constexpr const char* name = "shifted";
  using parameterization = P;
  typename P::config shape = {};
  S scaling = {};
  template <Backend T> struct state {
    typename P::template factors<T> factors;
    double scale;
    Parameter<T> shift;  // [1, m]
  };
  template <Backend T>
  state<T> make(T& b, const SiteInfo& s, const WeightView<T>&, index_t rank, Seed seed) const {
    return {P::make(b, s, shape, rank, seed),
            scaling(rank),
            {s.path + ".shift", zeros<typename T::master>(b, 1, s.out)}};
  }
  template <Backend T> Var<T> visit(state<T>& st, const SiteCall<T>& c) const {
    const Var<T> update = scale(P::apply(st.factors, c.x), st.scale);  // [n, m]
    return add(std::move(c.y), add_bias(update, c.x.tape().leaf(st.shift)));
  }
  template <Backend T, class F> void for_each(state<T>& st, F visit) const {
    P::for_each(st.factors, [&](const adapt::Factor<T>& f) { visit(*f.parameter); });
    visit(st.shift);
  }
  template <Backend T> double rate(const Parameter<T>&) const { return 1; }
};
// [/doc:adapter]

template <class M> double gain(B& b, const nn::Decoder<B>& model, const train::Windows& text, M method) {
  auto adapted = adapt::attach(b, model, std::move(method));
  const double before = train::evaluate(b, model, adapted, text);
  train::fit(b, model, adapted, text, {.steps = 40, .batch = 8, .optimizer = {.lr = 1e-2}});
  return 1 - train::evaluate(b, model, adapted, text) / before;
}

int main() {
  B b;
  const auto model = io::load_decoder(b, "examples/data/tiny");
  const auto text = train::windows(io::bytes("include/lorica/autograd/tape.hpp"), {.length = 256});
  const adapt::Uniform down{.rank = 4, .sites = {.roles = {Role::down}}};
  const double doublets = gain(b, model, text, adapt::Method<Shifted<>>{.placement = down});
  const double triplets = gain(
      b, model, text, adapt::Method<Shifted<adapt::Svd, adapt::AlphaOverRankPlusEps>>{.placement = down});
  std::cout << "loss lower by " << 100 * doublets << " % over B A, by " << 100 * triplets
            << " % over P diag(lambda) Q\n";
  const bool claim = doublets > 0.1 && triplets > 0.1;
  std::cout << (claim ? "holds" : "DOES NOT HOLD")
            << ": one adapter of a host's own, two parameterizations\n";
  return claim ? 0 : 1;
}
