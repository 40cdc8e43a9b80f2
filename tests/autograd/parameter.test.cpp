// SPDX-License-Identifier: MIT
#include <lorica/autograd/parameter.hpp>

#include "support/op_cases.hpp"

#include <type_traits>

using namespace lorica;

TEMPLATE_TEST_CASE("a parameter has a name, a shape, and no gradient until one arrives",
                   "[autograd][parameter]", LORICA_BACKENDS) {
  using B = TestType;
  static_assert(std::is_same_v<typename Parameter<B>::backend, B>);
  static_assert(std::is_same_v<decltype(Parameter<B>::value), MasterTensor<B>>);
  static_assert(!std::is_copy_constructible_v<Parameter<B>> && std::is_move_constructible_v<Parameter<B>>);
  B b;
  const Parameter<B> p{
      "blocks.0.q.A",
      MasterTensor<B>(b, 2, 3, std::vector<double>{1, 2, 3, 4, 5, 6})};  // const, as in a const model
  CHECK(p.name == "blocks.0.q.A");
  CHECK(p.rows() == 2);
  CHECK(p.cols() == 3);
  CHECK(p.shape() == Shape{2, 3});
  CHECK(p.grad.empty());

  const auto target = zeros<typename B::master>(b, 2, 3);
  Tape<B> tape(b);
  const auto x = tape.leaf(p);
  CHECK(p.grad.empty());
  tape.backward(squared_error(x, target));
  CHECK(p.grad.template host<double>(b) == std::vector<double>{2, 4, 6, 8, 10, 12});
  CHECK(p.value.template host<double>(b) == std::vector<double>{1, 2, 3, 4, 5, 6});
}
