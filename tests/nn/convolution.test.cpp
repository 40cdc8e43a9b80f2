// SPDX-License-Identifier: MIT
#include <lorica/nn/convolution.hpp>

#include "nn/deberta_oracle.hpp"

using namespace lorica;
using B = test::Reference;

namespace {

constexpr index_t width = 12;

template <class Activation> void is_as_in_transformers(const io::json::Value& want) {
  INFO(want.at("name").as_string());
  B b;
  using W = Parameter<B>;
  const nn::Convolution<Activation> config{.kernel = want.at("kernel").as_integer(),
                                           .groups = want.at("groups").as_integer()};
  const auto layer = config.template make<W>(b, test::hashed_weights(), "convolution", width);
  const auto sequences = test::sequences_of(want);
  const nn::Batch<B> batch(b, sequences);
  Parameter<B> x{"x", test::hashed_rows(b, "x", batch.rows(), width), {}},
      r{"r", test::hashed_rows(b, "r", batch.rows(), width), {}};
  Tape<B> tape(b);
  const auto y = layer(tape.leaf(x), tape.leaf(r), batch);
  test::Gradients all{{"x", &x}, {"r", &r}};
  layer.for_each_weight([&](const std::string& name, const Parameter<B>& p) { all.emplace_back(name, &p); });
  test::is_as_recorded(b, tape, y, all, want);
}

}  // namespace

TEST_CASE("the convolution is DeBERTa-v2's, with its gradients", "[nn][convolution][oracle]") {
  std::size_t checked = 0;
  for (const auto& one : test::deberta_oracle().at("convolution").as_array()) {
    if (one.at("activation").as_string() == "tanh")
      is_as_in_transformers<nn::Tanh>(one);
    else
      is_as_in_transformers<nn::ExactGelu>(one);
    ++checked;
  }
  CHECK(checked == 3);
}

TEST_CASE("a frozen convolution answers as one that trains, sequence by sequence", "[nn][convolution]") {
  B b;
  const nn::Convolution<nn::ExactGelu> config{.kernel = 3, .groups = 2};
  const auto from = test::weights_of(3);
  const auto frozen = config.make<Frozen<B>>(b, from, "convolution", width);
  const auto trains = config.make<Parameter<B>>(b, from, "convolution", width);
  const auto run = [&](const auto& layer, const nn::Sequences& s, index_t first) {
    const nn::Batch<B> batch(b, s);
    Tape<B> tape(b, false);
    const auto all = test::random_numbers(5, 11 * width);
    const auto x = tape.constant(
        Tensor<B>(b, s.rows(), width,
                  std::span<const double>(all).subspan(static_cast<std::size_t>(first * width),
                                                       static_cast<std::size_t>(s.rows() * width))));
    return layer(x, x, batch).value().template host<double>(b);
  };
  const auto s = test::sequences();
  const auto together = run(frozen, s, 0);
  CHECK(together == run(trains, s, 0));
  std::vector<double> apart;
  for (index_t i = 0; i < s.count(); ++i) {
    const auto one = run(frozen, test::only(s, i), s.offsets[static_cast<std::size_t>(i)]);
    apart.insert(apart.end(), one.begin(), one.end());
  }
  CHECK(test::relative_error(apart, together) < 1e-14);
  std::vector<std::string> names;
  frozen.for_each_weight([&](const std::string& name, const auto& w) {
    names.push_back(name);
    CHECK(w.rows() * w.cols() == (name == "convolution.weight" ? width * width / 2 * 3 : width));
  });
  CHECK(names == std::vector<std::string>{"convolution.weight", "convolution.bias", "convolution.norm.weight",
                                          "convolution.norm.bias"});
}

TEST_CASE("kernels and groups that do not fit are errors", "[nn][convolution]") {
  B b;
  const auto error = [&](const nn::Convolution<nn::ExactGelu>& config) {
    return test::error_of<ConfigError>(
        [&] { (void)config.make<Frozen<B>>(b, test::weights_of(1), "convolution", width); });
  };
  CHECK(error({.kernel = 2}) == "convolution: a kernel of 2, expected an odd number");
  CHECK(error({.kernel = 3, .groups = 5}) == "convolution: 12 channels do not divide into 5 groups");
}
