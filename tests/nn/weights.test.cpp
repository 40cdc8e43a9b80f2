// SPDX-License-Identifier: MIT
#include <lorica/nn/weights.hpp>

#include "support/op_cases.hpp"

using namespace lorica;
using B = test::Reference;

static_assert(!nn::Kind<Frozen<B>>::trains && nn::Kind<Parameter<B>>::trains);
static_assert(std::same_as<nn::matrix_of<Frozen<B>>, Frozen<B>> &&
              std::same_as<nn::table_of<Frozen<B>>, Tensor<B>> &&
              std::same_as<nn::vector_of<Frozen<B>>, MasterTensor<B>>);
static_assert(std::same_as<nn::matrix_of<Parameter<B>>, Parameter<B>> &&
              std::same_as<nn::table_of<Parameter<B>>, Parameter<B>> &&
              std::same_as<nn::vector_of<Parameter<B>>, Parameter<B>>);
static_assert(std::same_as<nn::backend_of<Frozen<B>>, B> &&
              std::same_as<nn::backend_of<Parameter<test::Mixed>>, test::Mixed>);

TEST_CASE("a weight of any kind holds what its source says for its name and shape", "[nn][weights]") {
  B b;
  std::string asked;
  Shape shape;
  const nn::Source from = [&](const std::string& name, Shape s) {
    asked = name;
    shape = s;
    return std::vector<float>{1, 2, 3, 4, 5, 6};
  };
  const std::vector<float> want = {1, 2, 3, 4, 5, 6};
  const auto parameter = nn::make<Parameter<B>>(b, from, "a.weight", 2, 3);
  CHECK(asked == "a.weight");
  CHECK(shape == Shape{2, 3});
  CHECK(parameter.name == "a.weight");
  CHECK(parameter.shape() == Shape{2, 3});
  CHECK(parameter.grad.empty());
  CHECK(nn::numbers(b, parameter) == want);
  const auto frozen = nn::make<Frozen<B>>(b, from, "b", 3, 2);
  CHECK(frozen.shape() == Shape{3, 2});
  CHECK(nn::numbers(b, frozen) == want);
  const auto vector = nn::make<MasterTensor<B>>(b, from, "c", 1, 6);
  CHECK(vector.shape() == Shape{1, 6});
  CHECK(nn::numbers(b, vector) == want);
}

TEST_CASE("a source that answers with too few numbers is an error", "[nn][weights]") {
  B b;
  const nn::Source from = [](const std::string&, Shape) { return std::vector<float>{1, 2}; };
  const auto text = test::error_of<ShapeError>([&] { (void)nn::make<Frozen<B>>(b, from, "a", 2, 3); });
  CHECK(text == "a: 2 numbers for the shape [2, 3]");
}

TEST_CASE("numbers that lie in memory are used there, and copied as their source says", "[nn][weights]") {
  B b;
  const auto kept = std::make_shared<const std::vector<float>>(std::vector<float>{1, 2, 3, 4});
  index_t copied = 0;
  const nn::Source from = [&](const std::string&, Shape) {
    return nn::Numbers(std::span<const float>(*kept), kept, [&](index_t first, std::span<float> to) {
      copied += static_cast<index_t>(to.size());
      std::ranges::copy(std::span(*kept).subspan(static_cast<std::size_t>(first), to.size()), to.begin());
    });
  };
  cpu::EigenBackend<float> narrow;
  const auto frozen = nn::make<Frozen<cpu::EigenBackend<float>>>(narrow, from, "a", 2, 2);
  CHECK(frozen.packed().w.data == kept->data());
  CHECK(copied == 0);
  CHECK(nn::numbers(b, nn::make<Parameter<B>>(b, from, "b", 2, 2)) == *kept);
  CHECK(copied == 4);
}
