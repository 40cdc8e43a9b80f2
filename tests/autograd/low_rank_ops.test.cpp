// SPDX-License-Identifier: MIT
#include <lorica/autograd/low_rank_ops.hpp>

#include <lorica/autograd/elementwise_ops.hpp>

#include "support/op_cases.hpp"

#include <cmath>
#include <numbers>

using namespace lorica;
using test::Matrix;
using test::Numbers;

namespace {

/// What stands beside one frozen weight of a case.
struct Beside {
  bool bias, term, diagonal;
  double scale;
};

std::string name(const char* what, std::size_t i) { return what + std::to_string(i); }
index_t rank_of(const Numbers& in, std::size_t i) { return in.size(name("r", i), 1, 7); }

template <Backend B>
std::vector<AdaptedLinear<B>> linears_of(Tape<B>& t, test::Inputs<B>& in, const std::vector<Beside>& all,
                                         bool frozen_a = false) {
  const index_t k = in.size("k"), m = in.size("m");
  std::vector<AdaptedLinear<B>> linears;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& s = all[i];
    AdaptedLinear<B> l{
        &in.frozen(name("w", i), m, k), s.bias ? &in.constant(name("bias", i), 1, m) : nullptr, {}};
    if (s.term) {
      const index_t r = rank_of(in, i);
      auto a = frozen_a ? t.constant(in.constant(name("a", i), r, k)) : in.leaf(t, name("a", i), r, k);
      l.term = {{{std::move(a), in.leaf(t, name("b", i), m, r), {}}}, s.scale};
      if (s.diagonal) l.term.factors->d = in.leaf(t, name("d", i), 1, r);
    }
    linears.push_back(std::move(l));
  }
  return linears;
}
template <Backend B>
std::vector<Var<B>> made(Tape<B>& t, test::Inputs<B>& in, const Var<B>& x, const std::vector<Beside>& all,
                         bool frozen_a = false) {
  const auto linears = linears_of<B>(t, in, all, frozen_a);
  return adapted_linears(x, std::span<const AdaptedLinear<B>>(linears));
}
/// The same by one operation after the other.
template <Backend B> Var<B> one_by_one(const Var<B>& x, const AdaptedLinear<B>& l) {
  auto y = linear(x, *l.weight);
  if (l.term.rank() > 0) {
    const auto& f = *l.term.factors;
    auto u = matmul_nt<typename B::master>(x, f.a);
    if (f.d) u = scale_columns(u, *f.d);
    y = add_product(std::move(y), u, f.b, l.term.scale);
  }
  return l.bias == nullptr ? y : add_bias(std::move(y), x.tape().constant(*l.bias));
}

Matrix expected(const Numbers& in, std::size_t i, const Beside& s) {
  const index_t k = in.size("k"), m = in.size("m"), r = rank_of(in, i);
  const Matrix x = in.matrix("x", in.rows(), k);
  const Matrix base = test::product_nt(x, in.matrix(name("w", i), m, k));
  const Matrix bias = in.matrix(name("bias", i), 1, m), a = in.matrix(name("a", i), r, k),
               b = in.matrix(name("b", i), m, r), d = in.matrix(name("d", i), 1, r);
  const Matrix u = test::product_nt(x, a);
  return test::matrix_of(x.rows, m, [&](index_t row, index_t j) {
    double y = base(row, j) + (s.bias ? bias(0, j) : 0);
    if (s.term)
      for (index_t l = 0; l < r; ++l) y += s.scale * u(row, l) * (s.diagonal ? d(0, l) : 1) * b(j, l);
    return y;
  });
}

constexpr Beside plain{false, false, false, 1}, biased{true, false, false, 1}, lora{true, true, false, -0.7},
    bare_lora{false, true, false, 2}, triplets{true, true, true, 0.5};

template <Backend B> test::Cases<B> cases() {
  const auto x = [](auto& t, auto& in) { return in.activation(t, "x", in.rows(), in.size("k")); };
  const auto one = [x](const char* what, Beside s) {
    return test::Case<B>{what, [x, s](auto& t, auto& in) { return made<B>(t, in, x(t, in), {s}).front(); },
                         [s](const Numbers& in) { return expected(in, 0, s); }};
  };
  const auto gelu_of = [x](const char* what, Beside s) {
    return test::Case<B>{
        what,
        [x, s](auto& t, auto& in) {
          const auto linears = linears_of<B>(t, in, {s});
          return adapted_gelu_tanh(x(t, in), linears.front());
        },
        [s](const Numbers& in) {
          Matrix y = expected(in, 0, s);
          for (double& v : y.numbers)
            v = 0.5 * v * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (v + 0.044715 * v * v * v)));
          return y;
        }};
  };
  const auto three = [x](const char* what, std::vector<Beside> all) {
    return test::Case<B>{what,
                         [x, all](auto& t, auto& in) {
                           const auto y = made<B>(t, in, x(t, in), all);
                           return add(add(scale(y[0], 1.0), scale(y[1], -2.0)), scale(y[2], 0.5));
                         },
                         [all](const Numbers& in) {
                           const Matrix p = expected(in, 0, all[0]), q = expected(in, 1, all[1]),
                                        r = expected(in, 2, all[2]);
                           return test::matrix_of(p.rows, p.cols, [&](index_t i, index_t j) {
                             return p(i, j) - 2 * q(i, j) + 0.5 * r(i, j);
                           });
                         }};
  };
  return {
      one("a linear alone", plain),
      one("a linear and a bias", biased),
      one("LoRA", lora),
      one("LoRA without a bias", bare_lora),
      one("P diag(lambda) Q", triplets),
      gelu_of("GELU of a linear alone", plain),
      gelu_of("GELU of a linear and a bias", biased),
      gelu_of("GELU of LoRA", lora),
      gelu_of("GELU of P diag(lambda) Q", triplets),
      three("three of them", {lora, lora, lora}),
      three("three unlike ones", {triplets, plain, bare_lora}),
      three("one of three", {biased, triplets, plain}),
      {"one of two is not read",
       [x](auto& t, auto& in) {
         return made<B>(t, in, x(t, in), {lora, triplets})[1];
       },
       [](const Numbers& in) { return expected(in, 1, triplets); }},
      {"LoRA-FA", [x](auto& t, auto& in) { return made<B>(t, in, x(t, in), {lora}, true).front(); },
       [](const Numbers& in) { return expected(in, 0, lora); }},
      {"LoRA of a constant",
       [](auto& t, auto& in) {
         const auto v = t.constant(in.template tensor<typename B::scalar>("x", in.rows(), in.size("k")));
         return made<B>(t, in, v, {lora}).front();
       },
       [](const Numbers& in) { return expected(in, 0, lora); }},
  };
}

}  // namespace

TEMPLATE_TEST_CASE("adapted linears are what plain loops say, and agree with the reference", "[autograd]",
                   LORICA_BACKENDS) {
  test::check_values(cases<TestType>());
  test::check_against_reference(cases<TestType>(), cases<test::Reference>());
}

TEMPLATE_TEST_CASE("gradients of adapted linears are those of finite differences", "[autograd]",
                   LORICA_DOUBLE_BACKENDS) {
  test::check_gradients(cases<TestType>());
}

TEMPLATE_TEST_CASE("adapted linears agree with their operations one by one, at ranks 1 to 64", "[autograd]",
                   LORICA_SOME_BACKENDS) {
  using B = TestType;
  using M = typename B::master;
  B b;
  for (const index_t r : {1, 2, 7, 8, 16, 33, 64}) {
    const index_t n = 37, k = 67, m = 71;
    test::Inputs<B> in(b, static_cast<Seed>(r), 4);
    const auto run = [&](bool together) {
      for (auto* p : in.parameters()) p->grad = {};
      Tape<B> t(b);
      const auto x = in.activation(t, "x", n, k);
      std::vector<AdaptedLinear<B>> linears;
      for (std::size_t i = 0; i < 2; ++i)
        linears.push_back({&in.frozen(name("w", i), m, k),
                           &in.constant(name("bias", i), 1, m),
                           {{{in.leaf(t, name("a", i), r, k), in.leaf(t, name("b", i), m, r), {}}}, 0.5}});
      linears[1].term.factors->d = in.leaf(t, "d", 1, r);
      std::vector<Var<B>> y;
      if (together)
        y = adapted_linears(x, std::span<const AdaptedLinear<B>>(linears));
      else
        for (const auto& l : linears) y.push_back(one_by_one(x, l));
      std::vector<std::vector<double>> out;
      for (const auto& v : y) out.push_back(v.value().template host<double>(b));
      const auto z = multiply(y[0], y[1]);
      t.backward(squared_error(cast<M>(z), in.constant("target", n, m)));
      for (const auto* p : in.parameters()) out.push_back(p->grad.template host<double>(b));
      return out;
    };
    const auto got = run(true), want = run(false);
    REQUIRE(got.size() == want.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      INFO("rank " << r << ", number " << i);
      CHECK(test::relative_error(got[i], want[i]) < test::tolerance<B>());
    }
  }
}

TEST_CASE("adapted linears save x once, and keep their projections", "[autograd][memory]") {
  using B = test::Mixed;
  using T = B::scalar;
  using M = B::master;
  B b;
  test::Inputs<B> in(b, 1, 10);
  const index_t n = in.rows(), k = in.size("k"), m = in.size("m");
  const auto bytes = [](index_t count, std::size_t each) { return static_cast<std::size_t>(count) * each; };
  const auto x = [&](Tape<B>& t) { return test::owned(in.activation(t, "x", n, k)); };
  const auto kept = [&](std::vector<Beside> all, bool frozen_a = false) {
    return test::kept_by(b, [&](Tape<B>& t) { return made<B>(t, in, x(t), all, frozen_a); });
  };
  const index_t r0 = rank_of(in, 0), r1 = rank_of(in, 1);
  CHECK(kept({plain}) == 0);
  CHECK(kept({biased}) == 0);
  CHECK(kept({lora}) == bytes(n * k, sizeof(T)) + bytes(n * r0 + r0 * m, sizeof(M)));
  CHECK(kept({lora}, true) == bytes(n * r0 + r0 * m, sizeof(M)));
  // Of two, a copy of both A as well: one above the other.
  CHECK(kept({lora, lora}) == bytes(n * k, sizeof(T)) + bytes((n + m + k) * (r0 + r1), sizeof(M)));
}

TEST_CASE("adapted linears name the shapes that do not fit", "[autograd][errors]") {
  using B = test::Reference;
  B b;
  test::Inputs<B> in(b, 1, 10);
  Tape<B> tape(b);
  const auto x = tape.constant(zeros<double>(b, 2, 3));
  const auto message = [&](AdaptedLinear<B> l) {
    return test::error_of<ShapeError>(
        [&] { (void)adapted_linears(x, std::span<const AdaptedLinear<B>>(&l, 1)); });
  };
  const auto term = [&](index_t r, index_t k, index_t m, index_t s, index_t d) {
    return LowRankTerm<B>{{{in.leaf(tape, name("a", std::size_t(r * k)), r, k),
                            in.leaf(tape, name("b", std::size_t(m * s)), m, s),
                            in.leaf(tape, name("d", std::size_t(d)), 1, d)}},
                          1};
  };
  const auto& w = in.frozen("w", 4, 3);
  const MasterTensor<B> bias = zeros<double>(b, 1, 5);
  CHECK(message({&in.frozen("v", 4, 5), nullptr, {}}) == "adapted_linears: x is [2, 3], a weight [4, 5]");
  CHECK(message({&w, &bias, {}}) == "adapted_linears: the bias is [1, 5], expected [1, 4]");
  CHECK(message({&w, nullptr, term(2, 5, 4, 2, 2)}) == "adapted_linears: A is [2, 5], expected [2, 3]");
  CHECK(message({&w, nullptr, term(2, 3, 5, 2, 2)}) == "adapted_linears: B is [5, 2], expected [4, 2]");
  CHECK(message({&w, nullptr, term(2, 3, 4, 2, 3)}) == "adapted_linears: d is [1, 3], expected [1, 2]");
}
