// SPDX-License-Identifier: MIT
#include <lorica/autograd/norm_ops.hpp>

#include "support/op_cases.hpp"

#include <cmath>
#include <tuple>

using namespace lorica;
using test::Matrix;
using test::Numbers;

namespace {

Matrix layer_norm_of(const Numbers& in, double eps, const Matrix& x) {
  const Matrix gain = in.matrix("gain", 1, x.cols), bias = in.matrix("bias", 1, x.cols);
  const auto d = static_cast<double>(x.cols);
  Matrix y(x.rows, x.cols);
  for (index_t i = 0; i < x.rows; ++i) {
    double mean = 0, variance = 0;
    for (index_t j = 0; j < x.cols; ++j) mean += x(i, j) / d;
    for (index_t j = 0; j < x.cols; ++j) variance += (x(i, j) - mean) * (x(i, j) - mean) / d;
    for (index_t j = 0; j < x.cols; ++j)
      y(i, j) = (x(i, j) - mean) / std::sqrt(variance + eps) * gain(0, j) + bias(0, j);
  }
  return y;
}
Matrix rms_norm_of(const Numbers& in, double eps, const Matrix& x) {
  const index_t d = in.size("d");
  const Matrix gain = in.matrix("gain", 1, d);
  Matrix y(x.rows, x.cols);
  for (index_t i = 0; i < x.rows; ++i)
    for (index_t g = 0; g < x.cols; g += d) {
      double square = 0;
      for (index_t j = 0; j < d; ++j) square += x(i, g + j) * x(i, g + j) / static_cast<double>(d);
      for (index_t j = 0; j < d; ++j) y(i, g + j) = x(i, g + j) / std::sqrt(square + eps) * gain(0, j);
    }
  return y;
}

Matrix layer_norm_of(const Numbers& in, double eps) {
  return layer_norm_of(in, eps, in.matrix("x", in.rows(), in.size("d")));
}
Matrix rms_norm_of(const Numbers& in, double eps, index_t groups = 1) {
  return rms_norm_of(in, eps, in.matrix("x", in.rows(), groups * in.size("d")));
}
Matrix sum(const Matrix& x, const Matrix& y) {
  return test::matrix_of(x.rows, x.cols, [&](index_t i, index_t j) { return x(i, j) + y(i, j); });
}
/// x + z, both given
Matrix sum_of(const Numbers& in) {
  return sum(in.matrix("x", in.rows(), in.size("d")), in.matrix("z", in.rows(), in.size("d")));
}

template <Backend B> test::Cases<B> cases() {
  using T = typename B::scalar;
  using M = typename B::master;
  const auto x = [](auto& t, auto& in) { return in.leaf(t, "x", in.rows(), in.size("d")); };
  const auto branch = [](auto& t, auto& in) { return in.activation(t, "z", in.rows(), in.size("d")); };
  const auto gain = [](auto& t, auto& in) { return in.leaf(t, "gain", 1, in.size("d")); };
  const auto bias = [](auto& t, auto& in) { return in.leaf(t, "bias", 1, in.size("d")); };
  const auto fixed = [](auto& t, auto& in, const char* name) {
    return t.constant(in.constant(name, 1, in.size("d")));
  };
  return {
      {"layer_norm",
       [=](auto& t, auto& in) { return layer_norm<T>(x(t, in), gain(t, in), bias(t, in), 0.1); },
       [](const Numbers& in) { return layer_norm_of(in, 0.1); }},
      {"layer_norm in the master",
       [=](auto& t, auto& in) { return layer_norm<M>(test::owned(x(t, in)), gain(t, in), bias(t, in), 0.1); },
       [](const Numbers& in) { return layer_norm_of(in, 0.1); }},
      {"layer_norm of activations",
       [=](auto& t, auto& in) {
         return layer_norm<T>(in.activation(t, "x", in.rows(), in.size("d")), fixed(t, in, "gain"),
                              fixed(t, in, "bias"), 1.0);
       },
       [](const Numbers& in) { return layer_norm_of(in, 1.0); }},
      {"layer_norm of a constant",
       [=](auto& t, auto& in) {
         return layer_norm<T>(t.constant(in.constant("x", in.rows(), in.size("d"))), gain(t, in), bias(t, in),
                              0.1);
       },
       [](const Numbers& in) { return layer_norm_of(in, 0.1); }},
      {"rms_norm", [=](auto& t, auto& in) { return rms_norm<T>(x(t, in), gain(t, in), 0.1); },
       [](const Numbers& in) { return rms_norm_of(in, 0.1); }},
      {"rms_norm of three groups a row",
       [=](auto& t, auto& in) {
         return rms_norm<T>(in.activation(t, "x", in.rows(), 3 * in.size("d")), gain(t, in), 0.1);
       },
       [](const Numbers& in) { return rms_norm_of(in, 0.1, 3); }},
      {"rms_norm of activations, in the master",
       [=](auto& t, auto& in) {
         return rms_norm<M>(in.activation(t, "x", in.rows(), in.size("d")), gain(t, in), 1.0);
       },
       [](const Numbers& in) { return rms_norm_of(in, 1.0); }},
      {"add_layer_norm, the norm",
       [=](auto& t, auto& in) {
         return add_layer_norm<T>(test::owned(x(t, in)), branch(t, in), gain(t, in), bias(t, in), 0.1).second;
       },
       [](const Numbers& in) { return layer_norm_of(in, 0.1, sum_of(in)); }},
      {"add_layer_norm, sum and norm",
       [=](auto& t, auto& in) {
         const auto [z, y] = add_layer_norm<M>(x(t, in), branch(t, in), gain(t, in), bias(t, in), 0.1);
         return add(z, y);
       },
       [](const Numbers& in) { return sum(sum_of(in), layer_norm_of(in, 0.1, sum_of(in))); }},
      {"add_rms_norm, sum and norm",
       [=](auto& t, auto& in) {
         const auto [z, y] = add_rms_norm<T>(test::owned(x(t, in)), branch(t, in), gain(t, in), 0.1);
         return add(z, y);
       },
       [](const Numbers& in) { return sum(sum_of(in), rms_norm_of(in, 0.1, sum_of(in))); }},
      {"rms_norm, frozen",
       [=](auto& t, auto& in) { return rms_norm<T>(x(t, in), fixed(t, in, "gain"), 0.1); },
       [](const Numbers& in) { return rms_norm_of(in, 0.1); }},
      {"rms_norm of a constant",
       [=](auto& t, auto& in) {
         return rms_norm<T>(t.constant(in.constant("x", in.rows(), in.size("d"))), gain(t, in), 0.1);
       },
       [](const Numbers& in) { return rms_norm_of(in, 0.1); }},
  };
}

}  // namespace

TEMPLATE_TEST_CASE("norms are what plain loops say, and agree with the reference", "[autograd]",
                   LORICA_BACKENDS) {
  test::check_values(cases<TestType>());
  test::check_against_reference(cases<TestType>(), cases<test::Reference>());
}

TEMPLATE_TEST_CASE("gradients of norms are those of finite differences", "[autograd]",
                   LORICA_DOUBLE_BACKENDS) {
  test::check_gradients(cases<TestType>());
}

TEST_CASE("norms do not lose rows far from zero, nor rows of zeros", "[autograd]") {
  using B = test::Mixed;
  B b;
  Tape<B> tape(b);
  const Parameter<B> x{
      "x", MasterTensor<B>(b, 2, 3, std::vector<double>{1000001, 1000002, 1000003, 0, 0, 0}), {}};
  const auto gain = tape.constant(MasterTensor<B>(b, 1, 3, std::vector<double>{1, 1, 1}));
  const auto bias = tape.constant(MasterTensor<B>(b, 1, 3, std::vector<double>{0, 0, 0}));
  const auto y = layer_norm<float>(tape.leaf(x), gain, bias, 1e-5),
             z = rms_norm<float>(tape.leaf(x), gain, 1e-6);
  const double side = std::sqrt(1.5);
  CHECK(test::relative_error(y.value().template host<double>(b), {-side, 0, side, 0, 0, 0}) < 1e-5);
  CHECK(test::relative_error(z.value().template host<double>(b), {1, 1, 1, 0, 0, 0}) < 1e-5);
}

TEST_CASE("the gradient of a row of one number through layer_norm is zero", "[autograd]") {
  using B = test::Reference;
  B b;
  test::Inputs<B> in(b, 3, 10);
  const index_t n = in.rows();
  Tape<B> tape(b);
  const auto y = layer_norm<double>(in.leaf(tape, "x", n, 1), in.leaf(tape, "gain", 1, 1),
                                    in.leaf(tape, "bias", 1, 1), 1e-5);
  tape.backward(squared_error(y, in.constant("target", n, 1)));
  for (const double g : in.parameter("x", n, 1).grad.host(b)) CHECK(g == 0);
  CHECK(in.parameter("gain", 1, 1).grad.host(b)[0] == 0);
  CHECK(in.parameter("bias", 1, 1).grad.host(b)[0] != 0);
}

TEST_CASE("a norm keeps its input and one or two numbers a row", "[autograd][memory]") {
  using B = test::Mixed;
  using M = B::master;
  B b;
  test::Inputs<B> in(b, 1, 10);
  const index_t n = in.rows(), d = 7;
  const auto bytes = [&](index_t cols) { return static_cast<std::size_t>(n * cols) * sizeof(M); };
  const auto x = [&](Tape<B>& t) { return test::owned(in.leaf(t, "x", n, d)); };
  const auto vector = [&](Tape<B>& t, const char* name) { return in.leaf(t, name, 1, d); };
  const auto fixed = [&](Tape<B>& t) { return t.constant(in.constant("c", 1, d)); };
  CHECK(test::kept_by(b, [&](Tape<B>& t) {
          return layer_norm<float>(x(t), vector(t, "g"), vector(t, "b"), 1e-5);
        }) == bytes(d + 2));
  CHECK(test::kept_by(b, [&](Tape<B>& t) { return layer_norm<float>(x(t), fixed(t), fixed(t), 1e-5); }) ==
        bytes(d + 2));
  CHECK(test::kept_by(b, [&](Tape<B>& t) { return rms_norm<float>(x(t), vector(t, "g"), 1e-5); }) ==
        bytes(d + 1));
  const auto still = [&](Tape<B>& t) { return t.constant(in.tensor<M>("x", n, d)); };
  CHECK(test::kept_by(b, [&](Tape<B>& t) { return layer_norm<float>(still(t), fixed(t), fixed(t), 1e-5); }) ==
        0);
  CHECK(test::kept_by(b, [&](Tape<B>& t) { return rms_norm<float>(still(t), fixed(t), 1e-5); }) == 0);
}

TEST_CASE("norms name the shapes that do not fit", "[autograd][errors]") {
  using B = test::Reference;
  B b;
  Tape<B> tape(b);
  const auto x = tape.constant(zeros<double>(b, 2, 3)), good = tape.constant(zeros<double>(b, 1, 3)),
             bad = tape.constant(zeros<double>(b, 3, 1));
  CHECK(test::error_of<ShapeError>([&] { (void)layer_norm<double>(x, bad, good, 1e-5); }) ==
        "layer_norm: gain is [3, 1], expected [1, 3]");
  CHECK(test::error_of<ShapeError>([&] { (void)layer_norm<double>(x, good, bad, 1e-5); }) ==
        "layer_norm: bias is [3, 1], expected [1, 3]");
  CHECK(test::error_of<ShapeError>([&] { (void)rms_norm<double>(x, bad, 1e-5); }) ==
        "rms_norm: gain is [3, 1], x is [2, 3]; expected a gain of [1, d] for x of [n, groups d]");
}

TEMPLATE_TEST_CASE("a sum and its norm in one pass are those of two, to the last bit", "[autograd]",
                   LORICA_SOME_BACKENDS) {
  using B = TestType;
  using M = typename B::master;
  B b;
  test::Inputs<B> in(b, 5, 60);
  const index_t n = in.rows(), d = 67;
  const auto run = [&](bool together, bool layer) {
    for (auto* p : in.parameters()) p->grad = {};
    Tape<B> t(b);
    const auto x = in.leaf(t, "x", n, d), gain = in.leaf(t, "gain", 1, d), bias = in.leaf(t, "bias", 1, d);
    const auto y = in.activation(t, "y", n, d);
    MasterVar<B> z;
    MasterVar<B> normed;
    if (together) {
      std::tie(z, normed) =
          layer ? add_layer_norm<M>(x, y, gain, bias, 1e-5) : add_rms_norm<M>(x, y, gain, 1e-5);
    } else {
      z = add(x, y);
      normed = layer ? layer_norm<M>(z, gain, bias, 1e-5) : rms_norm<M>(z, gain, 1e-5);
    }
    auto out = normed.value().template host<double>(b);
    t.backward(squared_error(add(z, normed), in.constant("target", n, d)));
    for (const auto* p : in.parameters())
      if (!p->grad.empty()) {
        const auto g = p->grad.template host<double>(b);
        out.insert(out.end(), g.begin(), g.end());
      }
    return out;
  };
  for (const bool layer : {false, true}) CHECK(run(true, layer) == run(false, layer));
}

TEMPLATE_TEST_CASE("who saves the rows of a norm has them computed again", "[autograd][memory]",
                   LORICA_SOME_BACKENDS) {
  using B = TestType;
  using T = typename B::scalar;
  B b;
  test::Inputs<B> in(b, 1, 10);
  const index_t n = in.rows(), d = 9;
  for (const bool layer : {false, true}) {
    Tape<B> t(b);
    const auto x = in.leaf(t, "x", n, d), gain = in.leaf(t, "gain", 1, d), bias = in.leaf(t, "bias", 1, d);
    auto y = layer ? layer_norm<T>(x, gain, bias, 1e-5) : rms_norm<T>(x, gain, 1e-5);
    const auto numbers = y.value().template host<double>(b);
    auto saved = y.saved();
    const std::size_t with = t.account().live, bytes = y.value().bytes();
    y = {};
    CHECK(t.account().live == with - bytes);
    CHECK(saved.value().template host<double>(b) == numbers);
    CHECK(t.account().live == with);
    CHECK(saved.saved().value().data() == saved.value().data());  // once for all who ask
    saved = {};
    CHECK(t.account().live == with - bytes);
  }
}
