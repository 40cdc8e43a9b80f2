// SPDX-License-Identifier: MIT
#include <lorica/autograd/recomputed.hpp>

#include "support/op_cases.hpp"

#include <lorica/autograd/elementwise_ops.hpp>
#include <lorica/autograd/tap.hpp>

using namespace lorica;
using R = test::Reference;

namespace {
/// A part with what a block has: a stream that is passed by, weights that train, a mask, a value from
/// outside.
template <Backend B> auto part(test::Inputs<B>& in, const Var<B>& outside, index_t d) {
  return [&in, outside, d](MasterVar<B> x) {
    const auto h = cast<typename B::scalar>(x);
    const auto y = gelu(linear(h, in.parameter("w", d, d)));
    return add(std::move(x), dropout(multiply(y, outside), 0.3, Stream(5, "mask", "")));
  };
}
/// The part twice, kept or recomputed.
template <Backend B> auto twice(bool again) {
  return [again](auto& t, auto& in) {
    const index_t n = in.rows(), d = in.size("d");
    const auto outside = tanh(in.activation(t, "outside", n, d));
    const auto f = part<B>(in, outside, d);
    MasterVar<B> x = in.leaf(t, "x", n, d);
    for (int i = 0; i < 2; ++i) x = again ? recomputed(std::move(x), f) : f(std::move(x));
    return x;
  };
}
test::Matrix unused(const test::Numbers& in) { return {in.rows(), in.size("d")}; }
template <Backend B> test::Cases<B> cases(bool again) {
  return {{"recomputed twice", twice<B>(again), unused}};
}
}  // namespace

TEMPLATE_TEST_CASE("the gradient of what is recomputed is that of finite differences",
                   "[autograd][recomputed]", LORICA_DOUBLE_BACKENDS) {
  test::check_gradients(cases<TestType>(true));
}

TEMPLATE_TEST_CASE("what is recomputed is what is kept, bit for bit", "[autograd][recomputed]",
                   LORICA_SOME_BACKENDS) {
  using B = TestType;
  for (Seed seed = 1; seed <= 6; ++seed)
    for (const int passes : {1, 2}) {
      B b;
      test::Inputs<B> kept(b, seed, 30, seed % 2 == 0), again(b, seed, 30, seed % 2 == 0);
      const auto want = test::detail::gradients(cases<B>(false)[0], kept, passes);
      REQUIRE(want.size() == 4);
      CHECK(test::detail::gradients(cases<B>(true)[0], again, passes) == want);
    }
}

TEST_CASE("of what is recomputed, its input is kept and nothing else", "[autograd][recomputed][memory]") {
  R b;
  test::Inputs<R> in(b, 1, 10);
  const index_t n = in.rows(), d = 6;
  const std::size_t one = static_cast<std::size_t>(n * d) * sizeof(double);
  Tape<R> tape(b);
  std::vector<std::size_t> live;
  auto x = test::owned(in.leaf(tape, "x", n, d));
  for (int i = 0; i < 5; ++i)
    x = recomputed(std::move(x), [&](Var<R> v) {
      for (int j = 0; j < 3; ++j) v = gelu(v);
      return tap(std::move(v), [&](const Tensor<R>&) { live.push_back(tape.account().live); });
    });
  CHECK(tape.size() == 6);
  CHECK(tape.account().live == 6 * one);  // five inputs, and the last output, which x holds
  CHECK(live.empty());
  const auto loss = squared_error(x, in.constant("t", n, d));
  x = {};
  tape.backward(loss);
  CHECK(tape.saved_bytes() == 6 * one + sizeof(double));  // five inputs, the error, the loss
  // When the tap of a part looks, the inputs of its three operations are alive, and those of the parts below.
  std::vector<std::size_t> want;
  for (std::size_t below = 5; below-- > 0;) want.push_back((below + 3) * one + sizeof(double));
  CHECK(live == want);
  CHECK(tape.size() == 0);
  CHECK(tape.account().live == sizeof(double));
}

TEST_CASE("what needs no gradient is not computed again, and a tape that does not record keeps nothing",
          "[autograd][recomputed]") {
  R b;
  test::Inputs<R> in(b, 1, 10);
  const index_t n = in.rows(), d = 6;
  for (const bool recording : {true, false}) {
    Tape<R> tape(b, recording);
    int calls = 0;
    const auto x = recording ? tape.constant(in.constant("x", n, d)) : in.leaf(tape, "x", n, d);
    const auto y = recomputed(x, [&](const Var<R>& v) {
      ++calls;
      return gelu(linear(v, in.frozen("w", d, d)));
    });
    CHECK(!y.needs_grad());
    CHECK(tape.size() == 0);
    tape.backward(squared_error(y, in.constant("t", n, d)));
    CHECK(calls == 1);
  }
}

TEST_CASE("a part within a part is recomputed once more", "[autograd][recomputed]") {
  R b;
  test::Inputs<R> in(b, 1, 10);
  const index_t n = in.rows(), d = 6;
  auto& x = in.parameter("x", n, d);
  Parameter<R>* const parameters[] = {&x};
  int calls = 0;
  const auto inner = [&](const Var<R>& v) {
    ++calls;
    return multiply(gelu(v), v);
  };
  const auto loss = [&](Tape<R>& t) {
    return squared_error(
        recomputed(t.leaf(x), [&](const Var<R>& v) { return tanh(recomputed(tanh(v), inner)); }),
        in.constant("t", n, d));
  };
  CHECK(gradient_error(b, std::span<Parameter<R>* const>(parameters), loss) < 1e-8);
  calls = 0;
  Tape<R> tape(b);
  const auto l = loss(tape);
  CHECK(calls == 1);
  tape.backward(l);
  CHECK(calls == 3);
}

TEST_CASE("a part may be the identity, or pass a gradient on", "[autograd][recomputed]") {
  R b;
  test::Inputs<R> in(b, 1, 10);
  const index_t n = in.rows(), d = 6;
  auto& x = in.parameter("x", n, d);
  Parameter<R>* const parameters[] = {&x};
  const auto& constant = in.constant("c", n, d);
  CHECK(gradient_error(b, std::span<Parameter<R>* const>(parameters), [&](Tape<R>& t) {
          const auto same = recomputed(t.leaf(x), [](Var<R> v) { return v; });
          const auto more =
              recomputed(tanh(same), [&](Var<R> v) { return add(std::move(v), t.constant(constant)); });
          return squared_error(add(more, same), in.constant("t", n, d));
        }) < 1e-8);
}

TEST_CASE("a part that throws leaves its tape recording", "[autograd][recomputed]") {
  R b;
  test::Inputs<R> in(b, 1, 10);
  Tape<R> tape(b);
  const auto x = in.leaf(tape, "x", 2, 6);
  const auto fails = [&] {
    (void)recomputed(x, [&](const Var<R>& v) {
      CHECK(tape.paused());
      expects(false, "no");
      return v;
    });
  };
  CHECK_THROWS_AS(fails(), ConfigError);
  CHECK(!tape.paused());
  CHECK(tape.recording());
}
