// SPDX-License-Identifier: MIT
// 09_own_placement.cpp -- A placement of your own is one function from sites and scores to ranks. This one
// takes the best site of every layer; it works with any adapter, and under a budget. Run from the root of the
// project: build/cpu/examples/09_own_placement
#include <lorica/lorica.hpp>

#include <iostream>

using namespace lorica;

// [doc:placement]
/// Rank `rank` at the best-scored site of each layer.
struct BestOfLayer {
  static constexpr unsigned asks = adapt::grain::site;
  index_t rank = 8;
  adapt::Placement place(std::span<const SiteInfo> sites, std::span<const double> scores) const {
    std::map<index_t, std::size_t> best;
    for (std::size_t i = 0; i < sites.size(); ++i)
      if (const auto [at, fresh] = best.try_emplace(sites[i].layer, i);
          !fresh && scores[i] > scores[at->second])
        at->second = i;
    adapt::Placement p{std::vector<index_t>(sites.size(), 0)};
    for (const auto& [layer, i] : best) p.rank[i] = rank;
    return p;
  }
};
// [/doc:placement]

int main() {
  cpu::EigenBackend<float> b;
  const auto model = io::load_decoder(b, "examples/data/tiny");
  const auto text = train::windows(io::bytes("include/lorica/autograd/tape.hpp"), {.length = 256});
  const adapt::Method<adapt::Additive<>, adapt::Page, BestOfLayer> method{.placement = {.rank = 4}};
  const auto scores = adapt::probe(b, model, text.sample(16), method.score);
  auto adapted = adapt::attach(b, model, method, scores);
  const double before = train::evaluate(b, model, adapted, text);
  train::fit(b, model, adapted, text, {.steps = 40, .batch = 8, .optimizer = {.lr = 1e-2}});
  const double after = train::evaluate(b, model, adapted, text);
  std::vector<index_t> layers;
  for (const auto& s : adapted.slots()) {
    std::cout << s.site << " rank " << s.rank << '\n';
    layers.push_back(s.site.layer);
  }
  std::cout << "loss " << before << " -> " << after << '\n';
  const bool claim = std::ranges::adjacent_find(layers, std::ranges::greater_equal{}) == layers.end() &&
                     adapted.slots().size() == static_cast<std::size_t>(model.config().layers) &&
                     after < 0.95 * before;
  std::cout << (claim ? "holds" : "DOES NOT HOLD") << ": one adapter a layer, and it learns\n";
  return claim ? 0 : 1;
}
