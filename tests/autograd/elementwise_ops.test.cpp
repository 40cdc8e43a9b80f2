// SPDX-License-Identifier: MIT
#include <lorica/autograd/elementwise_ops.hpp>

#include "support/op_cases.hpp"
#include "support/threads.hpp"

#include <cmath>
#include <numbers>

using namespace lorica;
using test::Matrix;
using test::Numbers;

namespace {

/// f of every element of x [n, d].
template <class F> auto each(F f) {
  return [f](const Numbers& in) {
    const Matrix x = in.matrix("x", in.rows(), in.size("d"));
    return test::matrix_of(x.rows, x.cols, [&](index_t i, index_t j) { return f(x(i, j)); });
  };
}
template <class F> auto each_of_two(F f) {
  return [f](const Numbers& in) {
    const Matrix x = in.matrix("x", in.rows(), in.size("d")), y = in.matrix("y", in.rows(), in.size("d"));
    return test::matrix_of(x.rows, x.cols, [&](index_t i, index_t j) { return f(x(i, j), y(i, j)); });
  };
}
double gelu_tanh_of(double x) {
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
}

template <Backend B> test::Cases<B> cases() {
  const auto x = [](auto& tape, auto& in) { return in.activation(tape, "x", in.rows(), in.size("d")); };
  const auto y = [](auto& tape, auto& in) { return in.activation(tape, "y", in.rows(), in.size("d")); };
  return {
      {"gelu", [x](auto& tape, auto& in) { return gelu(x(tape, in)); },
       each([](double v) { return 0.5 * v * std::erfc(-v / std::numbers::sqrt2); })},
      {"gelu_tanh", [x](auto& tape, auto& in) { return gelu_tanh(x(tape, in)); }, each(gelu_tanh_of)},
      {"tanh", [x](auto& tape, auto& in) { return tanh(x(tape, in)); },
       each([](double v) { return std::tanh(v); })},
      {"tanh of a master",
       [](auto& tape, auto& in) { return tanh(in.leaf(tape, "x", in.rows(), in.size("d"))); },
       each([](double v) { return std::tanh(v); })},
      {"silu_gate", [x, y](auto& tape, auto& in) { return silu_gate(x(tape, in), y(tape, in)); },
       each_of_two([](double g, double u) { return g / (1 + std::exp(-g)) * u; })},
      {"silu_gate of itself",
       [x](auto& tape, auto& in) {
         const auto v = x(tape, in);
         return silu_gate(v, v);
       },
       each([](double v) { return v / (1 + std::exp(-v)) * v; })},
      {"multiply", [x, y](auto& tape, auto& in) { return multiply(x(tape, in), y(tape, in)); },
       each_of_two([](double a, double c) { return a * c; })},
      {"multiply by itself",
       [x](auto& tape, auto& in) {
         const auto v = x(tape, in);
         return multiply(v, v);
       },
       each([](double v) { return v * v; })},
      {"multiply by a constant",
       [x](auto& tape, auto& in) {
         return multiply(x(tape, in),
                         cast<typename B::scalar>(tape.constant(in.constant("y", in.rows(), in.size("d")))));
       },
       each_of_two([](double a, double c) { return a * c; })},
      {"dropout",
       [x](auto& tape, auto& in) { return dropout(x(tape, in), 0.4, Stream(5, "dropout", "here", 3)); },
       [](const Numbers& in) {
         const Matrix v = in.matrix("x", in.rows(), in.size("d"));
         const Stream bits(5, "dropout", "here", 3);
         return test::matrix_of(v.rows, v.cols, [&](index_t i, index_t j) {
           const auto e = static_cast<std::uint64_t>(i * v.cols + j);
           return static_cast<double>(bits.bits(e)) / 0x1p32 >= 0.4 ? v(i, j) / 0.6 : 0.0;
         });
       }},
  };
}

}  // namespace

TEMPLATE_TEST_CASE("elementwise operations are what plain loops say, and agree with the reference",
                   "[autograd]", LORICA_BACKENDS) {
  test::check_values(cases<TestType>());
  test::check_against_reference(cases<TestType>(), cases<test::Reference>());
}

TEMPLATE_TEST_CASE("gradients of elementwise operations are those of finite differences", "[autograd]",
                   LORICA_DOUBLE_BACKENDS) {
  test::check_gradients(cases<TestType>());
}

TEST_CASE("an activation keeps its input, tanh its output, dropout nothing", "[autograd][memory]") {
  using B = test::Mixed;
  B b;
  test::Inputs<B> in(b, 1, 10);
  const index_t n = in.rows(), d = 7;
  const std::size_t bytes = static_cast<std::size_t>(n * d) * sizeof(B::scalar);
  const auto x = [&](Tape<B>& tape) { return in.activation(tape, "x", n, d); };
  const auto fixed = [&](Tape<B>& tape) { return tape.constant(in.tensor<float>("c", n, d)); };

  CHECK(test::kept_by(b, [&](Tape<B>& t) { return gelu(x(t)); }) == bytes);
  CHECK(test::kept_by(b, [&](Tape<B>& t) { return gelu_tanh(x(t)); }) == bytes);
  CHECK(test::kept_by(b, [&](Tape<B>& t) { return tanh(x(t)); }) == bytes);
  CHECK(test::kept_by(b, [&](Tape<B>& t) { return silu_gate(x(t), x(t)); }) == 2 * bytes);
  CHECK(test::kept_by(b, [&](Tape<B>& t) { return multiply(x(t), x(t)); }) == 2 * bytes);
  CHECK(test::kept_by(b, [&](Tape<B>& t) { return multiply(x(t), fixed(t)); }) == bytes);
  CHECK(test::kept_by(b, [&](Tape<B>& t) { return multiply(fixed(t), x(t)); }) == bytes);
  CHECK(test::kept_by(b, [&](Tape<B>& t) { return dropout(x(t), 0.5, Stream(1, "dropout", "")); }) == 0);
  CHECK(test::kept_by(b, [&](Tape<B>& t) {
          return gelu(multiply(silu_gate(fixed(t), fixed(t)), tanh(gelu_tanh(fixed(t)))));
        }) == 0);
}

TEST_CASE("dropout with p = 0 is its input itself", "[autograd][dropout]") {
  test::Reference b;
  Tape<test::Reference> tape(b);
  const Parameter<test::Reference> p{"p", zeros<double>(b, 2, 3), {}};
  const auto x = tape.leaf(p);
  CHECK(dropout(x, 0, Stream(1, "dropout", "")).value().data() == x.value().data());
  CHECK(tape.size() == 0);
}

TEMPLATE_TEST_CASE("dropout has one mask, forward and backward, and keeps the mean", "[autograd][dropout]",
                   LORICA_BACKENDS) {
  using B = TestType;
  using M = typename B::master;
  B b;
  const index_t n = 400, d = 301;  // more than one piece for every thread
  for (const double p : {0.1, 0.5, 0.9}) {
    const Stream stream(3, "dropout", "blocks.1", 17);
    Parameter<B> ones{
        "x", MasterTensor<B>(b, n, d, std::vector<double>(static_cast<std::size_t>(n * d), 1.0)), {}};
    const auto target = zeros<M>(b, n, d);
    Tape<B> tape(b);
    const auto y = cast<M>(dropout(cast<typename B::scalar>(tape.leaf(ones)), p, stream));
    tape.backward(squared_error(y, target));
    const auto value = y.value().template host<double>(b), gradient = ones.grad.template host<double>(b);
    double kept = 0, mean = 0;
    index_t wrong = 0;
    for (std::size_t i = 0; i < value.size(); ++i) {
      const bool keep = static_cast<double>(stream.bits(i)) >= p * 0x1p32;
      wrong += keep != (value[i] != 0) ||
               keep != (gradient[i] != 0);  // the mask is a function of stream and index alone
      kept += keep;
      mean += value[i] / static_cast<double>(n * d);
    }
    INFO("p = " << p);
    CHECK(wrong == 0);
    const double sigma = std::sqrt(p * (1 - p) / static_cast<double>(n * d));
    CHECK(std::abs(kept / static_cast<double>(n * d) - (1 - p)) < 4 * sigma);
    CHECK(std::abs(mean - 1) < 4 * sigma / (1 - p));
  }
}

TEST_CASE("the dropout mask does not depend on the number of threads", "[autograd][dropout]") {
  test::Reference b;
  const index_t n = 300, d = 211;
  std::vector<std::vector<double>> results;
  for (const int count : {1, 2, 5}) {
    const test::Threads threads(count);
    Tape<test::Reference> tape(b, false);
    const auto x = tape.constant(Tensor<test::Reference>(b, n, d, test::random_numbers(1, n * d)));
    results.push_back(dropout(x, 0.3, Stream(1, "dropout", "x")).value().host(b));
  }
  CHECK(results[0] == results[1]);
  CHECK(results[0] == results[2]);
}

TEST_CASE("dropout masks differ by seed, place and step", "[autograd][dropout]") {
  test::Reference b;
  const index_t n = 40, d = 50;
  const auto mask = [&](const Stream& s) {
    Tape<test::Reference> tape(b, false);
    return dropout(tape.constant(Tensor<test::Reference>(b, n, d, std::vector<double>(2000, 1.0))), 0.5, s)
        .value()
        .host(b);
  };
  const auto first = mask(Stream(1, "dropout", "x", 0));
  CHECK(first == mask(Stream(1, "dropout", "x", 0)));
  CHECK(first != mask(Stream(2, "dropout", "x", 0)));
  CHECK(first != mask(Stream(1, "dropout", "y", 0)));
  CHECK(first != mask(Stream(1, "dropout", "x", 1)));
}

TEST_CASE("elementwise operations name the shapes that do not fit", "[autograd][errors]") {
  using B = test::Reference;
  B b;
  Tape<B> tape(b);
  const auto x = tape.constant(zeros<double>(b, 2, 3)), y = tape.constant(zeros<double>(b, 3, 2));
  CHECK(test::error_of<ShapeError>([&] { (void)silu_gate(x, y); }) ==
        "silu_gate: up is [3, 2], expected [2, 3]");
  CHECK(test::error_of<ShapeError>([&] { (void)multiply(x, y); }) ==
        "multiply: y is [3, 2], expected [2, 3]");
  const Stream s(1, "dropout", "");
  CHECK(test::error_of<ConfigError>([&] { (void)dropout(x, 1.0, s); }) ==
        "dropout: the probability is 1, expected 0 <= p < 1");
  CHECK(test::error_of<ConfigError>([&] { (void)dropout(x, -0.5, s); }) ==
        "dropout: the probability is -0.5, expected 0 <= p < 1");
  CHECK(test::error_of<ConfigError>([&] { (void)dropout(x, std::nan(""), s); }) ==
        "dropout: the probability is nan, expected 0 <= p < 1");
}
