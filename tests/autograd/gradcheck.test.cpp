// SPDX-License-Identifier: MIT
#include <lorica/autograd/gradcheck.hpp>

#include "support/op_cases.hpp"

using namespace lorica;

namespace {
/// x^2 / 2 element by element, whose gradient is wrong by `factor` and by `offset`.
template <Backend B> MasterVar<B> half_square(const MasterVar<B>& x, double factor, double offset) {
  B& b = x.backend();
  auto host = x.value().template host<double>(b);
  for (auto& v : host) v *= v / 2;
  return x.tape().record(MasterTensor<B>(b, x.rows(), x.cols(), host), x.needs_grad(),
                         [x, factor, offset](const auto& dy) {
                           B& be = x.backend();
                           auto dx = dy->template host<double>(be);
                           const auto value = x.value().template host<double>(be);
                           for (std::size_t i = 0; i < dx.size(); ++i) dx[i] *= factor * value[i] + offset;
                           x.add_gradient(std::make_shared<MasterTensor<B>>(be, x.rows(), x.cols(), dx));
                         });
}
}  // namespace

TEMPLATE_TEST_CASE("central differences accept a right gradient and find a wrong one",
                   "[autograd][gradcheck]", LORICA_DOUBLE_BACKENDS) {
  using B = TestType;
  B b;
  const auto error = [&](double factor, double offset) {
    Parameter<B> right{"right", MasterTensor<B>(b, 3, 4, test::random_numbers(1, 12)), {}};
    Parameter<B> doubtful{"doubtful", MasterTensor<B>(b, 2, 5, test::random_numbers(2, 10)), {}};
    const auto zero = zeros<double>(b, 3, 4), target = MasterTensor<B>(b, 2, 5, test::random_numbers(3, 10));
    Parameter<B>* const parameters[] = {&right, &doubtful};
    const auto loss = [&](Tape<B>& t) {
      return add(squared_error(t.leaf(right), zero),
                 squared_error(half_square(t.leaf(doubtful), factor, offset), target));
    };
    return gradient_error(b, std::span<Parameter<B>* const>(parameters), loss);
  };
  CHECK(error(1, 0) < 1e-9);
  CHECK(error(0, 0) == Approx(1));        // forgotten
  CHECK(error(-1, 0) == Approx(1));       // the wrong sign
  CHECK(error(2, 0) == Approx(1.0 / 3));  // twice too large
  CHECK(error(1.001, 0) == Approx(0.0005).epsilon(0.01));
  CHECK(error(1, 0.01) > 1e-4);
}

TEST_CASE("a gradient check leaves values as they were and analytic gradients behind",
          "[autograd][gradcheck]") {
  using B = test::Reference;
  B b;
  Parameter<B> p{"p", MasterTensor<B>(b, 2, 2, std::vector<double>{1, -20, 0, 0.1}), {}},
      unused{"unused", MasterTensor<B>(b, 1, 1, std::vector<double>{3}), {}};
  const auto zero = zeros<double>(b, 2, 2);
  Parameter<B>* const parameters[] = {&p, &unused};
  p.grad = MasterTensor<B>(b, 2, 2, std::vector<double>{7, 7, 7, 7});  // what was there does not count
  CHECK(gradient_error(b, std::span<Parameter<B>* const>(parameters),
                       [&](Tape<B>& t) { return squared_error(t.leaf(p), zero); }) < 1e-9);
  CHECK(p.value.host(b) == std::vector<double>{1, -20, 0, 0.1});
  CHECK(unused.value.host(b) == std::vector<double>{3});
  CHECK(p.grad.host(b) == std::vector<double>{2, -40, 0, 0.2});
  CHECK(unused.grad.empty());
}

TEST_CASE("the step of a gradient check is its user's", "[autograd][gradcheck]") {
  using B = test::Reference;
  B b;
  Parameter<B> p{"p", MasterTensor<B>(b, 1, 2, std::vector<double>{0.5, 1}), {}};
  const auto zero = zeros<double>(b, 1, 2);
  Parameter<B>* const parameters[] = {&p};
  const auto fourth_power = [&](Tape<B>& t) { return squared_error(half_square(t.leaf(p), 1, 0), zero); };
  const auto with_step = [&](double h) {
    return gradient_error(b, std::span<Parameter<B>* const>(parameters), fourth_power, h);
  };
  CHECK(with_step(1e-5) < 1e-9);
  CHECK(with_step(0.1) > 1e-3);  // central differences err by h^2
}
