// SPDX-License-Identifier: MIT
// 06_budget.cpp -- AdaLoRA: every matrix starts with rank 6, a budget takes two thirds of it away, and what
// is left has gone where the loss asked for it. Nobody calls the allocator: fit does. Run from the root of
// the project: build/cpu/examples/06_budget
#include <lorica/lorica.hpp>

#include <iostream>
#include <numeric>

using namespace lorica;
using B = cpu::EigenBackend<float>;

/// A callback: what each cut left.
template <class Adapted> struct Cuts {
  const Adapted* adapted;
  std::vector<adapt::Cut>* seen;
  template <class R> void step(const R&, const train::StepInfo& s) const {
    const auto& last = adapted->allocator()->last();
    if (last && last->step == s.step) seen->push_back(*last);
  }
};

int main() {
  B b;
  const auto model = io::load_decoder(b, "examples/data/tiny");
  const auto text = train::windows(io::bytes("include/lorica/autograd/tape.hpp"), {.length = 256});

  // [doc:budget]
  adapt::AdaLora<> method;  // P diag(lambda) Q, scored by AdaLoRA's averages of |w g|
  method.placement = {
      .start = {.rank = 6}, .target = {.per_matrix = 2}, .tinit = {.share = 0.1}, .interval = 5};
  auto adapted = adapt::attach(b, model, method);
  std::vector<adapt::Cut> cuts;
  train::fit(b, model, adapted, text, {.steps = 60, .batch = 8, .optimizer = {.lr = 2e-2}},
             Cuts<decltype(adapted)>{&adapted, &cuts});
  // [/doc:budget]

  const auto sites = adapt::sites_of(model);
  std::cout << report::to_terminal(report::rank_history("directions left, by site and step", sites, cuts, 10))
            << report::to_terminal(report::rank_map("in the end", sites, adapted.ranks()));
  const auto ranks = adapted.ranks();
  const auto left = std::accumulate(ranks.begin(), ranks.end(), index_t{0});
  const auto [least, most] = std::ranges::minmax(ranks);
  std::cout << left << " of " << 6 * sites.size() << " directions are left, " << least << " to " << most
            << " a matrix\n";
  const bool claim = left == 2 * static_cast<index_t>(sites.size()) && most - least >= 2;
  std::cout << (claim ? "holds" : "DOES NOT HOLD") << ": the budget is met exactly, and not evenly\n";
  return claim ? 0 : 1;
}
