// SPDX-License-Identifier: MIT
#include <lorica/adapt/orthogonality.hpp>

#include "adapt/toy.hpp"

using namespace lorica;
using namespace lorica::adapt;
using R = test::Reference;

namespace {
template <Backend B> Parameter<B> factor(B& b, index_t rows, index_t cols, const std::vector<double>& v) {
  return {"M", MasterTensor<B>(b, rows, cols, v), {}};
}
template <Backend B> double value(B& b, const Parameter<B>& m, Along along) {
  Tape<B> tape(b, false);
  return orthogonality(tape.leaf(m), along).value().template host<double>(b)[0];
}
}  // namespace

TEMPLATE_TEST_CASE("|M M^T - I|_F, not squared", "[adapt][orthogonality]", LORICA_DOUBLE_BACKENDS) {
  TestType b;
  // Rows (1, 0, 0) and (0, 2, 0): M M^T - I = diag(0, 3).
  CHECK(value(b, factor(b, 2, 3, {1, 0, 0, 0, 2, 0}), Along::rows) == Approx(3).epsilon(1e-15));
  // Rows (1, 1) and (1, 0): M M^T - I = (1 1; 1 0).
  CHECK(value(b, factor(b, 2, 2, {1, 1, 1, 0}), Along::rows) == Approx(std::sqrt(3.0)).epsilon(1e-15));
  // Columns (1, 0, 0) and (0, 2, 0), and the columns of a single row.
  CHECK(value(b, factor(b, 3, 2, {1, 0, 0, 2, 0, 0}), Along::cols) == Approx(3).epsilon(1e-15));
  CHECK(value(b, factor(b, 1, 2, {1, 1}), Along::cols) == Approx(std::sqrt(2.0)).epsilon(1e-15));
  CHECK(value(b, factor(b, 1, 2, {1, 1}), Along::rows) == Approx(1).epsilon(1e-15));
}

TEMPLATE_TEST_CASE("its gradient is that of central differences", "[adapt][orthogonality]",
                   LORICA_DOUBLE_BACKENDS) {
  using B = TestType;
  B b;
  for (const auto along : {Along::rows, Along::cols}) {
    auto m = factor(b, 3, 4, test::random_numbers(1, 12)), n = factor(b, 4, 3, test::random_numbers(2, 12));
    const std::array both = {&m, &n};
    CHECK(gradient_error(b, std::span<Parameter<B>* const>(both), [&](Tape<B>& tape) {
            return add(scale(orthogonality(tape.leaf(m), along), 0.7), orthogonality(tape.leaf(n), along));
          }) < 1e-8);
  }
}

TEST_CASE("where directions are orthonormal the value and its gradient are 0", "[adapt][orthogonality]") {
  R b;
  auto m = factor(b, 2, 3, {1, 0, 0, 0, 0, 1});
  Tape<R> tape(b);
  const auto loss =
      add(orthogonality(tape.leaf(m), Along::rows), squared_error(tape.leaf(m), zeros<double>(b, 2, 3)));
  CHECK(value(b, m, Along::rows) == 0);
  tape.backward(loss);
  CHECK(m.grad.host<double>(b) ==
        std::vector<double>{2, 0, 0, 0, 0, 2});  // the other term's alone; nothing is not a number
}
