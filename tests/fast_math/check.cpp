// SPDX-License-Identifier: MIT
/// @file tests/fast_math/check.cpp
/// Row kernels and elementwise functors that were built with -ffast-math, against double. The functions of
/// lorica::math keep the errors that their header states; the others what the tests of rows and functors ask.
#include "fast_math/kernels.hpp"
#include "support/tolerance.hpp"

#include <bit>
#include <cstdio>
#include <string>

using namespace lorica::test;
using fast_math::Input;
using fast_math::Kernel;
using Numbers = std::vector<double>;

namespace {

int faults = 0;
void expect(const char* name, const char* type, double error, double allowed) {
  const bool good = error < allowed;
  std::printf("%-22s %-5s error %9.2e, allowed %8.1e%s\n", name, type, error, allowed, good ? "" : "  FAULT");
  faults += good ? 0 : 1;
}

double exact_Phi(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }
double exact_phi(double x) { return std::exp(-0.5 * x * x) / std::sqrt(2 * 3.14159265358979323846); }
double exact_sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double exact_inner(double x) { return std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x); }

/// Every 5003rd float between -87 and 87 by its bits.
Numbers all_exponents() {
  Numbers x;
  for (std::uint32_t bits = 0; bits <= std::bit_cast<std::uint32_t>(87.f); bits += 5003) {
    x.push_back(double(std::bit_cast<float>(bits)));
    x.push_back(-x.back());
  }
  return x;
}
template <class F> void function(const char* name, Kernel kernel, bool relative, double allowed, F exact) {
  const Numbers x = all_exponents(), y = fast_math::compute(kernel, false, {.a = x});
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double want = exact(x[i]), off = std::abs(y[i] - want) / (relative ? std::abs(want) : 1);
    if (!(off <= worst)) worst = off;  // not std::max: a NaN must be seen
  }
  expect(name, "float", worst, allowed);
}

template <class T> Numbers random(int seed, std::int64_t n, double size = 1) {
  Numbers x = random_numbers(seed, n);
  for (double& v : x) v *= size;
  return rounded<T>(x);
}

template <class T> struct Typed {
  static constexpr bool half = std::same_as<T, lorica::bf16>;
  static constexpr const char* type = half ? "bf16" : "float";

  template <class F> static void functor(const char* name, Kernel kernel, F exact) {
    const Input in{.a = random<T>(1, 1003, 3), .b = random<T>(2, 1003), .c = random<T>(3, 1003)};
    Numbers want;
    for (std::size_t i = 0; i < in.a.size(); ++i) want.push_back(exact(in.a[i], in.b[i], in.c[i]));
    expect(name, type, relative_error(fast_math::compute(kernel, half, in), want), tolerance_of<T>());
  }
  static void functors() {
    functor("gelu", Kernel::gelu, [](double x, double, double) { return x * exact_Phi(x); });
    functor("gelu gradient", Kernel::gelu_gradient,
            [](double x, double g, double) { return g * (exact_Phi(x) + x * exact_phi(x)); });
    functor("gelu tanh", Kernel::gelu_tanh,
            [](double x, double, double) { return 0.5 * x * (1 + std::tanh(exact_inner(x))); });
    functor("gelu tanh gradient", Kernel::gelu_tanh_gradient, [](double x, double g, double) {
      const double t = std::tanh(exact_inner(x));
      const double slope = std::sqrt(2 / 3.14159265358979323846) * (1 + 3 * 0.044715 * x * x);
      return g * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * slope);
    });
    functor("tanh gradient", Kernel::tanh_gradient,
            [](double y, double g, double) { return g * (1 - y * y); });
    functor("silu gate", Kernel::silu_gate,
            [](double x, double up, double) { return x * exact_sigmoid(x) * up; });
    functor("silu by gate", Kernel::silu_gate_by_gate, [](double x, double g, double up) {
      const double s = exact_sigmoid(x);
      return g * up * s * (1 + x * (1 - s));
    });
    functor("silu by up", Kernel::silu_gate_by_up,
            [](double x, double g, double) { return g * x * exact_sigmoid(x); });
    functor("axpy", Kernel::axpy, [](double x, double y, double) { return fast_math::scale * x + y; });
  }

  static void losses(std::int64_t cols) {
    const std::int64_t n = 5;
    const Input in{.rows = n, .cols = cols, .a = random<T>(int(cols), n * cols, 4)};
    Numbers p, lse, loss, gradient;
    for (const double scale : {fast_math::scale, 1.0})
      for (std::int64_t i = 0; i < n; ++i) {
        double total = 0;
        const double* x = in.a.data() + i * cols;
        for (std::int64_t j = 0; j < cols; ++j) total += std::exp(scale * x[j]);
        const std::int64_t t = fast_math::target(i, cols);
        (scale == 1 ? loss : lse).push_back(std::log(total) - (scale == 1 ? x[t] : 0));
        for (std::int64_t j = 0; j < cols; ++j)
          (scale == 1 ? gradient : p)
              .push_back(std::exp(scale * x[j]) / total - (scale == 1 && j == t ? 1 : 0));
      }
    const double allowed = tolerance_of<float>();  // of bf16 logits too: they are computed in float
    const auto check = [&](const char* name, Kernel kernel, const Numbers& want) {
      expect(name, type, relative_error(fast_math::compute(kernel, half, in), want), allowed);
    };
    check("softmax", Kernel::softmax, p);
    check("log-sum-exp", Kernel::log_sum_exp, lse);
    check("loss", Kernel::loss, loss);
    check("loss gradient", Kernel::loss_gradient, gradient);
  }

  static void norms(bool centred, std::int64_t d) {
    const std::int64_t n = 5;
    const int s = int(10 * d);
    Input in{.rows = n, .cols = d, .a = random_numbers(s, n * d), .b = random<float>(s + 1, d)};
    if (centred)
      for (double& v : in.a) v += 3;
    in.a = rounded<T>(in.a);
    const Numbers bias = random<float>(s + 2, d), up = random<T>(s + 3, n * d);
    Numbers y, dx;
    for (std::int64_t i = 0; i < n; ++i) {
      const double* x = in.a.data() + i * d;
      const double* g = up.data() + i * d;
      double mu = 0, var = 0, a = 0, c = 0;
      for (std::int64_t j = 0; centred && j < d; ++j) mu += x[j] / double(d);
      for (std::int64_t j = 0; j < d; ++j) var += (x[j] - mu) * (x[j] - mu) / double(d);
      const double inv = 1 / std::sqrt(var + (centred ? fast_math::layer_eps : fast_math::rms_eps));
      const auto gain = [&](std::int64_t j) { return in.b[std::size_t(j)]; };
      for (std::int64_t j = 0; j < d; ++j) {
        y.push_back((x[j] - mu) * inv * gain(j) + (centred ? bias[std::size_t(j)] : 0));
        a += centred ? g[j] * gain(j) / double(d) : 0;
        c += g[j] * gain(j) * (x[j] - mu) * inv / double(d);
      }
      for (std::int64_t j = 0; j < d; ++j) dx.push_back(inv * (g[j] * gain(j) - a - (x[j] - mu) * inv * c));
    }
    const double allowed = 3 * tolerance_of<T>();
    in.c = bias;
    expect(centred ? "layer norm" : "RMS norm", type,
           relative_error(fast_math::compute(centred ? Kernel::layer_norm : Kernel::rms_norm, half, in), y),
           allowed);
    in.c = up;
    expect(centred ? "layer norm gradient" : "RMS norm gradient", type,
           relative_error(fast_math::compute(
                              centred ? Kernel::layer_norm_gradient : Kernel::rms_norm_gradient, half, in),
                          dx),
           3 * allowed);
  }

  static void all() {
    functors();
    for (const std::int64_t n : {3, 7, 16, 67, 768}) {
      std::printf("rows of %d\n", int(n));
      losses(n);
      norms(true, n);
      norms(false, n);
    }
  }
};

/// Whether this processor has what the kernels were built for.
bool can_run([[maybe_unused]] const std::string& built_for) {
#if defined(__x86_64__)
  if (built_for == "avx2") return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (built_for == "avx512") return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#endif
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && !can_run(argv[1])) {
    std::printf("skipped: this processor has no %s\n", argv[1]);
    return 77;
  }
  function("exp", Kernel::exp, true, 3e-7, [](double x) { return std::exp(x); });
  function("sigmoid", Kernel::sigmoid, true, 3.5e-7, exact_sigmoid);
  // The estimate is 1.5 * 2^-12 off at most, refined 1.3e-7; AMD's and Intel's are not the same.
  function("tanh", Kernel::tanh, false, 4e-7, [](double x) { return std::tanh(x); });
  function("Phi", Kernel::Phi, false, 5e-7, exact_Phi);
  function("phi", Kernel::phi, false, 1e-7, exact_phi);
  Typed<float>::all();
  Typed<lorica::bf16>::all();
  if (faults > 0) std::printf("%d faults\n", faults);
  return faults > 0 ? 1 : 0;
}
