// SPDX-License-Identifier: MIT
#include <lorica/adapt/score/page.hpp>

#include "adapt/toy.hpp"

using namespace lorica;
using namespace lorica::adapt;
using R = test::Reference;

namespace {

/// Samples of 3, 9, 1 and 5 tokens, some without a target: both ways of the closed form are gone.
nn::Sequences samples() {
  nn::Sequences s;
  for (const index_t length : {3, 9, 1, 5}) {
    std::vector<std::int32_t> ids, targets;
    for (index_t i = 0; i < length; ++i) {
      ids.push_back(static_cast<std::int32_t>((5 * i + length) % 13));
      targets.push_back(i % 3 == 2 ? no_target : static_cast<std::int32_t>((7 * i + 2 * length) % 13));
    }
    s.add(ids, targets);
  }
  return s;
}

/// dL_n/dW of every site for sample n, its loss the mean over its targets: the whole gradients, by name of
/// the site.
using Gradients = std::map<std::string, std::vector<double>>;
std::vector<Gradients> full_gradients(const nn::Sequences& s) {
  R b;
  std::vector<Gradients> out;
  for (index_t n = 0; n < s.count(); ++n) {
    const test::Toy<R, Parameter<R>> model(b);
    Bare bare;
    test::backward(b, model, bare, test::only(s, n), 1.0 / double(s.targets_in(n)));
    out.emplace_back();
    for (const auto& l : model.linears()) out.back()[l.site.path] = l.weight.grad.host<double>(b);
  }
  return out;
}
double mean_of_energies(const std::vector<Gradients>& g, const std::string& path) {
  double e = 0;
  for (const auto& sample : g) e += test::squares(sample.at(path)) / double(g.size());
  return e;
}
double energy_of_mean(const std::vector<Gradients>& g, const std::string& path) {
  std::vector<double> mean(g[0].at(path).size());
  for (const auto& sample : g)
    for (std::size_t i = 0; i < mean.size(); ++i) mean[i] += sample.at(path)[i] / double(g.size());
  return test::squares(mean);
}

/// PAGE by the first gradient of LoRA adapters at all sites, and by the probe.
template <Backend B, class Model>
void is_energy_of_first_gradient(B& b, const Model& model, const nn::Sequences& s) {
  for (const index_t rank : {1, 4}) {
    const AlphaOverRank scaling{.alpha = 5};
    const LowRank::config shape{.gain = 0.8};
    const Seed seed = 11;
    auto adapted = attach(
        b, model, Lora{.adapter = {.shape = shape, .scaling = scaling}, .placement = {.rank = rank}}, seed);
    test::backward_of_means(b, model, adapted, s);
    const auto gradient = test::gradients(b, adapted);
    const auto scores = probe(b, model, s,
                              Page{.reading = Reading::mean_gradient,
                                   .rank = rank,
                                   .scaling = scaling,
                                   .seed = seed,
                                   .shape = shape},
                              nn::NextToken{}, 3);
    REQUIRE(scores.sites.size() == adapted.slots().size());
    for (std::size_t i = 0; i < scores.sites.size(); ++i) {
      const auto& path = scores.sites[i].path;
      INFO(path << ", rank " << rank);
      const double want = test::squares(gradient.at(path + ".B"));
      CHECK(want > 0);
      CHECK(std::abs(scores.values[i] - want) <= 1e-12 * want);
      CHECK(test::squares(gradient.at(path + ".A")) == 0);
    }
  }
}

}  // namespace

TEMPLATE_TEST_CASE("PAGE is the energy of the first gradient of an attached LoRA, at every site",
                   "[adapt][page]", LORICA_DOUBLE_BACKENDS) {
  TestType b;
  is_energy_of_first_gradient(b, test::Toy<TestType>(b), samples());
}

TEST_CASE("PAGE is the energy of the first gradient of an attached LoRA, at every site of a transformer",
          "[adapt][page]") {
  R b;
  is_energy_of_first_gradient(
      b, nn::Transformer<R, nn::LlamaBlock>(b, test::tiny<nn::LlamaBlock>(), test::weights_of(9)),
      test::sequences());
}

TEST_CASE("per sample, PAGE is the mean energy of the samples' first gradients", "[adapt][page]") {
  R b;
  const test::Toy<R> model(b);
  const auto s = samples();
  const auto scores = probe(b, model, s, Page{.rank = 3, .seed = 2});
  std::vector<double> want(4);
  for (index_t n = 0; n < s.count(); ++n) {
    auto adapted = attach(b, model, Lora{.placement = {.rank = 3}}, 2);
    test::backward_of_means(b, model, adapted, test::only(s, n));
    const auto g = test::gradients(b, adapted);
    for (std::size_t i = 0; i < 4; ++i) want[i] += test::squares(g.at(scores.sites[i].path + ".B")) / 4;
  }
  CHECK(test::relative_error(scores.values, want) < 1e-13);
}

TEMPLATE_TEST_CASE("the closed form is the expectation's, by whole gradients", "[adapt][page]",
                   LORICA_DOUBLE_BACKENDS) {
  TestType b;
  const test::Toy<TestType> model(b);
  const auto s = samples();
  const auto g = full_gradients(s);
  for (const double gain : {1.0, 0.5}) {
    const Page per_sample{.form = Form::closed, .rank = 4, .shape = {.gain = gain}};
    const Page mean{
        .reading = Reading::mean_gradient, .form = Form::closed, .rank = 4, .shape = {.gain = gain}};
    const auto f = probe(b, model, s, per_sample), m = probe(b, model, s, mean);
    for (std::size_t i = 0; i < f.sites.size(); ++i) {
      const auto& site = f.sites[i];
      INFO(site.path);
      const double factor =
          (16.0 / 4) * (16.0 / 4) * 4 * gain * gain / (3 * double(site.in));  // s^2 r Var(A)
      CHECK(per_sample.per_gradient_energy(site) == Approx(factor).epsilon(1e-14));
      CHECK(f.values[i] == Approx(factor * mean_of_energies(g, site.path)).epsilon(1e-12));
      CHECK(m.values[i] == Approx(factor * energy_of_mean(g, site.path)).epsilon(1e-12));
      CHECK(m.values[i] < f.values[i]);
    }
  }
}

TEST_CASE("over many draws the sampled form comes to the closed one", "[adapt][page]") {
  R b;
  const test::Toy<R> model(b);
  const index_t rank = 8, draws = 600;
  const double error =
      std::sqrt(2.0 / double(rank * draws));  // at most: entries of A are bounded, directions may agree
  for (const auto reading : {Reading::per_sample, Reading::mean_gradient}) {
    const auto closed =
        probe(b, model, samples(), Page{.reading = reading, .form = Form::closed, .rank = rank});
    const auto sampled = probe(b, model, samples(), Page{.reading = reading, .rank = rank, .draws = draws});
    const auto one = probe(b, model, samples(), Page{.reading = reading, .rank = rank});
    for (std::size_t i = 0; i < 4; ++i) {
      INFO(closed.sites[i].path);
      CHECK(std::abs(sampled.values[i] / closed.values[i] - 1) < 4 * error);
      CHECK(std::abs(one.values[i] / closed.values[i] - 1) > 1e-6);
    }
  }
}

TEST_CASE("several draws are the mean of each, and a draw is the generator's own", "[adapt][page]") {
  R b;
  const test::Toy<R> model(b);
  for (const auto reading : {Reading::per_sample, Reading::mean_gradient}) {
    const auto score = [&](index_t draws, Seed seed) {
      return probe(b, model, samples(), Page{.reading = reading, .rank = 2, .draws = draws, .seed = seed})
          .values;
    };
    const auto one = score(1, 3), two = score(2, 3), other = score(1, 4);
    CHECK(one == score(1, 3));
    CHECK(test::relative_error(one, other) > 1e-3);
    CHECK(test::relative_error(one, two) > 1e-3);
    // Draw 1 alone: what two draws say less what the first says.
    for (std::size_t i = 0; i < 4; ++i) CHECK(2 * two[i] - one[i] > 0);
  }
}

TEST_CASE("scores do not depend on how many samples go at a time", "[adapt][page]") {
  R b;
  const test::Toy<R> model(b);
  for (const Page page :
       {Page{.draws = 2}, Page{.reading = Reading::mean_gradient, .draws = 2}, Page{.form = Form::closed}}) {
    const auto whole = probe(b, model, samples(), page, nn::NextToken{}, 8).values;
    for (const index_t batch : {1, 2, 3})
      CHECK(test::relative_error(probe(b, model, samples(), page, nn::NextToken{}, batch).values, whole) <
            1e-13);
  }
}

TEST_CASE("a sample weighs as any other, however many targets it has, one without any is none",
          "[adapt][page]") {
  R b;
  const test::Toy<R> model(b);
  const auto s = samples();
  auto with_silent = s;
  with_silent.add(std::vector<std::int32_t>{4, 4, 8}, {});
  for (const Page page : {Page{}, Page{.reading = Reading::mean_gradient}, Page{.form = Form::closed},
                          Page{.reading = Reading::mean_gradient, .form = Form::closed}}) {
    const auto want = probe(b, model, s, page).values;
    CHECK(test::relative_error(probe(b, model, with_silent, page).values, want) < 1e-13);
  }
  // Per sample, the score of all is the mean of the scores of each.
  std::vector<double> mean(4);
  for (index_t n = 0; n < s.count(); ++n) {
    const auto one = probe(b, model, test::only(s, n), Page{}).values;
    for (std::size_t i = 0; i < 4; ++i) mean[i] += one[i] / 4;
  }
  CHECK(test::relative_error(probe(b, model, s, Page{}).values, mean) < 1e-13);
}

TEST_CASE("without a target there is nothing to score", "[adapt][page]") {
  R b;
  const test::Toy<R> model(b);
  nn::Sequences silent;
  silent.add(std::vector<std::int32_t>{4, 4, 8}, {});
  CHECK(probe(b, model, silent, Page{}).values == std::vector<double>(4));
  CHECK(Page{}.value(Page::state{}) == 0);
}

TEST_CASE("scores grow with the square of alpha", "[adapt][page]") {
  R b;
  const test::Toy<R> model(b);
  for (const auto form : {Form::sampled, Form::closed}) {
    auto nine = probe(b, model, samples(), Page{.form = form, .scaling = {.alpha = 3}}).values;
    for (double& v : nine) v /= 9;
    CHECK(test::relative_error(
              nine, probe(b, model, samples(), Page{.form = form, .scaling = {.alpha = 1}}).values) < 1e-13);
  }
}

TEST_CASE("the closed form of the mean gradient wants all samples in one batch", "[adapt][page]") {
  R b;
  const test::Toy<R> model(b);
  const Page page{.reading = Reading::mean_gradient, .form = Form::closed};
  CHECK(test::error_of<ConfigError>([&] { (void)probe(b, model, samples(), page, nn::NextToken{}, 3); }) ==
        "the energy of the mean gradient at blocks.1.down needs all samples in one batch; raise the batch "
        "size, or let PAGE draw (Form::sampled; the only way where a model meets a site more than once)");
}
