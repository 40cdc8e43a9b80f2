// SPDX-License-Identifier: MIT
/// @file tests/core/row.test.cpp
/// Row functors on every backend against plain loops in double, over lengths around the width of the lanes.
#include <lorica/core/row.hpp>

#include <lorica/core/tensor.hpp>

#include "support/backends.hpp"

using namespace lorica;

namespace {

using Numbers = std::vector<double>;
constexpr index_t rows = 5;

double mean(const double* x, index_t n) {
  double s = 0;
  for (index_t j = 0; j < n; ++j) s += x[j];
  return s / double(n);
}
/// softmax(scale x) of the first `valid`, zero beyond; returns the log-sum-exp.
double softmax(double* x, index_t valid, index_t n, double scale) {
  double top = scale * x[0], total = 0;
  for (index_t j = 0; j < valid; ++j) top = std::max(top, scale * x[j]);
  for (index_t j = 0; j < valid; ++j) total += std::exp(scale * x[j] - top);
  const double lse = top + std::log(total);
  for (index_t j = 0; j < n; ++j) x[j] = j < valid ? std::exp(scale * x[j] - lse) : 0.0;
  return lse;
}

/// Row i: softmax over its first `valid[i]`.
template <class M> struct SoftmaxRows {
  MatrixRef<M> x;
  const std::int32_t* valid;
  M scale;
  M* lse;
  LORICA_HD index_t cols() const { return x.cols; }
  LORICA_HD void operator()(index_t i) const { lse[i] = row::softmax(x.row(i), valid[i], x.cols, scale); }
};

/// A normalisation with `centred` (LayerNorm) or without (RMS norm), and its gradient by the textbook.
struct Reference {
  bool centred;
  double eps;
  Numbers x, gain, bias, up;
  index_t d;
  Numbers y = {}, dx = {}, normalized = {};

  void run() {
    y.resize(x.size());
    dx.resize(x.size());
    normalized.resize(x.size());
    for (index_t i = 0; i < rows; ++i) {
      const double* p = x.data() + i * d;
      const double mu = centred ? mean(p, d) : 0;
      double var = 0;
      for (index_t j = 0; j < d; ++j) var += (p[j] - mu) * (p[j] - mu) / double(d);
      const double inv = 1 / std::sqrt(var + eps);
      double a = 0, c = 0;
      for (index_t j = 0; j < d; ++j) {
        const auto e = static_cast<std::size_t>(i * d + j), g = static_cast<std::size_t>(j);
        normalized[e] = (p[j] - mu) * inv;
        y[e] = normalized[e] * gain[g] + (centred ? bias[g] : 0);
        a += up[e] * gain[g] / double(d);
        c += up[e] * gain[g] * normalized[e] / double(d);
      }
      for (index_t j = 0; j < d; ++j) {
        const auto e = static_cast<std::size_t>(i * d + j), g = static_cast<std::size_t>(j);
        dx[e] = inv * (up[e] * gain[g] - (centred ? a : 0) - normalized[e] * c);
      }
    }
  }
};

}  // namespace

TEMPLATE_TEST_CASE("softmax over the valid part of a row", "[core][row][kernel]", LORICA_BACKENDS) {
  using B = TestType;
  using M = typename B::master;
  B b;
  for (index_t n = 1; n <= 67; ++n) {
    CAPTURE(n);
    auto want = test::rounded<M>(test::random_numbers(n, rows * n));
    std::vector<std::int32_t> valid;
    for (index_t i = 0; i < rows; ++i)
      valid.push_back(static_cast<std::int32_t>(i == 0 ? n : 1 + (i * 17) % n));
    MasterTensor<B> x(b, rows, n, want), lse(b, 1, rows);
    const Integers<B> there(b, valid);
    b.for_rows(rows, SoftmaxRows<M>{x.ref(), there.data(), M(1.75), lse.data()});
    Numbers want_lse;
    for (index_t i = 0; i < rows; ++i)
      want_lse.push_back(softmax(want.data() + i * n, valid[static_cast<std::size_t>(i)], n, 1.75));
    const auto got = x.template host<double>(b);
    REQUIRE(test::relative_error(got, want) < test::tolerance_of<M>());
    REQUIRE(test::relative_error(lse.template host<double>(b), want_lse) < test::tolerance_of<M>());
    for (std::size_t e = 0; e < got.size(); ++e) REQUIRE((want[e] != 0 || got[e] == 0));
  }
}

TEMPLATE_TEST_CASE("softmax of huge and equal numbers, and of one that is none", "[core][row][kernel]",
                   LORICA_BACKENDS) {
  using B = TestType;
  using M = typename B::master;
  B b;
  const index_t n = 19;
  const double inf = std::numeric_limits<double>::infinity();
  Numbers x(4 * n, 0.0);
  for (std::size_t j = 0; j < n; ++j) x[j] = 1e30, x[n + j] = -1e4, x[2 * n + j] = j == 3 ? -inf : 0.0;
  x[3 * n + 11] = std::numeric_limits<double>::quiet_NaN();
  MasterTensor<B> t(b, 4, n, x), lse(b, 1, 4);
  const Integers<B> valid(b, std::vector<std::int32_t>(4, n));
  b.for_rows(4, SoftmaxRows<M>{t.ref(), valid.data(), M(1), lse.data()});
  const auto p = t.template host<double>(b), l = lse.template host<double>(b);
  for (std::size_t j = 0; j < n; ++j) {
    REQUIRE(p[j] == Approx(1.0 / 19));
    REQUIRE(p[n + j] == Approx(1.0 / 19));
    REQUIRE(p[2 * n + j] == Approx(j == 3 ? 0.0 : 1.0 / 18).margin(1e-30));
  }
  REQUIRE(l[1] == Approx(-1e4 + std::log(19.0)));
  REQUIRE(std::isnan(l[3]));
}

TEMPLATE_TEST_CASE("layer norm, its gradient, and what its gain sees", "[core][row][kernel]",
                   LORICA_BACKENDS) {
  using B = TestType;
  using T = typename B::scalar;
  using M = typename B::master;
  B b;
  const double eps = 1e-5, tolerance = 3 * test::tolerance<B>();
  for (index_t d = 2; d <= 67; ++d) {  // of one number the normalised is 0, and its gradient rounding
    CAPTURE(d);
    const auto s = static_cast<Seed>(10 * d);
    auto far = test::random_numbers(s, rows * d);
    for (double& v : far) v += 3;
    Reference want{true,
                   eps,
                   test::rounded<M>(far),
                   test::rounded<M>(test::random_numbers(s + 1, d)),
                   test::rounded<M>(test::random_numbers(s + 2, d)),
                   test::rounded<T>(test::random_numbers(s + 3, rows * d)),
                   d};
    want.run();
    // The residual stream is master, what leaves the norm scalar.
    const MasterTensor<B> x(b, rows, d, want.x), gain(b, 1, d, want.gain), bias(b, 1, d, want.bias);
    const Tensor<B> up(b, rows, d, want.up);
    Tensor<B> y(b, rows, d);
    MasterTensor<B> mu(b, 1, rows), inverse(b, 1, rows), dx(b, rows, d), hat(b, rows, d);
    const row::LayerNorm<M, T, M> forward{x.ref(),   gain.data(),    bias.data(), y.ref(),
                                          mu.data(), inverse.data(), M(eps)};
    b.for_rows(rows, forward);
    REQUIRE(test::relative_error(y.template host<double>(b), want.y) < tolerance);
    row::LayerNormGradient<M, T, M> backward{up.ref(),       x.ref(),  gain.data(), mu.data(),
                                             inverse.data(), dx.ref(), false};
    b.for_rows(rows, backward);
    REQUIRE(test::relative_error(dx.template host<double>(b), want.dx) < 3 * tolerance);
    backward.add = true;
    b.for_rows(rows, backward);
    Numbers twice = want.dx;
    for (double& v : twice) v *= 2;
    REQUIRE(test::relative_error(dx.template host<double>(b), twice) < 3 * tolerance);
    b.for_rows(rows, row::Normalized<M, M>{x.ref(), mu.data(), inverse.data(), hat.ref()});
    REQUIRE(test::relative_error(hat.template host<double>(b), want.normalized) < tolerance);
    auto without = forward;  // statistics are optional
    without.mean = without.inverse = nullptr;
    fill(b, y, 0);
    b.for_rows(rows, without);
    REQUIRE(test::relative_error(y.template host<double>(b), want.y) < tolerance);
  }
}

TEMPLATE_TEST_CASE("RMS norm, its gradient, and what its gain sees", "[core][row][kernel]", LORICA_BACKENDS) {
  using B = TestType;
  using T = typename B::scalar;
  using M = typename B::master;
  B b;
  const double eps = 1e-6, tolerance = 3 * test::tolerance<B>();
  for (index_t d = 2; d <= 67; ++d) {
    CAPTURE(d);
    const auto s = static_cast<Seed>(10 * d);
    Reference want{false,
                   eps,
                   test::rounded<M>(test::random_numbers(s, rows * d)),
                   test::rounded<M>(test::random_numbers(s + 1, d)),
                   {},
                   test::rounded<T>(test::random_numbers(s + 3, rows * d)),
                   d};
    want.run();
    const MasterTensor<B> x(b, rows, d, want.x), gain(b, 1, d, want.gain);
    const Tensor<B> up(b, rows, d, want.up);
    Tensor<B> y(b, rows, d);
    MasterTensor<B> inverse(b, 1, rows), dx(b, rows, d), hat(b, rows, d);
    b.for_rows(rows, row::RmsNorm<M, T, M>{x.ref(), gain.data(), y.ref(), inverse.data(), M(eps)});
    REQUIRE(test::relative_error(y.template host<double>(b), want.y) < tolerance);
    row::RmsNormGradient<M, T, M> backward{up.ref(), x.ref(), gain.data(), inverse.data(), dx.ref(), false};
    b.for_rows(rows, backward);
    REQUIRE(test::relative_error(dx.template host<double>(b), want.dx) < 3 * tolerance);
    backward.add = true;
    b.for_rows(rows, backward);
    Numbers twice = want.dx;
    for (double& v : twice) v *= 2;
    REQUIRE(test::relative_error(dx.template host<double>(b), twice) < 3 * tolerance);
    b.for_rows(rows, row::Normalized<M, M>{x.ref(), nullptr, inverse.data(), hat.ref()});
    REQUIRE(test::relative_error(hat.template host<double>(b), want.normalized) < tolerance);
  }
}

TEMPLATE_TEST_CASE("cross-entropy of a row of logits, and its gradient in place", "[core][row][kernel]",
                   LORICA_BACKENDS) {
  using B = TestType;
  using M = typename B::master;
  B b;
  for (index_t v = 1; v <= 67; ++v) {
    CAPTURE(v);
    auto logits = test::random_numbers(v, rows * v);
    for (double& z : logits) z *= 4;
    logits = test::rounded<M>(logits);
    std::vector<std::int32_t> target;
    for (index_t i = 0; i < rows; ++i) target.push_back(static_cast<std::int32_t>((i * 31) % v));
    MasterTensor<B> z(b, rows, v, logits), loss(b, 1, rows);
    const Integers<B> there(b, target);
    b.for_rows(rows, row::CrossEntropy<M>{z.ref(), there.data(), loss.data(), true});
    Numbers want_loss, gradient = logits;
    for (index_t i = 0; i < rows; ++i) {
      const auto at = static_cast<std::size_t>(i * v + target[static_cast<std::size_t>(i)]);
      const double lse = softmax(gradient.data() + i * v, v, v, 1);
      want_loss.push_back(lse - logits[at]);
      gradient[at] -= 1;
    }
    REQUIRE(test::relative_error(loss.template host<double>(b), want_loss) < test::tolerance_of<M>());
    REQUIRE(test::relative_error(z.template host<double>(b), gradient) < test::tolerance_of<M>());
  }
}
