// SPDX-License-Identifier: MIT
#include <lorica/autograd/embedding_ops.hpp>

#include "support/op_cases.hpp"

using namespace lorica;
using test::Matrix;
using test::Numbers;

namespace {

Matrix embedded(const Numbers& in) {
  const index_t vocabulary = in.size("vocabulary", 3, 30), d = in.size("d");
  const Matrix table = in.matrix("table", vocabulary, d);
  const auto ids = in.integers("ids", in.rows(), vocabulary);
  return test::matrix_of(in.rows(), d,
                         [&](index_t i, index_t j) { return table(ids[static_cast<std::size_t>(i)], j); });
}
Matrix pooled(const Numbers& in, Pooling how) {
  const Matrix x = in.matrix("x", in.rows(), in.size("d"));
  const auto& offsets = in.offsets();
  Matrix y(static_cast<index_t>(offsets.size()) - 1, x.cols);
  for (index_t s = 0; s < y.rows; ++s) {
    const index_t begin = offsets[static_cast<std::size_t>(s)],
                  end = offsets[static_cast<std::size_t>(s) + 1];
    const index_t first = how == Pooling::last ? end - 1 : begin,
                  last = how == Pooling::first ? begin + 1 : end;
    for (index_t i = first; i < last; ++i)
      for (index_t j = 0; j < x.cols; ++j) y(s, j) += x(i, j) / static_cast<double>(last - first);
  }
  return y;
}

template <Backend B> test::Cases<B> cases() {
  using T = typename B::scalar;
  const auto x = [](auto& t, auto& in) { return in.activation(t, "x", in.rows(), in.size("d")); };
  return {
      {"embedding",
       [](auto& t, auto& in) {
         const index_t vocabulary = in.size("vocabulary", 3, 30);
         return embedding(t, in.parameter("table", vocabulary, in.size("d")),
                          in.ids("ids", in.rows(), vocabulary));
       },
       embedded},
      {"embedding, twice from one table",
       [](auto& t, auto& in) {
         const index_t vocabulary = in.size("vocabulary", 3, 30);
         auto& table = in.parameter("table", vocabulary, in.size("d"));
         auto y = embedding(t, table, in.ids("ids", in.rows(), vocabulary));
         return add(std::move(y), embedding(t, table, in.ids("others", in.rows(), vocabulary)));
       },
       [](const Numbers& in) {
         const index_t vocabulary = in.size("vocabulary", 3, 30);
         Matrix y = embedded(in);
         const Matrix table = in.matrix("table", vocabulary, y.cols);
         const auto others = in.integers("others", in.rows(), vocabulary);
         return test::matrix_of(y.rows, y.cols, [&](index_t i, index_t j) {
           return y(i, j) + table(others[static_cast<std::size_t>(i)], j);
         });
       }},
      {"embedding plus a frozen one",
       [](auto& t, auto& in) {
         const index_t vocabulary = in.size("vocabulary", 3, 30), d = in.size("d");
         const auto fixed = embedding(t, in.template tensor<T>("table", vocabulary, d),
                                      in.ids("ids", in.rows(), vocabulary));
         return add(in.leaf(t, "z", in.rows(), d), fixed);
       },
       [](const Numbers& in) {
         const Matrix y = embedded(in), z = in.matrix("z", y.rows, y.cols);
         return test::matrix_of(y.rows, y.cols, [&](index_t i, index_t j) { return y(i, j) + z(i, j); });
       }},
      {"pool, the mean", [x](auto& t, auto& in) { return pool(x(t, in), in.where, Pooling::mean); },
       [](const Numbers& in) { return pooled(in, Pooling::mean); }},
      {"pool, the first", [x](auto& t, auto& in) { return pool(x(t, in), in.where, Pooling::first); },
       [](const Numbers& in) { return pooled(in, Pooling::first); }},
      {"pool, the last", [x](auto& t, auto& in) { return pool(x(t, in), in.where, Pooling::last); },
       [](const Numbers& in) { return pooled(in, Pooling::last); }},
      {"pool of the residual stream",
       [](auto& t, auto& in) {
         return pool(in.leaf(t, "x", in.rows(), in.size("d")), in.where, Pooling::mean);
       },
       [](const Numbers& in) { return pooled(in, Pooling::mean); }},
  };
}

}  // namespace

TEMPLATE_TEST_CASE("embedding and pooling are what plain loops say, and agree with the reference",
                   "[autograd]", LORICA_BACKENDS) {
  test::check_values(cases<TestType>());
  test::check_against_reference(cases<TestType>(), cases<test::Reference>());
}

TEMPLATE_TEST_CASE("gradients of embedding and pooling are those of finite differences", "[autograd]",
                   LORICA_DOUBLE_BACKENDS) {
  test::check_gradients(cases<TestType>());
}

TEMPLATE_TEST_CASE("the gradient of a row of the table is the sum over its occurrences", "[autograd]",
                   LORICA_BACKENDS) {
  using B = TestType;
  B b;
  Parameter<B> table{"table", MasterTensor<B>(b, 5, 2, std::vector<double>(10, 0.0)), {}};
  const RowIds<B> ids(b, {3, 1, 3, 3, 4});
  // d |y - t|^2 / dy = -2 t where y is zero
  const MasterTensor<B> target(b, 5, 2, std::vector<double>{1, -1, 2, -2, 4, -4, 8, -8, 16, -16});
  Tape<B> tape(b);
  tape.backward(squared_error(embedding(tape, table, ids), target), -0.5);
  CHECK(table.grad.template host<double>(b) == std::vector<double>{0, 0, 2, -2, 0, 0, 13, -13, 16, -16});
}

TEST_CASE("embedding and pooling keep nothing, and a frozen table records nothing", "[autograd][memory]") {
  using B = test::Mixed;
  B b;
  test::Inputs<B> in(b, 1, 10);
  const index_t n = in.rows();
  const RowIds<B>& ids = in.ids("ids", n, 6);
  CHECK(test::kept_by(b, [&](Tape<B>& t) { return embedding(t, in.parameter("table", 6, 5), ids); }) == 0);
  CHECK(test::kept_by(
            b, [&](Tape<B>& t) { return pool(in.activation(t, "x", n, 5), in.where, Pooling::mean); }) == 0);
  CHECK(test::kept_by(
            b, [&](Tape<B>& t) { return pool(in.activation(t, "x", n, 5), in.where, Pooling::first); }) == 0);
  Tape<B> tape(b);
  const auto y = embedding(tape, in.constant("table", 6, 5), ids);
  const auto z = pool(y, in.where, Pooling::mean);
  CHECK(tape.size() == 0);
  CHECK(!z.needs_grad());
}

TEST_CASE("embedding names an id that the table does not have, pooling the rows that do not fit",
          "[autograd][errors]") {
  using B = test::Reference;
  B b;
  Tape<B> tape(b);
  const Parameter<B> table{"table", zeros<double>(b, 4, 2), {}};
  const RowIds<B> high(b, {0, 3, 4}), low(b, {0, -1});
  CHECK(test::error_of<ConfigError>([&] { (void)embedding(tape, table, high); }) ==
        "embedding: the id of row 2 is 4, expected 0 <= id < 4");
  CHECK(test::error_of<ConfigError>([&] { (void)embedding(tape, table.value, low); }) ==
        "embedding: the id of row 1 is -1, expected 0 <= id < 4");
  const Ragged<B> where(b, {0, 2, 5});
  CHECK(test::error_of<ShapeError>([&] { (void)pool(tape.leaf(table), where, Pooling::first); }) ==
        "pool: x is [4, 2], expected [5, 2]");
}
