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
/// Rows of x in rising order: the first always, of the others some.
std::vector<std::int32_t> some_of(index_t n) {
  std::vector<std::int32_t> which = {0};
  for (index_t i = 1; i < n; ++i)
    if (i % 3 != 1) which.push_back(static_cast<std::int32_t>(i));
  return which;
}
template <Backend B> test::Cases<B> row_cases() {
  // What is taken must outlive the tape.
  const auto kept = std::make_shared<std::vector<std::unique_ptr<RowIds<B>>>>();
  const auto which = [kept](auto& tape, index_t n) -> const RowIds<B>& {
    kept->push_back(std::make_unique<RowIds<B>>(tape.backend(), some_of(n)));
    return *kept->back();
  };
  const auto x = [](auto& t, auto& in) { return in.activation(t, "x", in.rows(), in.size("cols", 1, 9)); };
  const auto expected = [](const Numbers& in) {
    const auto all = in.matrix("x", in.rows(), in.size("cols", 1, 9));
    const auto ids = some_of(in.rows());
    return test::matrix_of(static_cast<index_t>(ids.size()), all.cols,
                           [&](index_t i, index_t j) { return all(ids[static_cast<std::size_t>(i)], j); });
  };
  return {
      {"rows", [=](auto& t, auto& in) { return rows(x(t, in), which(t, in.rows())); }, expected},
      {"rows, of what goes elsewhere as well",
       [=](auto& t, auto& in) {
         const auto all = x(t, in);
         const auto& ids = which(t, in.rows());
         return add(rows(add(all, all), ids), rows(all, ids));
       },
       [=](const Numbers& in) {
         const auto once = expected(in);
         return test::matrix_of(once.rows, once.cols, [&](index_t i, index_t j) { return 3 * once(i, j); });
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

TEMPLATE_TEST_CASE("rows are those of the matrix, and agree with the reference", "[autograd]",
                   LORICA_BACKENDS) {
  test::check_values(row_cases<TestType>());
  test::check_against_reference(row_cases<TestType>(), row_cases<test::Reference>());
}

TEMPLATE_TEST_CASE("gradients of rows are those of finite differences", "[autograd]",
                   LORICA_DOUBLE_BACKENDS) {
  test::check_gradients(row_cases<TestType>());
}

TEST_CASE("rows that a matrix does not have, or that do not rise, are an error", "[autograd][errors]") {
  test::Reference b;
  Tape<test::Reference> tape(b);
  const auto x = tape.constant(Tensor<test::Reference>(b, 2, 3, std::vector<double>(6)));
  const auto error = [&](std::vector<std::int32_t> ids) {
    const RowIds<test::Reference> which(b, std::move(ids));
    return test::error_of<ConfigError>([&] { (void)rows(x, which); });
  };
  CHECK(error({0, 1}) == "no error");
  CHECK(error({0, 2}) == "rows: the id of row 1 is 2, expected 0 <= id < 2");
  CHECK(error({1, 1}) == "rows: row 1 follows row 1, expected rising ones");
}

TEST_CASE("columns that a matrix does not have are an error", "[autograd][errors]") {
  test::Reference b;
  Tape<test::Reference> tape(b);
  const auto x = tape.constant(Tensor<test::Reference>(b, 2, 3, std::vector<double>(6)));
  CHECK(test::error_of<ShapeError>([&] { (void)columns(x, 1, 3); }) == "columns: 1 to 4 of [2, 3]");
}
