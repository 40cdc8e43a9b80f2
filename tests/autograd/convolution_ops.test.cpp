// SPDX-License-Identifier: MIT
#include <lorica/autograd/convolution_ops.hpp>

#include "support/op_cases.hpp"

using namespace lorica;
using test::Matrix;
using test::Numbers;

namespace {

struct Drawn {
  ConvolutionShape shape;
  index_t in, out;
  [[nodiscard]] index_t columns() const { return in / shape.groups * shape.kernel; }
};
Drawn drawn(const Numbers& in) {
  const index_t groups = in.size("groups", 1, 3);
  return {
      {2 * in.size("kernel", 0, 3) + 1, groups}, groups * in.size("in", 1, 5), groups * in.size("out", 1, 5)};
}
Matrix convolution_of(const Numbers& in) {
  const auto c = drawn(in);
  const Matrix x = in.matrix("x", in.rows(), c.in), w = in.matrix("w", c.out, c.columns());
  Matrix y(in.rows(), c.out);
  const index_t share_in = c.in / c.shape.groups, share_out = c.out / c.shape.groups;
  for (std::size_t s = 0; s + 1 < in.offsets().size(); ++s)
    for (index_t i = in.offsets()[s]; i < in.offsets()[s + 1]; ++i)
      for (index_t o = 0; o < c.out; ++o)
        for (index_t ch = 0; ch < share_in; ++ch)
          for (index_t l = 0; l < c.shape.kernel; ++l) {
            const index_t j = i + l - c.shape.kernel / 2;
            if (j < in.offsets()[s] || j >= in.offsets()[s + 1]) continue;
            y(i, o) += w(o, ch * c.shape.kernel + l) * x(j, o / share_out * share_in + ch);
          }
  return y;
}

template <Backend B> test::Cases<B> cases() {
  using T = typename B::scalar;
  return {
      {"convolution",
       [](auto& t, auto& in) {
         const auto c = drawn(in);
         return convolution(in.activation(t, "x", in.rows(), c.in), in.leaf(t, "w", c.out, c.columns()),
                            in.where, c.shape);
       },
       convolution_of},
      {"convolution with a frozen weight",
       [](auto& t, auto& in) {
         const auto c = drawn(in);
         return convolution(in.activation(t, "x", in.rows(), c.in),
                            t.constant(in.template tensor<T>("w", c.out, c.columns())), in.where, c.shape);
       },
       convolution_of},
      {"convolution of what is frozen",
       [](auto& t, auto& in) {
         const auto c = drawn(in);
         return convolution(t.constant(in.template tensor<T>("x", in.rows(), c.in)),
                            in.leaf(t, "w", c.out, c.columns()), in.where, c.shape);
       },
       convolution_of},
  };
}

}  // namespace

TEMPLATE_TEST_CASE("convolution is what plain loops say, and agrees with the reference",
                   "[autograd][convolution]", LORICA_BACKENDS) {
  test::check_values(cases<TestType>());
  test::check_against_reference(cases<TestType>(), cases<test::Reference>());
}

TEMPLATE_TEST_CASE("gradients of convolution are those of finite differences", "[autograd][convolution]",
                   LORICA_DOUBLE_BACKENDS) {
  test::check_gradients(cases<TestType>());
}

TEST_CASE("convolution keeps its input only for the gradient of its weight", "[autograd][memory]") {
  using B = test::Mixed;
  using T = B::scalar;
  B b;
  test::Inputs<B> in(b, 2, 10);
  const auto c = drawn(in);
  const Tensor<B> w = in.tensor<T>("w", c.out, c.columns());
  CHECK(test::kept_by(b, [&](Tape<B>& t) {
          return convolution(in.activation(t, "x", in.rows(), c.in), t.constant(w), in.where, c.shape);
        }) == 0);
  CHECK(test::kept_by(b, [&](Tape<B>& t) {
          return convolution(in.activation(t, "x", in.rows(), c.in), in.leaf(t, "w", c.out, c.columns()),
                             in.where, c.shape);
        }) == static_cast<std::size_t>(in.rows() * c.in) * sizeof(T));
}

TEST_CASE("convolution names what does not fit", "[autograd][errors]") {
  using B = test::Reference;
  B b;
  const Ragged<B> where(b, {0, 2});
  Tape<B> tape(b);
  const auto var = [&](index_t rows, index_t cols) { return tape.constant(zeros<double>(b, rows, cols)); };
  const auto wrong = [&](index_t n, index_t d, Shape w, ConvolutionShape s) {
    return test::error_of<Error>([&] { (void)convolution(var(n, d), var(w.rows, w.cols), where, s); });
  };
  CHECK(wrong(2, 4, {6, 6}, {3, 2}) == "no error");
  CHECK(wrong(2, 4, {6, 8}, {4, 2}) == "convolution: a kernel of 4, expected an odd number");
  CHECK(wrong(2, 4, {6, 4}, {3, 3}) == "convolution: 4 channels in and 6 out do not divide into 3 groups");
  CHECK(wrong(3, 4, {6, 6}, {3, 2}) == "convolution: x is [3, 4], expected [2, 4]");
  CHECK(wrong(2, 4, {6, 12}, {3, 2}) == "convolution: w is [6, 12], expected [6, 6]");
}
