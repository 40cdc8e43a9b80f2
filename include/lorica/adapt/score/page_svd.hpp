// SPDX-License-Identifier: MIT
/// @file lorica/adapt/score/page_svd.hpp
/// PAGE of P diag(lambda) Q, AdaLoRA's form.
///   derived: at lambda = 0, dL/dP = dL/dQ = 0 and dL/dlambda_i = s p_i^T G q_i, so PAGE = s^2 sum_i (p_i^T G
///   q_i)^2 and, over the draws of P and Q, E[PAGE] = s^2 r sigma^4 |G|_F^2; s = alpha / (r + 1e-5). The
///   regulariser, which at the first step gives P and Q a gradient that no sample asked for, is not counted.
///   our choice: as for Page, draw d uses the adapter's own generator.
#pragma once

#include <lorica/adapt/parameterization/svd.hpp>
#include <lorica/adapt/score/page.hpp>

namespace lorica::adapt {

/// Costs, sampled: 2 n draws r (k + m) a site, and no product with G. Closed: those of GradientEnergy.
struct PageSvd {
  Reading reading = Reading::per_sample;
  Form form = Form::sampled;
  index_t rank = 8;
  AlphaOverRankPlusEps scaling = {};
  index_t draws = 1;
  Seed seed = 0;
  Svd::config shape = {};

  struct state {
    GradientEnergy::state closed = {};
    double energy = 0;  // summed over samples and draws
    index_t samples = 0;
    std::vector<double> gradient = {};  // sum of weighted dL/dlambda [draws r], for the mean gradient
  };

  template <Backend B> void observe(state& st, const SiteGradient<B>& o) const {
    if (form == Form::sampled)
      sampled(st, o);
    else
      GradientEnergy{reading}.observe(st.closed, o);
  }
  [[nodiscard]] double value(const state& st) const {
    if (form == Form::closed) return per_gradient_energy() * GradientEnergy{reading}.value(st.closed);
    if (st.samples == 0) return 0;
    const double n = double(st.samples);
    if (reading == Reading::per_sample) return st.energy / n / double(draws);
    double squares = 0;
    for (const double g : st.gradient) squares += g * g;
    return squares / (n * n) / double(draws);
  }
  /// The factor between PAGE's expectation and |G|_F^2, the same at every site.
  [[nodiscard]] double per_gradient_energy() const {
    const double scale = scaling(rank), variance = shape.sigma * shape.sigma;
    return scale * scale * double(rank) * variance * variance;
  }

 private:
  template <Backend B> void sampled(state& st, const SiteGradient<B>& o) const {
    using M = typename B::master;
    expects(draws > 0, "PageSvd: ", draws, " draws, expected at least 1");
    B& b = o.backend;
    const index_t n = o.x.rows(), width = draws * rank;
    MasterTensor<B> u(b, n, width), v(b, n, width), dots(b, 1, width);  // x Q^T; dy P; dL/dlambda / s
    for (index_t d = 0; d < draws; ++d) {
      const auto draw = static_cast<std::uint64_t>(d);
      const MasterTensor<B> q(
          b, rank, o.site.in,
          normals(Stream(seed, "init Q", o.site.path, draw), rank * o.site.in, shape.sigma));
      const MasterTensor<B> p(
          b, o.site.out, rank,
          normals(Stream(seed, "init P", o.site.path, draw), o.site.out * rank, shape.sigma));
      b.gemm(Trans::no, Trans::yes, M(1), o.x.ref(), q.ref(), M(0), u.ref().columns(d * rank, rank));
      b.gemm(Trans::no, Trans::no, M(1), o.dy.ref(), p.ref(), M(0), v.ref().columns(d * rank, rank));
    }
    if (reading == Reading::mean_gradient) st.gradient.resize(static_cast<std::size_t>(width));
    for (std::size_t i = 0; i < o.weight.size(); ++i) {
      if (o.weight[i] == 0) continue;
      const index_t first = o.offsets[i], rows = o.offsets[i + 1] - first;
      b.column_dots(u.cref().slice(first, rows), v.cref().slice(first, rows), M(0), dots.data());
      const double s = scaling(rank) * o.weight[i];
      const auto host = dots.template host<double>(b);
      for (std::size_t j = 0; j < host.size(); ++j) {
        if (reading == Reading::per_sample)
          st.energy += s * host[j] * s * host[j];
        else
          st.gradient[j] += s * host[j];
      }
    }
    st.samples += samples_in(o);
  }
};

}  // namespace lorica::adapt
