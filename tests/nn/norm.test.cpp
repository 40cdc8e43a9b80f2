// SPDX-License-Identifier: MIT
#include <lorica/nn/norm.hpp>

#include "nn/tiny.hpp"

using namespace lorica;
using B = test::Mixed;  // the residual stream is of another type than the activations

namespace {
constexpr index_t n = 5, d = 9;

/// The rows of r less their mean (where `centred`) over the root of their mean square, times the gain, plus
/// the bias.
test::Matrix normalised(const test::Matrix& r, const nn::Source& from, bool centred, double eps) {
  const auto gain = test::matrix(from, "at.weight", 1, d);
  const auto bias = centred ? test::matrix(from, "at.bias", 1, d) : test::Matrix(1, d);
  return test::matrix_of(n, d, [&](index_t i, index_t j) {
    double mean = 0, square = 0;
    for (index_t l = 0; l < d; ++l) mean += centred ? r(i, l) / double(d) : 0;
    for (index_t l = 0; l < d; ++l) square += (r(i, l) - mean) * (r(i, l) - mean) / double(d);
    return (r(i, j) - mean) / std::sqrt(square + eps) * gain(0, j) + bias(0, j);
  });
}
template <class Norm> void check(const Norm& norm, bool centred) {
  B b;
  const auto from = test::weights_of(2);
  const auto weights = norm.template make<Frozen<B>>(b, from, "at", d);
  const auto trained = norm.template make<Parameter<B>>(b, from, "at", d);
  Tape<B> tape(b, false);
  const auto r = tape.constant(MasterTensor<B>(b, n, d, test::random_numbers(3, n * d)));
  const auto want = normalised(test::matrix(b, r.value()), from, centred, norm.eps);
  const Var<B> y = weights(r);                                            // activations
  const MasterVar<B> stream = weights.template operator()<B::master>(r);  // the stream itself
  CHECK(test::relative_error(y.value().template host<double>(b), want.numbers) < 1e-6);
  CHECK(test::relative_error(stream.value().template host<double>(b), want.numbers) < 1e-14);
  CHECK(test::relative_error(trained.template operator()<B::master>(r).value().template host<double>(b),
                             want.numbers) < 1e-14);
  std::vector<std::string> names;
  weights.for_each_weight([&](const std::string& name, const MasterTensor<B>& w) {
    names.push_back(name);
    CHECK(w.shape() == Shape{1, d});
  });
  CHECK(names ==
        (centred ? std::vector<std::string>{"at.weight", "at.bias"} : std::vector<std::string>{"at.weight"}));
}
}  // namespace

TEST_CASE("layer norm centres and scales each row", "[nn][norm]") {
  check(nn::LayerNorm{}, true);
  check(nn::LayerNorm{.eps = 0.5}, true);
}
TEST_CASE("rms norm scales each row", "[nn][norm]") {
  check(nn::RmsNorm{}, false);
  check(nn::RmsNorm{.eps = 0.5}, false);
}
