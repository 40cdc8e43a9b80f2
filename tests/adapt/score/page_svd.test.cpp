// SPDX-License-Identifier: MIT
#include <lorica/adapt/score/page_svd.hpp>

#include "adapt/toy.hpp"

using namespace lorica;
using namespace lorica::adapt;
using R = test::Reference;

namespace {
const SvdLora method{.adapter = {.shape = {.sigma = 0.3}, .scaling = {.alpha = 5}}, .placement = {.rank = 3}};
PageSvd score(Reading reading) {
  return {.reading = reading,
          .rank = method.placement.rank,
          .scaling = method.adapter.scaling,
          .seed = 11,
          .shape = method.adapter.shape};
}
}  // namespace

TEMPLATE_TEST_CASE("PAGE of P diag(lambda) Q is the energy of the first gradient, at every site",
                   "[adapt][page]", LORICA_SOME_BACKENDS) {
  using B = TestType;
  B b;
  const nn::Transformer<B, nn::LlamaBlock> model(b, test::tiny<nn::LlamaBlock>(), test::weights_of(9));
  const auto s = test::sequences();
  auto adapted = attach(b, model, method, 11);
  test::backward_of_means(b, model, adapted, s);
  const auto gradient = test::gradients(b, adapted);
  const auto scores = probe(b, model, s, score(Reading::mean_gradient), nn::NextToken{}, 2);
  REQUIRE(scores.values.size() == adapted.slots().size());
  for (std::size_t i = 0; i < scores.sites.size(); ++i) {
    const auto& path = scores.sites[i].path;
    INFO(path);
    const double want = test::squares(gradient.at(path + ".lambda"));
    CHECK(want > 0);
    CHECK(std::abs(scores.values[i] - want) <= 50 * test::tolerance<B>() * want);
    CHECK(test::squares(gradient.at(path + ".P")) == 0);
    CHECK(test::squares(gradient.at(path + ".Q")) == 0);
  }
}

TEST_CASE("per sample, PAGE of P diag(lambda) Q is the mean energy of the samples' first gradients",
          "[adapt][page]") {
  R b;
  const test::Toy<R> model(b);
  const auto s = test::sequences();
  std::vector<double> want(4);
  for (index_t n = 0; n < s.count(); ++n) {
    auto adapted = attach(b, model, method, 11);
    test::backward_of_means(b, model, adapted, test::only(s, n));
    const auto g = test::gradients(b, adapted);
    for (std::size_t i = 0; i < 4; ++i)
      want[i] += test::squares(g.at(adapted.slots()[i].site.path + ".lambda")) / double(s.count());
  }
  for (const index_t batch : {1, 3})
    CHECK(test::relative_error(probe(b, model, s, score(Reading::per_sample), nn::NextToken{}, batch).values,
                               want) < 1e-13);
}

TEST_CASE("over many draws PAGE of P diag(lambda) Q comes to its closed form", "[adapt][page]") {
  R b;
  const test::Toy<R> model(b);
  const auto s = test::sequences();
  for (const auto reading : {Reading::per_sample, Reading::mean_gradient}) {
    auto page = score(reading);
    page.form = Form::closed;
    const auto closed = probe(b, model, s, page).values;
    const auto energy = probe(b, model, s, GradientEnergy{reading}).values;
    const double scale = 5.0 / (3 + 1e-5), factor = scale * scale * 3 * 0.09 * 0.09;
    CHECK(page.per_gradient_energy() == Approx(factor).epsilon(1e-14));
    page.form = Form::sampled;
    page.draws = 3000;
    const auto drawn = probe(b, model, s, page).values;
    for (std::size_t i = 0; i < 4; ++i) {
      CHECK(closed[i] == Approx(factor * energy[i]).epsilon(1e-12));
      // (p^T G q)^2 of independent Gaussians has a relative variance of at most 9 - 1.
      CHECK(std::abs(drawn[i] / closed[i] - 1) < 4 * std::sqrt(8.0 / (3 * 3000)));
    }
  }
}

TEST_CASE("several draws are the mean of each, the first that of the adapter", "[adapt][page]") {
  R b;
  const test::Toy<R> model(b);
  const auto s = test::sequences();
  for (const auto reading : {Reading::per_sample, Reading::mean_gradient}) {
    auto page = score(reading);
    const auto one = probe(b, model, s, page).values;
    CHECK(probe(b, model, s, page).values == one);
    page.draws = 2;
    const auto two = probe(b, model, s, page).values;
    CHECK(test::relative_error(one, two) > 1e-3);
    for (std::size_t i = 0; i < 4; ++i) CHECK(2 * two[i] - one[i] > 0);
  }
}

TEST_CASE("PAGE of P diag(lambda) Q: no draw, and no target", "[adapt][page]") {
  R b;
  const test::Toy<R> model(b);
  CHECK(test::error_of<ConfigError>([&] { (void)probe(b, model, test::sequences(), PageSvd{.draws = 0}); }) ==
        "PageSvd: 0 draws, expected at least 1");
  nn::Sequences silent;
  silent.add(std::vector<std::int32_t>{4, 4, 8}, {});
  CHECK(probe(b, model, silent, PageSvd{}).values == std::vector<double>(4));
  CHECK(probe(b, model, silent, PageSvd{.form = Form::closed}).values == std::vector<double>(4));
}
