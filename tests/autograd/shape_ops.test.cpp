// SPDX-License-Identifier: MIT
#include <lorica/autograd/shape_ops.hpp>

#include "support/op_cases.hpp"

using namespace lorica;
using test::Numbers;

namespace {
template <Backend B> test::Cases<B> cases() {
  const auto part = [](const Numbers& in) {
    const index_t first = in.size("first", 0, 4);
    return std::pair(first, in.size("count", 1, 6));
  };
  const auto x = [part](auto& t, auto& in) {
    const auto [first, count] = part(in);
    return in.activation(t, "x", in.rows(), first + count + in.size("rest", 0, 3));
  };
  const auto expected = [part](const Numbers& in) {
    const auto [first, count] = part(in);
    const auto all = in.matrix("x", in.rows(), first + count + in.size("rest", 0, 3));
    return test::matrix_of(all.rows, count, [&, f = first](index_t i, index_t j) { return all(i, f + j); });
  };
  return {
      {"columns",
       [=](auto& t, auto& in) {
         const auto [first, count] = part(in);
         return columns(x(t, in), first, count);
       },
       expected},
      {"columns, twice the same",
       [=](auto& t, auto& in) {
         const auto [first, count] = part(in);
         const auto all = x(t, in);
         return add(columns(all, first, count), columns(all, first, count));
       },
       [=](const Numbers& in) {
         const auto once = expected(in);
         return test::matrix_of(once.rows, once.cols, [&](index_t i, index_t j) { return 2 * once(i, j); });
       }},
  };
}
}  // namespace

TEMPLATE_TEST_CASE("columns are those of the matrix, and agree with the reference", "[autograd]",
                   LORICA_BACKENDS) {
  test::check_values(cases<TestType>());
  test::check_against_reference(cases<TestType>(), cases<test::Reference>());
}

TEMPLATE_TEST_CASE("gradients of columns are those of finite differences", "[autograd]",
                   LORICA_DOUBLE_BACKENDS) {
  test::check_gradients(cases<TestType>());
}

TEST_CASE("columns that a matrix does not have are an error", "[autograd][errors]") {
  test::Reference b;
  Tape<test::Reference> tape(b);
  const auto x = tape.constant(Tensor<test::Reference>(b, 2, 3, std::vector<double>(6)));
  CHECK(test::error_of<ShapeError>([&] { (void)columns(x, 1, 3); }) == "columns: 1 to 4 of [2, 3]");
}
