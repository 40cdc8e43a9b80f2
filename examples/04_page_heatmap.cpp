// SPDX-License-Identifier: MIT
// 04_page_heatmap.cpp -- Where the gradient energy is, drawn once and in the mean.
// Run from the root of the project: build/cpu/examples/04_page_heatmap
#include <lorica/lorica.hpp>

#include <iostream>

using namespace lorica;

int main() {
  cpu::EigenBackend<float> b;
  const auto model = io::load_decoder(b, "examples/data/tiny");
  const auto samples =
      train::windows(io::bytes("include/lorica/autograd/tape.hpp"), {.length = 256}).sample(16);

  // [doc:page]
  // PAGE = |s G A^T|^2: one draw of A is what a run would start from; the closed form is the mean over all
  // draws.
  const auto drawn = adapt::probe(b, model, samples, adapt::Page{.draws = 64});
  const auto exact = adapt::probe(b, model, samples, adapt::Page{.form = adapt::Form::closed});
  // [/doc:page]
  std::cout << report::to_terminal(report::site_map("PAGE, closed form", exact));

  double worst = 0;
  for (std::size_t i = 0; i < exact.values.size(); ++i)
    worst = std::max(worst, std::abs(drawn.values[i] / exact.values[i] - 1));
  std::cout << "dominant: " << exact.sites[exact.dominant()] << " with " << 100 * exact.concentration()
            << " % of the energy\n";
  // One draw at rank 8 strays by up to sqrt(2/8) = 50 %; 64 draws by an eighth of that, and this is the worst
  // of 42 sites.
  const bool claim = worst < 4 * std::sqrt(2.0 / (8 * 64)) && drawn.dominant() == exact.dominant();
  std::cout << (claim ? "holds" : "DOES NOT HOLD") << ": 64 draws stray by at most " << 100 * worst
            << " % from the closed form, and agree on the site\n";
  return claim ? 0 : 1;
}
