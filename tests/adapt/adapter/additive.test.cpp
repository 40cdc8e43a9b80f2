// SPDX-License-Identifier: MIT
#include <lorica/adapt/adapter/additive.hpp>

#include "adapt/peft_oracle.hpp"
#include "adapt/toy.hpp"

using namespace lorica;
using namespace lorica::adapt;
using R = test::Reference;

namespace {

/// One site [5, 4] and four rows.
struct Place {
  R b;
  SiteInfo site{0, 0, Role::up, 4, 5, "blocks.0.up"};
  Frozen<R> weight{b, Tensor<R>(b, 5, 4, test::random_numbers(1, 20))};
  Tensor<R> x{b, 4, 4, test::random_numbers(2, 16)};
  std::vector<index_t> offsets = {0, 4};

  template <class A> typename A::template state<R> make(const A& a, index_t rank) {
    auto st = a.make(b, site, WeightView<R>(weight), rank, 3);
    a.for_each(st, [&](Parameter<R>& p) { test::stir(b, p); });
    return st;
  }
  template <class A> std::vector<double> answer(const A& a, typename A::template state<R>& st) {
    Tape<R> tape(b, false);
    const auto rows = tape.constant(x);
    return a.visit(st, SiteCall<R>{site, WeightView<R>(weight), rows, linear(rows, weight), nullptr, offsets})
        .value()
        .template host<double>(b);
  }
  /// x W^T + s x (B A)^T
  std::vector<double> expected(const LowRank::factors<R>& f, double s) {
    const auto rows = test::matrix(b, x);
    auto y = test::product_nt(rows, test::matrix(b, weight.dense(b))).numbers;
    const auto delta =
        test::product_nt(test::product_nt(rows, test::matrix(b, f.a.value)), test::matrix(b, f.b.value))
            .numbers;
    for (std::size_t i = 0; i < y.size(); ++i) y[i] += s * delta[i];
    return y;
  }
};

/// LowRank without its one-pass form.
struct Plain {
  using config = LowRank::config;
  template <Backend B> using factors = LowRank::factors<B>;
  template <Backend B>
  static factors<B> make(B& b, const SiteInfo& s, const config& c, index_t r, Seed seed) {
    return LowRank::make(b, s, c, r, seed);
  }
  template <Backend B> static Var<B> apply(factors<B>& f, const Var<B>& x) { return LowRank::apply(f, x); }
  template <Backend B, class F> static void for_each(factors<B>& f, F visit) { LowRank::for_each(f, visit); }
  template <Backend B> static Factor<B> silencer(factors<B>& f) { return LowRank::silencer(f); }
};

}  // namespace

TEST_CASE("y + s x delta W^T, with s from the rank an adapter was made with", "[adapt][additive]") {
  Place at;
  const Additive<> lora{.scaling = {.alpha = 6}};
  const Additive<LowRank, AlphaOverSqrtRank> rs{.scaling = {.alpha = 6}};
  for (const index_t rank : {1, 3, 4}) {
    auto st = at.make(lora, rank);
    CHECK(st.scale == 6.0 / double(rank));
    CHECK(test::relative_error(at.answer(lora, st), at.expected(st.factors, 6.0 / double(rank))) < 1e-14);
    auto st_rs = at.make(rs, rank);
    CHECK(test::relative_error(at.answer(rs, st_rs),
                               at.expected(st_rs.factors, 6 / std::sqrt(double(rank)))) < 1e-14);
  }
}

TEST_CASE("a parameterization without a one-pass form gives the same", "[adapt][additive]") {
  Place at;
  const Additive<> lora{};
  const Additive<Plain> plain{};
  auto one = at.make(lora, 3);
  auto two = at.make(plain, 3);
  CHECK(test::relative_error(at.answer(plain, two), at.answer(lora, one)) < 1e-14);
}

TEST_CASE("dropout is of the adapter's path, in training only, and a function of the pass's number",
          "[adapt][additive][dropout]") {
  Place at;
  const Additive<> lora{.dropout = 0.5};
  auto st = at.make(lora, 3);
  const auto whole = at.expected(st.factors, st.scale);
  CHECK(test::relative_error(at.answer(lora, st), whole) < 1e-14);  // no phase was told
  lora.phase(st, 7);
  const auto seventh = at.answer(lora, st);
  CHECK(at.answer(lora, st) == seventh);
  // drop(x) by the stream's own definition, on the path of delta W alone
  {
    Tape<R> tape(at.b, false);
    const auto dropped =
        lorica::dropout(tape.constant(at.x), 0.5, Stream(3, "adapter dropout", "blocks.0.up", 7));
    const auto base = linear(tape.constant(at.x), at.weight);
    const auto want = add(base, scale(LowRank::apply(st.factors, dropped), st.scale));
    CHECK(test::relative_error(seventh, want.value().host<double>(at.b)) < 1e-14);
    CHECK(test::relative_error(seventh, whole) > 1e-3);
  }
  lora.phase(st, 8);
  CHECK(at.answer(lora, st) != seventh);
  lora.phase(st, std::nullopt);
  CHECK(test::relative_error(at.answer(lora, st), whole) < 1e-14);
  const Additive<> without{};
  without.phase(st, 7);
  CHECK(test::relative_error(at.answer(without, st), whole) < 1e-14);
}

TEST_CASE("gradients of all that trains are those of central differences", "[adapt][additive]") {
  Place at;
  const Tensor<R> target(at.b, 4, 5, test::random_numbers(4, 20));
  const auto error = [&](const auto& a) {
    auto st = at.make(a, 2);
    a.phase(st, 1);
    std::vector<Parameter<R>*> parameters;
    a.for_each(st, [&](Parameter<R>& p) { parameters.push_back(&p); });
    return gradient_error(at.b, std::span<Parameter<R>* const>(parameters), [&](Tape<R>& tape) {
      const auto rows = tape.constant(at.x);
      return squared_error(a.visit(st, SiteCall<R>{at.site, WeightView<R>(at.weight), rows,
                                                   linear(rows, at.weight), nullptr, at.offsets}),
                           target);
    });
  };
  CHECK(error(Additive<>{.dropout = 0.3}) < 1e-8);
  CHECK(error(Additive<Plain>{.dropout = 0.3}) < 1e-8);
  CHECK(error(Additive<Svd, AlphaOverRankPlusEps>{.dropout = 0.3}) < 1e-8);
}

TEST_CASE(
    "LoRA, rsLoRA, PiSSA, OLoRA, LoRA-FA and P diag(lambda) Q are PEFT's: forward, gradients, ten steps",
    "[adapt][additive][oracle]") {
  test::is_as_in_peft("lora", Additive<>{.scaling = {.alpha = 5}});
  test::is_as_in_peft("rslora", Additive<LowRank, AlphaOverSqrtRank>{.scaling = {.alpha = 5}});
  test::is_as_in_peft("pissa", Additive<LowRank, AlphaOverRank, Pissa>{.scaling = {.alpha = 5}});
  test::is_as_in_peft("olora", Additive<LowRank, AlphaOverRank, Olora>{.scaling = {.alpha = 5}});
  test::is_as_in_peft("lora_fa", Additive<FrozenA>{.scaling = {.alpha = 5}});
  test::is_as_in_peft("lora_fa_preconditioned",
                      Additive<FrozenA>{.shape = {.precondition = true}, .scaling = {.alpha = 5}});
  test::is_as_in_peft("svd", Additive<Svd, AlphaOverRankPlusEps>{.scaling = {.alpha = 5}});
}
