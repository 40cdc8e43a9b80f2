// SPDX-License-Identifier: MIT
/// @file tests/fast_math/kernels.cpp
#include "fast_math/kernels.hpp"
#include "support/math_functors.hpp"

#include <lorica/core/functor.hpp>
#include <lorica/core/row.hpp>

namespace lorica::test::fast_math {

namespace {

template <class T> std::vector<T> from(const std::vector<double>& x) {
  std::vector<T> y;
  for (const double v : x) y.push_back(convert<T>(v));
  return y;
}
template <class T> std::vector<double> numbers(const std::vector<T>& x) {
  std::vector<double> y;
  for (const T v : x) y.push_back(convert<double>(v));
  return y;
}

template <class T> class Kernels {
 public:
  explicit Kernels(const Input& in)
      : rows_(in.rows),
        cols_(in.cols),
        x_(from<T>(in.a)),
        second_(from<T>(in.b)),
        third_(from<T>(in.c)),
        gain_(from<float>(in.b)),
        bias_(from<float>(in.c)),
        y_(x_.size()) {}

  std::vector<double> operator()(Kernel kernel) {
    const T *x = x_.data(), *b = second_.data(), *c = third_.data();
    switch (kernel) {
      case Kernel::exp:
        return mapped(Exp{}, x);
      case Kernel::tanh:
        return mapped(fn::Tanh{}, x);
      case Kernel::sigmoid:
        return mapped(Sigmoid{}, x);
      case Kernel::Phi:
        return mapped(Phi{}, x);
      case Kernel::phi:
        return mapped(Density{}, x);
      case Kernel::gelu:
        return mapped(fn::Gelu{}, x);
      case Kernel::gelu_gradient:
        return mapped(fn::GeluGradient{}, b, x);
      case Kernel::gelu_tanh:
        return mapped(fn::GeluTanh{}, x);
      case Kernel::gelu_tanh_gradient:
        return mapped(fn::GeluTanhGradient{}, b, x);
      case Kernel::tanh_gradient:
        return mapped(fn::TanhGradient{}, b, x);
      case Kernel::silu_gate:
        return mapped(fn::SiluGate{}, x, b);
      case Kernel::silu_gate_by_gate:
        return mapped(fn::SiluGateByGate{}, b, x, c);
      case Kernel::silu_gate_by_up:
        return mapped(fn::SiluGateByUp{}, b, x);
      case Kernel::axpy:
        return mapped(fn::Axpy<float>{float(scale)}, x, b);
      default:
        return rows(kernel);
    }
  }

 private:
  template <class F, class... X> std::vector<double> mapped(F f, const X*... x) {
    using V = Lanes<float>;
    const auto n = static_cast<index_t>(y_.size());
    for (index_t i = 0; i < n; i += V::width) store(y_.data() + i, n - i, V(f(load<V>(x + i, n - i)...)));
    return numbers(y_);
  }
  std::vector<double> rows(Kernel kernel) {
    std::vector<float> mean(static_cast<std::size_t>(rows_)), inverse(mean), losses(mean), logits;
    std::vector<std::int32_t> targets;
    for (index_t i = 0; i < rows_; ++i) targets.push_back(std::int32_t(target(i, cols_)));
    for (const T v : x_) logits.push_back(convert<float>(v));
    const MatrixRef<const T> x(x_.data(), rows_, cols_), up(third_.data(), rows_, cols_);
    const MatrixRef<T> y(y_.data(), rows_, cols_);
    const MatrixRef<float> z(logits.data(), rows_, cols_);
    const row::LayerNorm<T, T, float> layer{x,           gain_.data(),   bias_.data(),    y,
                                            mean.data(), inverse.data(), float(layer_eps)};
    const row::LayerNormGradient<T, T, float> layer_gradient{
        up, x, gain_.data(), mean.data(), inverse.data(), y, false};
    const row::RmsNorm<T, T, float> rms{x, gain_.data(), y, inverse.data(), float(rms_eps)};
    const row::RmsNormGradient<T, T, float> rms_gradient{up, x, gain_.data(), inverse.data(), y, false};
    const row::CrossEntropy<float> cross{z, targets.data(), losses.data(), true};
    const std::vector<float> no_bias(static_cast<std::size_t>(cols_));
    for (index_t i = 0; i < rows_; ++i) switch (kernel) {
        case Kernel::layer_norm:
          layer(i);
          break;
        case Kernel::layer_norm_gradient: {
          auto forward = layer;
          forward.bias = no_bias.data();
          forward(i);
          layer_gradient(i);
          break;
        }
        case Kernel::rms_norm:
          rms(i);
          break;
        case Kernel::rms_norm_gradient:
          rms(i);
          rms_gradient(i);
          break;
        case Kernel::softmax:
        case Kernel::log_sum_exp:
          losses[std::size_t(i)] = row::softmax(z.row(i), cols_, cols_, float(scale));
          break;
        default:
          cross(i);
      }
    switch (kernel) {
      case Kernel::softmax:
      case Kernel::loss_gradient:
        return numbers(logits);
      case Kernel::log_sum_exp:
      case Kernel::loss:
        return numbers(losses);
      default:
        return numbers(y_);
    }
  }

  index_t rows_, cols_;
  std::vector<T> x_, second_, third_;
  std::vector<float> gain_, bias_;
  std::vector<T> y_;
};

}  // namespace

std::vector<double> compute(Kernel kernel, bool half, const Input& in) {
  return half ? Kernels<bf16>(in)(kernel) : Kernels<float>(in)(kernel);
}

}  // namespace lorica::test::fast_math
