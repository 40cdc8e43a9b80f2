// SPDX-License-Identifier: MIT
/// @file lorica/adapt/score/page.hpp
/// PAGE, projected adapter gradient energy: the energy of the first gradient that a LoRA adapter would
/// receive at a site.
///   paper (arXiv 2605.06183): where that energy is largest, one adapter does the work of many.
///   derived: at B = 0, dL/dA = 0 and dL/dB = s G A^T with G = dL/dW = sum_t dy_t x_t^T, so PAGE = |s G
///   A^T|_F^2 and, over the draws of A, E[PAGE] = s^2 r Var(A) |G|_F^2; Var(A) = gain^2 / (3k) for LowRank.
///   our choice: the reading over samples, and that draw d uses the adapter's own generator, so that draw 0
///   is the A it starts from.
#pragma once

#include <lorica/adapt/adapter/scaling.hpp>
#include <lorica/adapt/parameterization/low_rank.hpp>
#include <lorica/adapt/score/concept.hpp>

namespace lorica::adapt {

/// Over samples with gradients g_n: per_sample is mean |g_n|^2 (the trace of B's block of the empirical
/// Fisher), mean_gradient is |mean g_n|^2 (the share of the first decrease of the loss under gradient flow).
enum class Reading : bool { per_sample, mean_gradient };
/// sampled: draws of A, two thin products a site. closed: the expectation over A, exact.
enum class Form : bool { sampled, closed };

/// A sample is one sequence. First-order only: Adam rescales gradients and breaks the proportion to the loss.
/// Costs, sampled: 2 n draws r (k + m) a site. Closed: the cheaper of T^2 (k + m) a sequence of T rows (a
/// Gram matrix; G is never formed) and 2 T k m with one scratch G; with mean_gradient always one scratch G,
/// and all samples in one batch.
struct Page {
  Reading reading = Reading::per_sample;
  Form form = Form::sampled;
  index_t rank = 8;
  AlphaOverRank scaling = {};
  index_t draws = 1;
  Seed seed = 0;
  LowRank::config shape = {};

  struct state {
    double energy = 0;  // summed over samples and draws
    index_t samples = 0;
    std::vector<double> gradient;  // sum of weighted dL/dB [draws, m, r], for the mean gradient
  };

  template <Backend B> void observe(state& st, const SiteGradient<B>& o) const {
    const auto live = static_cast<index_t>(std::ranges::count_if(o.weight, [](double w) { return w > 0; }));
    if (form == Form::sampled)
      sampled(st, o);
    else if (reading == Reading::per_sample)
      closed_per_sample(st, o);
    else
      closed_mean(st, o);
    st.samples += live;
  }
  [[nodiscard]] double value(const state& st) const {
    if (st.samples == 0) return 0;
    const double n = double(st.samples);
    if (reading == Reading::per_sample) return st.energy / n / (form == Form::sampled ? double(draws) : 1.0);
    if (form == Form::closed) return st.energy / (n * n);
    double squares = 0;
    for (const double g : st.gradient) squares += g * g;
    return squares / (n * n) / double(draws);
  }
  /// The factor between PAGE's expectation and |G|_F^2 at a site.
  [[nodiscard]] double per_gradient_energy(const SiteInfo& s) const {
    const double scale = scaling(rank);
    return scale * scale * double(rank) * shape.gain * shape.gain / (3.0 * double(s.in));
  }

 private:
  template <Backend B> void sampled(state& st, const SiteGradient<B>& o) const {
    using M = typename B::master;
    B& b = o.backend;
    const index_t width = draws * rank, m = o.site.out;
    std::vector<double> all;
    for (index_t d = 0; d < draws; ++d) {
      const auto a = LowRank::draw(o.site, shape, rank, seed, static_cast<std::uint64_t>(d));
      all.insert(all.end(), a.begin(), a.end());
    }
    const MasterTensor<B> a(b, width, o.site.in, all);         // [draws r, k]
    MasterTensor<B> u(b, o.x.rows(), width), db(b, m, width);  // x A^T; dy^T u
    b.gemm(Trans::no, Trans::yes, M(1), o.x.ref(), a.ref(), M(0), u.ref());
    const double s = scaling(rank);
    if (reading == Reading::mean_gradient) st.gradient.resize(static_cast<std::size_t>(m * width));
    for (std::size_t i = 0; i < o.weight.size(); ++i) {
      if (o.weight[i] == 0) continue;
      const index_t first = o.offsets[i], n = o.offsets[i + 1] - first;
      b.gemm(Trans::yes, Trans::no, M(s * o.weight[i]), o.dy.ref().slice(first, n), u.cref().slice(first, n),
             M(0), db.ref());
      if (reading == Reading::per_sample) {
        st.energy += b.sum_squares(db.cref().data, db.size());
      } else {
        const auto host = db.template host<double>(b);
        for (std::size_t j = 0; j < host.size(); ++j) st.gradient[j] += host[j];
      }
    }
  }
  template <Backend B> void closed_per_sample(state& st, const SiteGradient<B>& o) const {
    for (std::size_t i = 0; i < o.weight.size(); ++i) {
      const index_t first = o.offsets[i], n = o.offsets[i + 1] - first;
      const auto x = o.x.ref().slice(first, n), dy = o.dy.ref().slice(first, n);
      if (o.weight[i] > 0)
        st.energy += o.weight[i] * o.weight[i] * per_gradient_energy(o.site) * energy(o.backend, x, dy);
    }
  }
  /// |dy^T x|_F^2
  template <Backend B, class T> static double energy(B& b, MatrixRef<const T> x, MatrixRef<const T> dy) {
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
  template <Backend B> void closed_mean(state& st, const SiteGradient<B>& o) const {
    using M = typename B::master;
    expects(
        st.samples == 0,
        "Page: the closed form of the mean gradient needs all samples in one batch; raise the batch size or sample");
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
    if (beta == M(1)) st.energy += per_gradient_energy(o.site) * b.sum_squares(g.cref().data, g.size());
  }
};

}  // namespace lorica::adapt
