// SPDX-License-Identifier: MIT
#include <lorica/adapt/score/gradient_energy.hpp>

#include "adapt/toy.hpp"

using namespace lorica;
using namespace lorica::adapt;
using R = test::Reference;

namespace {

/// Samples of 3, 9, 1 and 5 tokens, some without a target. The toy's sites of 6 by 10 form dL/dW for more
/// than 7 rows and Gram matrices for fewer: both ways are gone.
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
/// dL_n/dW of every site, the loss of sample n the mean over its targets.
std::map<std::string, std::vector<double>> gradient_of(const nn::Sequences& s, index_t n) {
  R b;
  const test::Toy<R, Parameter<R>> model(b);
  Bare bare;
  test::backward(b, model, bare, test::only(s, n), 1.0 / double(s.targets_in(n)));
  std::map<std::string, std::vector<double>> out;
  for (const auto& l : model.linears()) out[l.site.path] = l.weight.grad.host<double>(b);
  return out;
}

}  // namespace

TEMPLATE_TEST_CASE("the energy of a site's gradient, per sample and of the mean, is that of whole gradients",
                   "[adapt][gradient_energy]", LORICA_SOME_BACKENDS) {
  using B = TestType;
  B b;
  const test::Toy<B> model(b);
  const auto s = samples();
  const auto each = probe(b, model, s, GradientEnergy{});
  const auto mean = probe(b, model, s, GradientEnergy{Reading::mean_gradient});
  const double n = double(s.count());
  for (std::size_t i = 0; i < each.sites.size(); ++i) {
    const auto& path = each.sites[i].path;
    INFO(path);
    double want_each = 0;
    std::vector<double> sum;
    for (index_t sample = 0; sample < s.count(); ++sample) {
      const auto g = gradient_of(s, sample).at(path);
      want_each += test::squares(g) / n;
      sum.resize(g.size());
      for (std::size_t j = 0; j < g.size(); ++j) sum[j] += g[j] / n;
    }
    CHECK(each.values[i] == Approx(want_each).epsilon(20 * test::tolerance<B>()));
    CHECK(mean.values[i] == Approx(test::squares(sum)).epsilon(20 * test::tolerance<B>()));
    CHECK(mean.values[i] < each.values[i]);
  }
}

TEST_CASE("the energy does not depend on how many samples go at a time", "[adapt][gradient_energy]") {
  R b;
  const test::Toy<R> model(b);
  const auto whole = probe(b, model, samples(), GradientEnergy{}).values;
  for (const index_t batch : {1, 2, 3})
    CHECK(test::relative_error(probe(b, model, samples(), GradientEnergy{}, nn::NextToken{}, batch).values,
                               whole) < 1e-13);
}

TEST_CASE("the mean gradient wants all samples in one batch, and names the site",
          "[adapt][gradient_energy]") {
  R b;
  const test::Toy<R> model(b);
  CHECK(test::error_of<ConfigError>([&] {
          (void)probe(b, model, samples(), GradientEnergy{Reading::mean_gradient}, nn::NextToken{}, 3);
        }) ==
        "the energy of the mean gradient at blocks.1.down needs all samples in one batch; raise the batch "
        "size, or let PAGE draw (Form::sampled; the only way where a model meets a site more than once)");
}

TEST_CASE("without a target there is no energy", "[adapt][gradient_energy]") {
  R b;
  nn::Sequences silent;
  silent.add(std::vector<std::int32_t>{4, 4, 8}, {});
  for (const auto reading : {Reading::per_sample, Reading::mean_gradient})
    CHECK(probe(b, test::Toy<R>(b), silent, GradientEnergy{reading}).values == std::vector<double>(4));
}
