// SPDX-License-Identifier: MIT
#include <lorica/nn/feed_forward.hpp>

#include "nn/tiny.hpp"

#include <numbers>

using namespace lorica;
using test::Matrix;
using B = test::Reference;

namespace {
constexpr index_t width = 6, hidden = 10, n = 4;
const std::vector<index_t> offsets = {0, n};

/// The result of a feed-forward, and the paths of its sites.
template <class F>
std::pair<Matrix, std::vector<std::string>> run(const F& config, const nn::Source& from, const Matrix& rows) {
  B b;
  nn::SiteCounter site;
  const auto weights = config.template make<Frozen<B>>(b, from, site, 0, width);
  Tape<B> tape(b, false);
  Bare bare;
  const auto x = tape.constant(Tensor<B>(b, rows.rows, rows.cols, rows.numbers));
  std::vector<std::string> paths;
  weights.for_each_linear([&](const auto& l) { paths.push_back(l.site.path); });
  return {test::matrix(b, weights(x, offsets, bare).value()), paths};
}
Matrix some() {
  Matrix x(n, width);
  x.numbers = test::random_numbers(4, n * width);
  return x;
}
template <class F> Matrix each(Matrix x, F f) {
  for (double& v : x.numbers) v = f(v);
  return x;
}
double exact_gelu(double x) { return x * 0.5 * (1 + std::erf(x / std::numbers::sqrt2)); }
double tanh_gelu(double x) {
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
}
Matrix linear(const nn::Source& from, const std::string& name, const Matrix& x, index_t out, bool bias) {
  const std::string path = "blocks.0." + name;
  const auto d = bias ? test::matrix(from, path + ".bias", 1, out).numbers
                      : std::vector<double>(static_cast<std::size_t>(out));
  return test::affine(x, test::matrix(from, path + ".weight", out, x.cols), d);
}
}  // namespace

TEST_CASE("up, GELU, down", "[nn][feed_forward]") {
  const auto from = test::weights_of(5);
  const Matrix x = some();
  for (const bool bias : {true, false}) {
    const auto [exact, paths] = run(nn::Mlp<nn::ExactGelu>{.hidden = hidden, .bias = bias}, from, x);
    const auto by_tanh = run(nn::Mlp<nn::TanhGelu>{.hidden = hidden, .bias = bias}, from, x).first;
    const Matrix up = linear(from, "up", x, hidden, bias);
    CHECK(test::relative_error(exact.numbers,
                               linear(from, "down", each(up, exact_gelu), width, bias).numbers) < 1e-13);
    CHECK(test::relative_error(by_tanh.numbers,
                               linear(from, "down", each(up, tanh_gelu), width, bias).numbers) < 1e-13);
    CHECK(paths == std::vector<std::string>{"blocks.0.up", "blocks.0.down"});
  }
}

TEST_CASE("gate, up, their product, down", "[nn][feed_forward]") {
  const auto from = test::weights_of(6);
  const Matrix x = some();
  for (const bool bias : {true, false}) {
    const auto [got, paths] = run(nn::GatedSilu{.hidden = hidden, .bias = bias}, from, x);
    const Matrix gate = linear(from, "gate", x, hidden, bias), up = linear(from, "up", x, hidden, bias);
    const Matrix inner = test::matrix_of(
        n, hidden, [&](index_t i, index_t j) { return gate(i, j) / (1 + std::exp(-gate(i, j))) * up(i, j); });
    CHECK(test::relative_error(got.numbers, linear(from, "down", inner, width, bias).numbers) < 1e-13);
    CHECK(paths == std::vector<std::string>{"blocks.0.gate", "blocks.0.up", "blocks.0.down"});
  }
}

TEST_CASE("a feed-forward without a hidden width is an error", "[nn][feed_forward]") {
  CHECK(test::error_of<ConfigError>([] { (void)run(nn::GatedSilu{}, test::weights_of(1), some()); }) ==
        "feed-forward: the hidden width is 0, expected at least 1");
  CHECK(test::error_of<ConfigError>([] { (void)run(nn::Mlp<>{}, test::weights_of(1), some()); }) ==
        "feed-forward: the hidden width is 0, expected at least 1");
}
