// SPDX-License-Identifier: MIT
#include <lorica/autograd/tap.hpp>

#include "support/op_cases.hpp"

using namespace lorica;

namespace {
template <Backend B> test::Cases<B> cases() {
  return {{"tap",
           [](auto& t, auto& in) {
             auto x = in.activation(t, "x", in.rows(), in.size("d"));
             return tap(x, [](const Tensor<B>&) {});
           },
           [](const test::Numbers& in) { return in.matrix("x", in.rows(), in.size("d")); }},
          {"tap, in place",
           [](auto& t, auto& in) {
             return tap(test::owned(in.leaf(t, "x", in.rows(), in.size("d"))), [](const MasterTensor<B>&) {});
           },
           [](const test::Numbers& in) { return in.matrix("x", in.rows(), in.size("d")); }}};
}
}  // namespace

TEMPLATE_TEST_CASE("a tap is the identity, forward and backward", "[autograd][tap]", LORICA_BACKENDS) {
  test::check_values(cases<TestType>());
  test::check_against_reference(cases<TestType>(), cases<test::Reference>());
}

TEMPLATE_TEST_CASE("the gradient of a tap is that of finite differences", "[autograd][tap]",
                   LORICA_DOUBLE_BACKENDS) {
  test::check_gradients(cases<TestType>());
}

TEMPLATE_TEST_CASE("a tap on a frozen value sees dL/dx, once, in the backward pass", "[autograd][tap]",
                   LORICA_BACKENDS) {
  using B = TestType;
  B b;
  const Tensor<B> x(b, 2, 2, std::vector<double>{1, 2, 3, 4}),
      target(b, 2, 2, std::vector<double>{0, 0, 1, 1});
  const MasterTensor<B> zero = zeros<typename B::master>(b, 2, 2);
  std::vector<std::vector<double>> seen;
  Tape<B> tape(b);
  const auto y =
      tap(tape.constant(x), [&](const Tensor<B>& dy) { seen.push_back(dy.template host<double>(b)); });
  CHECK(y.needs_grad());
  CHECK(y.value().template host<double>(b) == std::vector<double>{1, 2, 3, 4});
  const auto loss = squared_error(scale(y, 2), target);  // gradient 2 * 2 (2 x - t)
  CHECK(seen.empty());
  CHECK(tape.size() == 3);
  tape.backward(loss, 0.5);
  CHECK(seen == std::vector<std::vector<double>>{{4, 8, 10, 14}});
  CHECK(tape.size() == 0);
}

TEST_CASE("a tap sees the sum over all readers, and nothing where nobody asks", "[autograd][tap]") {
  using B = test::Reference;
  B b;
  test::Inputs<B> in(b, 1, 10);
  const index_t n = in.rows(), d = 3;
  const auto& target = in.constant("t", n, d);
  int calls = 0, silent = 0;
  std::vector<double> seen;
  Tape<B> tape(b);
  const auto x = tap(in.leaf(tape, "x", n, d), [&](const Tensor<B>& dy) {
    ++calls;
    seen = dy.host(b);
  });
  const auto unread = tap(x, [&](const Tensor<B>&) { ++silent; });
  tape.backward(add(squared_error(x, target), squared_error(scale(x, -1), target)));
  CHECK(calls == 1);
  CHECK(silent == 0);
  CHECK(seen == in.parameter("x", n, d).grad.host(b));
  const auto value = in.matrix("x", n, d).numbers;
  std::vector<double> want;
  for (const double v : value) want.push_back(4 * v);
  CHECK(test::relative_error(seen, want) < 1e-12);
}

TEST_CASE("a tap that does not record listens to nothing", "[autograd][tap]") {
  using B = test::Reference;
  B b;
  test::Inputs<B> in(b, 1, 10);
  int calls = 0;
  Tape<B> tape(b, false);
  const auto y = tap(in.leaf(tape, "x", 4, 3), [&](const Tensor<B>&) { ++calls; });
  tape.backward(squared_error(y, in.constant("t", 4, 3)));
  CHECK(calls == 0);
  CHECK(tape.size() == 0);
  CHECK(in.parameter("x", 4, 3).grad.empty());
}

TEST_CASE("a tap takes memory over when it is the only reader, and keeps nothing",
          "[autograd][tap][memory]") {
  using B = test::Reference;
  B b;
  test::Inputs<B> in(b, 1, 10);
  const auto silent = [](const Tensor<B>&) {};
  CHECK(test::kept_by(b, [&](Tape<B>& t) { return tap(test::owned(in.leaf(t, "x", 4, 3)), silent); }) == 0);
  Tape<B> tape(b);
  auto x = test::owned(in.leaf(tape, "x", 4, 3));
  const double* memory = x.value().data();
  const auto held = tap(x, silent);
  CHECK(held.value().data() != memory);
  CHECK(x.value().host(b) == held.value().host(b));
  const auto taken = tap(std::move(x), silent);
  CHECK(taken.value().data() == memory);
  CHECK(tap(in.leaf(tape, "x", 4, 3), silent).value().data() != in.parameter("x", 4, 3).value.data());
}
