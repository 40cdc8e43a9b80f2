// SPDX-License-Identifier: MIT
#include <lorica/adapt/score/page_of.hpp>

#include "adapt/toy.hpp"

#include <lorica/adapt/adapter/dora.hpp>
#include <lorica/adapt/adapter/plus.hpp>
#include <lorica/adapt/adapter/start.hpp>
#include <lorica/adapt/parameterization/frozen_a.hpp>
#include <lorica/adapt/score/page_svd.hpp>

using namespace lorica;
using namespace lorica::adapt;
using R = test::Reference;

namespace {

/// A start that is not B = 0, and a parameter that is no factor:
/// g * (y + s x (B A - B0 A0)^T) with g [1, m], at first 1.
struct Restarted {
  using parameterization = LowRank;
  double size = 0.4;
  template <Backend B> struct state {
    LowRank::factors<B> factors, start;
    Parameter<B> gain;
  };
  template <Backend B>
  state<B> make(B& b, const SiteInfo& s, const WeightView<B>& w, index_t rank, Seed seed) const {
    const auto one = [&] {
      auto f = LowRank::make(b, s, {}, rank, seed);
      // Of the weight, as PiSSA's: rows of it, times what is drawn.
      const auto host = w.dense(b).template host<double>(b);
      std::vector<double> numbers = normals(Stream(seed, "restart", s.path), s.out * rank, size);
      for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] *= host[i % host.size()];
      f.b.value = MasterTensor<B>(b, s.out, rank, numbers);
      return f;
    };
    return {one(),
            one(),
            {s.path + ".gain",
             MasterTensor<B>(b, 1, s.out, std::vector<double>(static_cast<std::size_t>(s.out), 1.0)),
             {}}};
  }
  template <Backend B> Var<B> visit(state<B>& st, const SiteCall<B>& c) const {
    Var<B> z = LowRank::add_to(st.factors, c.x, c.y, 2);
    auto& t = c.x.tape();
    const auto u = matmul_nt<typename B::master>(c.x, t.constant(st.start.a.value));
    z = add_product(std::move(z), u, t.constant(st.start.b.value), -2);
    return scale_columns(z, t.leaf(st.gain));
  }
  template <Backend B, class F> void for_each(state<B>& st, F visit) const {
    LowRank::for_each(st.factors, [&](const Factor<B>& f) { visit(*f.parameter); });
    visit(st.gain);
  }
  template <Backend B> double rate(const Parameter<B>&) const { return 1; }
};
static_assert(Adapter<Restarted, R> && SiteScore<PageOf<Restarted>, R>);
static_assert(SiteScore<PageOf<Additive<LowRank, AlphaOverRank>>, test::Mixed>);

/// LoRA whose A does not train.
struct HalfFrozen : Additive<LowRank, AlphaOverRank> {
  template <Backend B> double rate(const Parameter<B>& p) const { return p.name.ends_with(".A") ? 0 : 1; }
};

struct Energy {
  double factors = 0, others = 0;
};
/// What an adapter's parameters received, at one site.
template <Backend B, class M> Energy received(B& b, Adapted<B, M>& adapted, std::size_t slot) {
  using P = typename M::adapter_type::parameterization;
  Energy e;
  auto& state = adapted.slots()[slot].state;
  adapted.method().adapter.for_each(state, [&](Parameter<B>& p) {
    bool factor = false;
    P::for_each(state.factors, [&](const Factor<B>& f) { factor = factor || f.parameter == &p; });
    if (adapted.method().adapter.rate(p) > 0)
      (factor ? e.factors : e.others) += test::squares(p.grad.template host<double>(b));
  });
  return e;
}
template <class M> auto page_of(const M& method, Reading reading, index_t rank, Seed seed) {
  return PageOf<typename M::adapter_type>{
      .adapter = method.adapter, .reading = reading, .rank = rank, .seed = seed};
}

/// The theory's test, for any method: what a probe of the bare model says in reading mean_gradient is the
/// energy of the first gradient of adapters attached everywhere.
template <Backend B, class Model, class M>
void is_energy_of_first_gradient(B& b, const Model& model, const M& method, double tolerance) {
  const auto s = test::sequences();
  const index_t rank = 2;
  const auto sites = sites_of(model);
  auto adapted = attach_at(b, model, method, Placement{std::vector<index_t>(sites.size(), rank)}, 11);
  test::backward_of_means(b, model, adapted, s);
  const auto scores =
      probe(b, model, s, page_of(method, Reading::mean_gradient, rank, 11), nn::NextToken{}, 2);
  REQUIRE(scores.beside.size() == sites.size());
  for (std::size_t i = 0; i < sites.size(); ++i) {
    INFO(sites[i].path);
    const Energy want = received(b, adapted, i);
    CHECK(want.factors > 0);
    CHECK(std::abs(scores.values[i] - want.factors) <= tolerance * want.factors);
    CHECK(std::abs(scores.beside[i] - want.others) <= tolerance * want.others);
  }
}
/// One row for each start and form.
template <Backend B, class Model> void for_every_method(B& b, const Model& model, double tolerance) {
  is_energy_of_first_gradient(b, model, Lora{.adapter = {.scaling = {.alpha = 5}}}, tolerance);
  is_energy_of_first_gradient(b, model, RsLora{}, tolerance);
  is_energy_of_first_gradient(b, model, SvdLora{.adapter = {.shape = {.sigma = 0.3}}}, tolerance);
  is_energy_of_first_gradient(b, model, Method<Additive<FrozenA>>{}, tolerance);
  is_energy_of_first_gradient(b, model, Method<Plus<Additive<>>>{}, tolerance);
  is_energy_of_first_gradient(b, model, Method<Additive<LowRank, AlphaOverRank, Gaussian>>{}, tolerance);
  is_energy_of_first_gradient(b, model, Method<Additive<LowRank, AlphaOverRank, Orthogonal>>{}, tolerance);
  is_energy_of_first_gradient(b, model, Method<Additive<LowRank, AlphaOverRank, Pissa>>{}, tolerance);
  is_energy_of_first_gradient(b, model, Method<Additive<LowRank, AlphaOverRank, Olora>>{}, tolerance);
  is_energy_of_first_gradient(b, model, Method<Dora<>>{}, tolerance);
  is_energy_of_first_gradient(b, model, Method<Dora<LowRank, AlphaOverRank, Pissa>>{}, tolerance);
  is_energy_of_first_gradient(b, model, Method<Restarted>{}, tolerance);
}

}  // namespace

TEST_CASE("PAGE of an adapter is the energy of its first gradient, whatever its start and form",
          "[adapt][page]") {
  test::Reference b;
  for_every_method(b, test::Toy<test::Reference>(b), 1e-11);
}

TEMPLATE_TEST_CASE("PAGE of an adapter of two kinds of state, in a transformer", "[adapt][page]",
                   LORICA_DOUBLE_BACKENDS) {
  TestType b;
  const nn::Transformer<TestType, nn::LlamaBlock> llama(b, test::tiny<nn::LlamaBlock>(), test::weights_of(9));
  is_energy_of_first_gradient(b, llama, SvdLora{.adapter = {.shape = {.sigma = 0.3}}}, 1e-11);
  is_energy_of_first_gradient(b, llama, Method<Dora<LowRank, AlphaOverRank, Pissa>>{}, 1e-11);
}

TEMPLATE_TEST_CASE("PAGE of LoRA by trying it is PAGE by its own formula", "[adapt][page]",
                   LORICA_SOME_BACKENDS) {
  using B = TestType;
  B b;
  const test::Toy<B> model(b);
  const auto s = test::sequences();
  for (const auto reading : {Reading::per_sample, Reading::mean_gradient}) {
    CHECK(test::relative_error(probe(b, model, s, page_of(Lora{}, reading, 2, 5)).values,
                               probe(b, model, s, Page{.reading = reading, .rank = 2, .seed = 5}).values) <
          10 * test::tolerance<B>());
    CHECK(test::relative_error(probe(b, model, s, page_of(SvdLora{}, reading, 2, 5)).values,
                               probe(b, model, s, PageSvd{.reading = reading, .rank = 2, .seed = 5}).values) <
          10 * test::tolerance<B>());
  }
}

TEST_CASE(
    "per sample, with a start that is not 0, it is the mean of |s B^T G|^2 + |s G A^T|^2, the rest beside",
    "[adapt][page]") {
  R b;
  const test::Toy<R> model(b);
  const auto s = test::sequences();
  const index_t rank = 2;
  const auto scores = probe(b, model, s, PageOf<Restarted>{.rank = rank, .seed = 3});
  std::vector<double> want(4), gain(4);
  for (index_t n = 0; n < s.count(); ++n) {
    const test::Toy<R, Parameter<R>> full(b);
    Bare bare;
    test::backward(b, full, bare, test::only(s, n), 1.0 / double(s.targets_in(n)));
    auto adapted = attach_at(b, model, Method<Restarted>{}, Placement{{rank, rank, rank, rank}}, 3);
    test::backward_of_means(b, model, adapted, test::only(s, n));
    for (std::size_t i = 0; i < 4; ++i) {
      const auto g = test::matrix(b, full.linears()[i].weight.grad);
      auto& f = adapted.slots()[i].state.factors;
      const auto at = test::matrix(b, f.a.value), bt = test::matrix(b, f.b.value);
      for (index_t d = 0; d < rank; ++d) {
        for (index_t r = 0; r < g.rows; ++r) {  // dL/dB = s G A^T
          double v = 0;
          for (index_t c = 0; c < g.cols; ++c) v += 2 * g(r, c) * at(d, c);
          want[i] += v * v / double(s.count());
        }
        for (index_t c = 0; c < g.cols; ++c) {  // dL/dA = s B^T G
          double v = 0;
          for (index_t r = 0; r < g.rows; ++r) v += 2 * g(r, c) * bt(r, d);
          want[i] += v * v / double(s.count());
        }
      }
      gain[i] += received(b, adapted, i).others / double(s.count());
    }
  }
  CHECK(test::relative_error(scores.values, want) < 1e-12);
  CHECK(test::relative_error(scores.beside, gain) < 1e-12);
  for (const double v : gain) CHECK(v > 0);
}

TEST_CASE("PAGE of an adapter does not depend on how many samples go at a time, draws are averaged",
          "[adapt][page]") {
  R b;
  const test::Toy<R> model(b);
  const auto s = test::sequences();
  for (const auto reading : {Reading::per_sample, Reading::mean_gradient}) {
    auto score = page_of(Method<Restarted>{}, reading, 2, 5);
    const auto one = probe(b, model, s, score);
    const auto by_one = probe(b, model, s, score, nn::NextToken{}, 1);
    CHECK(test::relative_error(by_one.values, one.values) < 1e-13);
    CHECK(test::relative_error(by_one.beside, one.beside) < 1e-13);
    score.draws = 2;
    const auto two = probe(b, model, s, score);
    for (std::size_t i = 0; i < 4; ++i) {
      CHECK(std::abs(two.values[i] / one.values[i] - 1) > 1e-6);
      CHECK(2 * two.values[i] - one.values[i] > 0);
      CHECK(two.beside[i] == Approx(one.beside[i]).epsilon(1e-12));  // the gain's gradient knows no draw
    }
  }
}

TEST_CASE("what does not train is not counted, and a rank is at most what a site takes", "[adapt][page]") {
  R b;
  const test::Toy<R> model(b);
  const auto s = test::sequences();
  CHECK(probe(b, model, s, PageOf<HalfFrozen>{.rank = 2}).values ==
        probe(b, model, s, page_of(Lora{}, Reading::per_sample, 2, 0)).values);
  CHECK(probe(b, model, s, page_of(Lora{}, Reading::per_sample, 99, 0)).values ==
        probe(b, model, s, page_of(Lora{}, Reading::per_sample, 6, 0)).values);
  CHECK(test::error_of<ConfigError>([&] {
          (void)probe(b, model, s, PageOf<Additive<LowRank, AlphaOverRank>>{.draws = 0});
        }) == "PageOf: 0 draws, expected at least 1");
}
