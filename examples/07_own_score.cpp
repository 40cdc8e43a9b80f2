// SPDX-License-Identifier: MIT
// 07_own_score.cpp -- A score of your own is one struct: what an entry is worth, given its gradient. And a
// trap: where many directions score the same, a threshold takes them all. Run from the root of the project:
// build/cpu/examples/07_own_score
#include <lorica/lorica.hpp>

#include <iostream>
#include <numeric>

using namespace lorica;
using B = cpu::EigenBackend<float>;

// [doc:score]
/// How steadily the gradient of an entry keeps its sign: |mean of sign(g)|, between 0 and 1.
struct Steadiness {
  static constexpr int memory = 1;  // running values an entry
  template <class T> LORICA_HD void observe(T, T g, adapt::Cells<T> m, index_t) const {
    m[0] = T(0.9) * m[0] + T(0.1) * (g > T(0) ? T(1) : g < T(0) ? T(-1) : T(0));
  }
  template <class T> LORICA_HD T value(adapt::Cells<const T> m, index_t) const {
    return m[0] < T(0) ? -m[0] : m[0];
  }
};
/// The same, rounded to tenths: a score with few values.
struct Coarse : Steadiness {
  static constexpr bool silencer_only = true;  // of lambda alone, so that no mean smooths the steps away
  template <class T> LORICA_HD T value(adapt::Cells<const T> m, index_t t) const {
    return T(static_cast<int>(T(10) * Steadiness::value(m, t))) / T(10);
  }
};
// [/doc:score]

template <class Score> index_t left_by(B& b, const nn::Decoder<B>& model, const train::Windows& text) {
  adapt::AdaLora<Score> method;
  method.placement = {.start = {.rank = 4}, .target = {.total = 60}, .tinit = {5}, .tfinal = {10}};
  auto adapted = adapt::attach(b, model, method);
  train::fit(b, model, adapted, text, {.steps = 30, .batch = 4, .optimizer = {.lr = 2e-2}});
  const auto ranks = adapted.ranks();
  return std::accumulate(ranks.begin(), ranks.end(), index_t{0});
}

int main() {
  B b;
  const auto model = io::load_decoder(b, "examples/data/tiny");
  const auto text = train::windows(io::bytes("examples/data/heldout.txt"), {.length = 128});
  const index_t fine = left_by<Steadiness>(b, model, text), coarse = left_by<Coarse>(b, model, text);
  std::cout << "a budget of 60 directions leaves " << fine << " by steadiness, " << coarse
            << " by its tenths\n";
  const bool claim = fine == 60 && coarse < 60;
  std::cout << (claim ? "holds" : "DOES NOT HOLD")
            << ": a score with few values ties at the threshold, and ties all go\n";
  return claim ? 0 : 1;
}
