// SPDX-License-Identifier: MIT
// 11_page_and_gradients.cpp -- PAGE against the norm of the full gradient. PAGE is what an adapter will
// receive: |G|^2 times a factor that falls with the fan-in, because A starts smaller where there are more
// inputs. So the two need not agree on the site. Here G is had the dear way, from a copy of the model whose
// weights train. Run from the root of the project: build/cpu/examples/11_page_and_gradients
#include <lorica/lorica.hpp>

#include <iostream>

using namespace lorica;
using B = cpu::EigenBackend<double>;

int main() {
  B b;
  const auto model = io::load_decoder(b, "examples/data/tiny");
  const auto text = train::windows(io::bytes("include/lorica/autograd/tape.hpp"), {.length = 64});
  const auto samples = text.sample(4);

  // [doc:page_and_gradients]
  const adapt::Page page{.reading = adapt::Reading::mean_gradient, .form = adapt::Form::closed};
  const auto probed = adapt::probe(b, model, samples, page);
  // [/doc:page_and_gradients]

  const auto whole = io::load_decoder_as<Parameter<B>>(b, "examples/data/tiny");
  const nn::Batch<B> batch(b, samples);
  Tape<B> tape(b);
  Bare bare;
  const auto loss = nn::NextToken{}.loss(tape, whole, bare, batch);
  tape.backward(loss.sum, 1.0 / double(loss.count));  // all samples are of one length: the mean over samples
  std::map<std::string, double> of;
  whole.for_each_weight([&](const std::string& name, const auto& w) {
    if constexpr (requires { w.grad; })
      if (!w.grad.empty()) of[name] = b.sum_squares(w.grad.cref().data, w.grad.size());
  });
  std::vector<double> squares;
  for (const auto& site : probed.sites) squares.push_back(of.at(site.path + ".weight"));

  double worst = 0;
  report::Table table({{"site"}, {"|G|^2", report::Align::right}, {"PAGE", report::Align::right}});
  for (std::size_t i = 0; i < squares.size(); ++i) {
    const double expected = page.per_gradient_energy(probed.sites[i]) * squares[i];
    worst = std::max(worst, std::abs(probed.values[i] / expected - 1));
    if (probed.sites[i].layer == 0)
      table.add(
          {probed.sites[i].path, report::significant(squares[i]), report::significant(probed.values[i])});
  }
  const auto by_gradient = static_cast<std::size_t>(std::ranges::max_element(squares) - squares.begin());
  std::cout << table.to_terminal() << "dominant by |G|: " << probed.sites[by_gradient]
            << ", by PAGE: " << probed.sites[probed.dominant()] << '\n';
  const bool claim = worst < 1e-9;
  std::cout << (claim ? "holds" : "DOES NOT HOLD") << ": one probe of the frozen model gives |G|^2 at all "
            << squares.size() << " sites, to " << worst << '\n';
  return claim ? 0 : 1;
}
