// SPDX-License-Identifier: MIT
#include <lorica/autograd/linear_ops.hpp>

#include "support/op_cases.hpp"

using namespace lorica;
using test::Matrix;
using test::Numbers;

namespace {

Matrix x_of(const Numbers& in) { return in.matrix("x", in.rows(), in.size("k")); }
Matrix w_of(const Numbers& in) { return in.matrix("w", in.size("m"), in.size("k")); }
Matrix y_of(const Numbers& in) { return in.matrix("y", in.rows(), in.size("m")); }
Matrix scaled_product(double s, const Matrix& x, const Matrix& w) {
  Matrix y = test::product_nt(x, w);
  for (auto& v : y.numbers) v *= s;
  return y;
}
Matrix sum(Matrix x, const Matrix& y) {
  for (std::size_t i = 0; i < x.numbers.size(); ++i) x.numbers[i] += y.numbers[i];
  return x;
}

template <Backend B> test::Cases<B> cases() {
  using T = typename B::scalar;
  using M = typename B::master;
  const auto x = [](auto& tape, auto& in) { return in.activation(tape, "x", in.rows(), in.size("k")); };
  const auto y = [](auto& tape, auto& in) { return in.activation(tape, "y", in.rows(), in.size("m")); };
  const auto w = [](auto& tape, auto& in) { return in.leaf(tape, "w", in.size("m"), in.size("k")); };
  const auto u = [](auto& tape, auto& in) { return in.leaf(tape, "u", in.rows(), in.size("r", 1, 5)); };
  const auto up = [](auto& tape, auto& in) { return in.leaf(tape, "up", in.size("m"), in.size("r", 1, 5)); };
  const auto row = [](auto& tape, auto& in) { return in.leaf(tape, "d", 1, in.size("k")); };
  const auto lora = [](const Numbers& in) {
    return sum(y_of(in), scaled_product(-0.7, in.matrix("u", in.rows(), in.size("r", 1, 5)),
                                        in.matrix("up", in.size("m"), in.size("r", 1, 5))));
  };
  const auto columns = [](const Numbers& in) {
    const Matrix v = x_of(in), d = in.matrix("d", 1, v.cols);
    return test::matrix_of(v.rows, v.cols, [&](index_t i, index_t j) { return v(i, j) * d(0, j); });
  };
  const auto biased = [](const Numbers& in) {
    const Matrix v = x_of(in), d = in.matrix("d", 1, v.cols);
    return test::matrix_of(v.rows, v.cols, [&](index_t i, index_t j) { return v(i, j) + d(0, j); });
  };
  const auto sum_of_two = [](const Numbers& in) {
    return sum(y_of(in), in.matrix("z", in.rows(), in.size("m")));
  };
  return {
      {"linear, frozen",
       [x](auto& t, auto& in) { return linear(x(t, in), in.frozen("w", in.size("m"), in.size("k"))); },
       [](const Numbers& in) { return test::product_nt(x_of(in), w_of(in)); }},
      {"linear, trained",
       [x](auto& t, auto& in) { return linear(x(t, in), in.parameter("w", in.size("m"), in.size("k"))); },
       [](const Numbers& in) { return test::product_nt(x_of(in), w_of(in)); }},
      {"matmul_nt into the scalar",
       [x, w](auto& t, auto& in) { return matmul_nt<T>(x(t, in), w(t, in), -0.3); },
       [](const Numbers& in) { return scaled_product(-0.3, x_of(in), w_of(in)); }},
      {"matmul_nt into the master", [x, w](auto& t, auto& in) { return matmul_nt<M>(x(t, in), w(t, in)); },
       [](const Numbers& in) { return test::product_nt(x_of(in), w_of(in)); }},
      {"matmul_nt of masters",
       [w](auto& t, auto& in) { return matmul_nt<M>(in.leaf(t, "x", in.rows(), in.size("k")), w(t, in), 2); },
       [](const Numbers& in) { return scaled_product(2, x_of(in), w_of(in)); }},
      {"matmul_nt with a constant",
       [x](auto& t, auto& in) {
         return matmul_nt<M>(x(t, in), t.constant(in.constant("w", in.size("m"), in.size("k"))));
       },
       [](const Numbers& in) { return test::product_nt(x_of(in), w_of(in)); }},
      {"matmul_nt of a constant",
       [w](auto& t, auto& in) {
         return matmul_nt<T>(t.constant(in.constant("x", in.rows(), in.size("k"))), w(t, in));
       },
       [](const Numbers& in) { return test::product_nt(x_of(in), w_of(in)); }},
      {"matmul_nt with itself",
       [](auto& t, auto& in) {
         const auto v = in.leaf(t, "x", in.rows(), in.size("k"));
         return matmul_nt<M>(v, v);
       },
       [](const Numbers& in) { return test::product_nt(x_of(in), x_of(in)); }},
      {"add_product",
       [y, u, up](auto& t, auto& in) { return add_product(y(t, in), u(t, in), up(t, in), -0.7); }, lora},
      {"add_product into a constant",
       [u, up](auto& t, auto& in) {
         return add_product(t.constant(in.template tensor<T>("y", in.rows(), in.size("m"))), u(t, in),
                            up(t, in), -0.7);
       },
       lora},
      {"add_product to a frozen linear: LoRA",
       [x](auto& t, auto& in) {
         const index_t r = in.size("r", 1, 5);
         const auto v = x(t, in);
         auto base = linear(v, in.frozen("w", in.size("m"), in.size("k")));
         return add_product(std::move(base), matmul_nt<M>(v, in.leaf(t, "A", r, in.size("k"))),
                            in.leaf(t, "B", in.size("m"), r), 0.5);
       },
       [](const Numbers& in) {
         const index_t r = in.size("r", 1, 5);
         const Matrix down = test::product_nt(x_of(in), in.matrix("A", r, in.size("k")));
         return sum(test::product_nt(x_of(in), w_of(in)),
                    scaled_product(0.5, down, in.matrix("B", in.size("m"), r)));
       }},
      {"scale_columns", [x, row](auto& t, auto& in) { return scale_columns(x(t, in), row(t, in)); }, columns},
      {"scale_columns of a master",
       [row](auto& t, auto& in) {
         return scale_columns(in.leaf(t, "x", in.rows(), in.size("k")), row(t, in));
       },
       columns},
      {"scale_columns by a constant",
       [x](auto& t, auto& in) {
         return scale_columns(x(t, in), t.constant(in.constant("d", 1, in.size("k"))));
       },
       columns},
      {"scale_columns of a constant",
       [row](auto& t, auto& in) {
         return scale_columns(t.constant(in.constant("x", in.rows(), in.size("k"))), row(t, in));
       },
       columns},
      {"add_bias", [x, row](auto& t, auto& in) { return add_bias(x(t, in), row(t, in)); }, biased},
      {"add_bias, frozen",
       [x](auto& t, auto& in) { return add_bias(x(t, in), t.constant(in.constant("d", 1, in.size("k")))); },
       biased},
      {"add_bias to a constant",
       [row](auto& t, auto& in) {
         return add_bias(t.constant(in.template tensor<T>("x", in.rows(), in.size("k"))), row(t, in));
       },
       biased},
      {"add_bias in place, twice",
       [x, row](auto& t, auto& in) {
         auto v = add_bias(test::owned(x(t, in)), row(t, in));
         return add_bias(std::move(v), t.constant(in.constant("e", 1, in.size("k"))));
       },
       [biased](const Numbers& in) {
         const Matrix v = biased(in), e = in.matrix("e", 1, v.cols);
         return test::matrix_of(v.rows, v.cols, [&](index_t i, index_t j) { return v(i, j) + e(0, j); });
       }},
      {"add",
       [y](auto& t, auto& in) { return add(y(t, in), in.activation(t, "z", in.rows(), in.size("m"))); },
       sum_of_two},
      {"add to the residual stream",
       [y](auto& t, auto& in) { return add(in.leaf(t, "z", in.rows(), in.size("m")), y(t, in)); },
       sum_of_two},
      {"add in place",
       [y](auto& t, auto& in) {
         return add(test::owned(in.leaf(t, "z", in.rows(), in.size("m"))), y(t, in));
       },
       sum_of_two},
      {"add a constant",
       [y](auto& t, auto& in) {
         return add(y(t, in), t.constant(in.constant("z", in.rows(), in.size("m"))));
       },
       sum_of_two},
      {"add to a constant",
       [y](auto& t, auto& in) {
         return add(t.constant(in.constant("z", in.rows(), in.size("m"))), y(t, in));
       },
       sum_of_two},
      {"x + x",
       [x](auto& t, auto& in) {
         const auto v = x(t, in);
         return add(v, v);
       },
       [](const Numbers& in) { return sum(x_of(in), x_of(in)); }},
      {"scale", [x](auto& t, auto& in) { return scale(x(t, in), -1.5); },
       [](const Numbers& in) {
         const Matrix v = x_of(in);
         return test::matrix_of(v.rows, v.cols, [&](index_t i, index_t j) { return -1.5 * v(i, j); });
       }},
      {"cast there and back", [x](auto& t, auto& in) { return cast<T>(scale(cast<M>(x(t, in)), 0.5)); },
       [](const Numbers& in) {
         const Matrix v = x_of(in);
         return test::matrix_of(v.rows, v.cols, [&](index_t i, index_t j) { return 0.5 * v(i, j); });
       }},
  };
}

}  // namespace

TEMPLATE_TEST_CASE("products and sums are what plain loops say, and agree with the reference", "[autograd]",
                   LORICA_BACKENDS) {
  test::check_values(cases<TestType>());
  test::check_against_reference(cases<TestType>(), cases<test::Reference>());
}

TEMPLATE_TEST_CASE("gradients of products and sums are those of finite differences", "[autograd]",
                   LORICA_DOUBLE_BACKENDS) {
  test::check_gradients(cases<TestType>());
}

TEST_CASE("products keep what a gradient needs, sums keep nothing", "[autograd][memory]") {
  using B = test::Mixed;
  using T = B::scalar;
  using M = B::master;
  B b;
  test::Inputs<B> in(b, 1, 10);
  const index_t n = in.rows(), k = 7, m = 5, r = 3;
  const auto bytes = [](index_t rows, index_t cols, std::size_t each) {
    return static_cast<std::size_t>(rows * cols) * each;
  };
  const auto x = [&](Tape<B>& t) { return test::owned(in.activation(t, "x", n, k)); };
  const auto y = [&](Tape<B>& t) { return in.activation(t, "y", n, m); };
  const auto u = [&](Tape<B>& t) { return test::owned(in.leaf(t, "u", n, r)); };
  const auto fixed = [&](Tape<B>& t) { return t.constant(in.tensor<T>("x", n, k)); };
  const auto w = [&](Tape<B>& t) { return in.leaf(t, "w", m, k); };  // borrowed: not counted
  const auto row = [&](Tape<B>& t) { return in.leaf(t, "d", 1, k); };

  CHECK(test::kept_by(b, [&](Tape<B>& t) { return linear(x(t), in.frozen("w", m, k)); }) == 0);
  CHECK(test::kept_by(b, [&](Tape<B>& t) { return linear(x(t), in.parameter("w", m, k)); }) ==
        bytes(n, k, sizeof(T)));
  CHECK(test::kept_by(b, [&](Tape<B>& t) {
          return matmul_nt<T>(x(t), t.constant(in.tensor<M>("w", m, k)));
        }) == bytes(m, k, sizeof(M)));
  CHECK(test::kept_by(b, [&](Tape<B>& t) { return matmul_nt<M>(fixed(t), w(t)); }) == bytes(n, k, sizeof(T)));
  CHECK(test::kept_by(b, [&](Tape<B>& t) { return matmul_nt<M>(fixed(t), test::owned(w(t))); }) ==
        bytes(n, k, sizeof(T)));
  CHECK(test::kept_by(b, [&](Tape<B>& t) { return add_product(y(t), u(t), in.leaf(t, "up", m, r), 2); }) ==
        bytes(n, r, sizeof(M)));
  CHECK(test::kept_by(b, [&](Tape<B>& t) {
          return add_product(y(t), u(t), test::owned(in.leaf(t, "up", m, r)), 2);
        }) == bytes(n, r, sizeof(M)) + bytes(m, r, sizeof(M)));
  CHECK(test::kept_by(b, [&](Tape<B>& t) { return scale_columns(x(t), row(t)); }) == bytes(n, k, sizeof(T)));
  CHECK(test::kept_by(b, [&](Tape<B>& t) {
          return scale_columns(x(t), t.constant(in.tensor<M>("d", 1, k)));
        }) == bytes(1, k, sizeof(M)));
  CHECK(test::kept_by(b, [&](Tape<B>& t) { return scale_columns(fixed(t), test::owned(row(t))); }) ==
        bytes(n, k, sizeof(T)));
  CHECK(test::kept_by(b, [&](Tape<B>& t) { return add_bias(x(t), row(t)); }) == 0);
  CHECK(test::kept_by(b, [&](Tape<B>& t) { return add_bias(x(t), test::owned(row(t))); }) == 0);
  CHECK(test::kept_by(b, [&](Tape<B>& t) { return add(x(t), x(t)); }) == 0);
  CHECK(test::kept_by(b, [&](Tape<B>& t) { return add(in.leaf(t, "z", n, k), x(t)); }) == 0);
  CHECK(test::kept_by(b, [&](Tape<B>& t) { return scale(x(t), 2); }) == 0);
  CHECK(test::kept_by(b, [&](Tape<B>& t) { return cast<M>(x(t)); }) == 0);
}

TEST_CASE("a sum with a frozen bias has no step of its own", "[autograd]") {
  using B = test::Reference;
  B b;
  test::Inputs<B> in(b, 1, 10);
  Tape<B> tape(b);
  const auto x = in.activation(tape, "x", in.rows(), 3);
  const auto y = add_bias(x, tape.constant(in.constant("d", 1, 3)));
  CHECK(tape.size() == 0);
  CHECK(y.needs_grad());
}

TEST_CASE("sums write into memory that nobody else reads, and only there", "[autograd][reuse]") {
  using B = test::Reference;
  B b;
  test::Inputs<B> in(b, 1, 10);
  const index_t n = in.rows(), d = 5, r = 2;
  Tape<B> tape(b);
  const auto u = in.leaf(tape, "u", n, r), w = in.leaf(tape, "w", d, r), bias = in.leaf(tape, "bias", 1, d),
             z = in.leaf(tape, "z", n, d);
  const auto before = in.matrix("x", n, d).numbers;
  const auto sums = std::vector<std::function<Var<B>(Var<B>)>>{
      [&](Var<B> x) { return add(std::move(x), z); },
      [&](Var<B> x) { return add_bias(std::move(x), bias); },
      [&](Var<B> x) { return add_product(std::move(x), u, w, 0.5); },
  };
  for (const auto& sum_with : sums) {
    auto x = test::owned(in.leaf(tape, "x", n, d));
    const double* memory = x.value().data();
    const auto kept = x;  // a second handle
    auto y = sum_with(x);
    CHECK(y.value().data() != memory);
    CHECK(kept.value().host(b) == before);
    const auto apart = y.value().host(b);

    const auto leaf =
        in.leaf(tape, "x", n, d);  // a parameter is never overwritten, not even by its last handle
    CHECK(sum_with(leaf).value().host(b) == apart);
    CHECK(sum_with(in.leaf(tape, "x", n, d)).value().host(b) == apart);
    CHECK(in.parameter("x", n, d).value.host(b) == before);

    auto last = test::owned(in.leaf(tape, "x", n, d));
    memory = last.value().data();
    const auto in_place = sum_with(std::move(last));
    CHECK(in_place.value().data() == memory);
    CHECK(in_place.value().host(b) == apart);
  }
}

TEST_CASE("products and sums name the shapes that do not fit", "[autograd][errors]") {
  using B = test::Reference;
  B b;
  test::Inputs<B> in(b, 1, 10);
  Tape<B> tape(b);
  const auto x = tape.constant(zeros<double>(b, 2, 3)), y = tape.constant(zeros<double>(b, 4, 5));
  const auto message = [](auto f) { return test::error_of<ShapeError>(f); };
  CHECK(message([&] { (void)linear(x, in.frozen("f", 4, 5)); }) == "linear: x is [2, 3], the weight [4, 5]");
  CHECK(message([&] { (void)linear(x, in.parameter("p", 4, 5)); }) == "matmul_nt: x is [2, 3], w [4, 5]");
  CHECK(message([&] { (void)matmul_nt<double>(x, y); }) == "matmul_nt: x is [2, 3], w [4, 5]");
  CHECK(message([&] { (void)add_product(x, y, y, 1.0); }) == "add_product: y is [2, 3], u [4, 5], w [4, 5]");
  CHECK(message([&] { (void)add_product(x, x, y, 1.0); }) == "add_product: y is [2, 3], u [2, 3], w [4, 5]");
  CHECK(message([&] { (void)scale_columns(x, y); }) == "scale_columns: d is [4, 5], expected [1, 3]");
  CHECK(message([&] { (void)add_bias(x, y); }) == "add_bias: the bias is [4, 5], expected [1, 3]");
  CHECK(message([&] { (void)add(x, y); }) == "add: y is [4, 5], expected [2, 3]");
}
