// SPDX-License-Identifier: MIT
/// @file lorica/adapt/score/gradient_energy.hpp
/// |dL/dW|_F^2 of a site, without keeping dL/dW: a score of its own, and the closed form of PAGE but for its
/// factor. Unlike PAGE's default it does not weigh a wide input down: print both columns.
#pragma once

#include <lorica/adapt/score/concept.hpp>

#include <algorithm>

namespace lorica::adapt {

/// Over N samples with gradients g_n: per_sample is mean |g_n|^2, of an adapter's factor the trace of its
/// block of the empirical Fisher; mean_gradient is |mean g_n|^2, its share of the first decrease of the loss
/// under gradient flow. With mu and C the mean and the covariance of g_n, the first is |mu|^2 + tr C, the
/// second in expectation |mu|^2 + tr C / N.
enum class Reading : bool { per_sample, mean_gradient };

/// How many of the sequences at hand are samples: those with a target.
template <Backend B> index_t samples_in(const SiteGradient<B>& o) {
  return static_cast<index_t>(std::ranges::count_if(o.weight, [](double w) { return w > 0; }));
}

/// A sample is one sequence, its loss the mean over its targets. Costs, per sample: the cheaper of T^2 (k +
/// m) a sequence of T rows (two Gram matrices; dL/dW is never formed) and 2 T k m with one scratch dL/dW. The
/// mean gradient always takes one scratch dL/dW, and all samples in one batch.
struct GradientEnergy {
  Reading reading = Reading::per_sample;

  struct state {
    double energy = 0;  // summed over samples
    index_t samples = 0;
  };

  template <Backend B> void observe(state& st, const SiteGradient<B>& o) const {
    if (reading == Reading::per_sample)
      st.energy += sum_over_samples(o);
    else
      st.energy += of_the_sum(o, st.samples == 0);
    st.samples += samples_in(o);
  }
  [[nodiscard]] double value(const state& st) const {
    const double n = double(st.samples);
    return st.samples == 0 ? 0 : reading == Reading::per_sample ? st.energy / n : st.energy / (n * n);
  }

 private:
  template <Backend B> static double sum_over_samples(const SiteGradient<B>& o) {
    double energy = 0;
    for (std::size_t i = 0; i < o.weight.size(); ++i) {
      const index_t first = o.offsets[i], n = o.offsets[i + 1] - first;
      if (o.weight[i] > 0)
        energy += o.weight[i] * o.weight[i] *
                  of_sample(o.backend, o.x.ref().slice(first, n), o.dy.ref().slice(first, n));
    }
    return energy;
  }
  /// |dy^T x|_F^2
  template <Backend B, class T> static double of_sample(B& b, MatrixRef<const T> x, MatrixRef<const T> dy) {
    using M = typename B::master;
    const index_t n = x.rows, k = x.cols, m = dy.cols;
    if (n * (k + m) <= 2 * k * m) {  // sum over t, t' of (dy_t . dy_t') (x_t . x_t')
      MasterTensor<B> xx(b, n, n), yy(b, n, n), dots(b, 1, n);
      b.gemm(Trans::no, Trans::yes, M(1), x, x, M(0), xx.ref());
      b.gemm(Trans::no, Trans::yes, M(1), dy, dy, M(0), yy.ref());
      b.column_dots(xx.cref(), yy.cref(), M(0), dots.data());
      return b.sum(dots.cref().data, n);
    }
    MasterTensor<B> g(b, m, k);
    b.gemm(Trans::yes, Trans::no, M(1), dy, x, M(0), g.ref());
    return b.sum_squares(g.cref().data, g.size());
  }
  template <Backend B> static double of_the_sum(const SiteGradient<B>& o, bool first_batch) {
    using M = typename B::master;
    expects(
        first_batch, "the energy of the mean gradient at ", o.site.path,
        " needs all samples in one batch; raise the batch size, or let PAGE draw (Form::sampled; the only "
        "way where a model meets a site more than once)");
    B& b = o.backend;
    MasterTensor<B> g(b, o.site.out, o.site.in);
    M beta = 0;
    for (std::size_t i = 0; i < o.weight.size(); ++i) {
      if (o.weight[i] == 0) continue;
      const index_t first = o.offsets[i], n = o.offsets[i + 1] - first;
      b.gemm(Trans::yes, Trans::no, M(o.weight[i]), o.dy.ref().slice(first, n), o.x.ref().slice(first, n),
             beta, g.ref());
      beta = 1;
    }
    return beta == M(1) ? b.sum_squares(g.cref().data, g.size()) : 0;
  }
};

}  // namespace lorica::adapt
