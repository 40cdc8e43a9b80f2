// SPDX-License-Identifier: MIT
/// @file lorica/adapt/score/page.hpp
/// PAGE, projected adapter gradient energy: the energy of the first gradient that a LoRA adapter would
/// receive at a site.
///   paper (arXiv 2605.06183): where that energy is largest, one adapter does the work of many.
///   derived: at B = 0, dL/dA = 0 and dL/dB = s G A^T with G = dL/dW = sum_t dy_t x_t^T, so PAGE = |s G
///   A^T|_F^2 and, over the draws of A, E[PAGE] = s^2 r Var(A) |G|_F^2; Var(A) = gain^2 / (3k) for LowRank.
///   our choice: the reading over samples, and that draw d uses the adapter's own generator, so that draw 0
///   is the A it starts from.
/// For P diag(lambda) Q see page_svd.hpp, for any other adapter page_of.hpp.
#pragma once

#include <lorica/adapt/adapter/scaling.hpp>
#include <lorica/adapt/parameterization/low_rank.hpp>
#include <lorica/adapt/score/gradient_energy.hpp>
#include <lorica/core/reduce.hpp>

namespace lorica::adapt {

/// sampled: draws of the adapter, thin products alone. closed: the expectation over all draws, exact.
enum class Form : bool { sampled, closed };

/// A sample is one sequence. First-order only: Adam rescales gradients and breaks the proportion to the loss.
/// One draw is noisy: its relative standard deviation is up to sqrt(2 / r). Costs, sampled: 2 n draws r (k +
/// m) a site. Closed: those of GradientEnergy.
struct Page {
  Reading reading = Reading::per_sample;
  Form form = Form::sampled;
  index_t rank = 8;
  AlphaOverRank scaling = {};
  index_t draws = 1;
  Seed seed = 0;
  LowRank::config shape = {};

  struct state {
    GradientEnergy::state closed = {};
    double energy = 0;  // summed over samples and draws
    double factor = 0;  // of the closed form
    index_t samples = 0;
    std::vector<double> gradient = {};  // sum of weighted dL/dB [m, draws r], for the mean gradient
  };

  template <Backend B> void observe(state& st, const SiteGradient<B>& o) const {
    if (form == Form::sampled) {
      sampled(st, o);
    } else {
      GradientEnergy{reading}.observe(st.closed, o);
      st.factor = per_gradient_energy(o.site);
    }
  }
  [[nodiscard]] double value(const state& st) const {
    if (form == Form::closed) return st.factor * GradientEnergy{reading}.value(st.closed);
    if (st.samples == 0) return 0;
    const double n = double(st.samples);
    if (reading == Reading::per_sample) return st.energy / n / double(draws);
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
    expects(draws > 0, "Page: ", draws, " draws, expected at least 1");
    B& b = o.backend;
    const index_t width = draws * rank, m = o.site.out;
    std::vector<double> all;
    for (index_t d = 0; d < draws; ++d) {
      const auto a = LowRank::draw(o.site, shape, rank, seed, static_cast<std::uint64_t>(d));
      all.insert(all.end(), a.begin(), a.end());
    }
    const MasterTensor<B> a(b, width, o.site.in, all);  // [draws r, k]
    MasterTensor<B> u(b, o.x.rows(), width);            // x A^T
    b.gemm(Trans::no, Trans::yes, M(1), o.x.ref(), a.ref(), M(0), u.ref());
    const double s = scaling(rank);
    if (reading == Reading::mean_gradient) st.gradient.resize(static_cast<std::size_t>(m * width));
    // dy^T u of every sequence, one after the other where their energies come to the host together.
    const bool together = reading == Reading::per_sample;
    const auto sequences = static_cast<index_t>(o.weight.size());
    MasterTensor<B> db(b, together ? sequences * m : m, width);
    std::vector<std::span<const M>> samples;
    for (index_t i = 0; i < sequences; ++i) {
      const double weight = o.weight[static_cast<std::size_t>(i)];
      if (weight == 0) continue;
      const index_t first = o.offsets[static_cast<std::size_t>(i)],
                    n = o.offsets[static_cast<std::size_t>(i) + 1] - first;
      const auto of = db.ref().slice(together ? i * m : 0, m);
      b.gemm(Trans::yes, Trans::no, M(s * weight), o.dy.ref().slice(first, n), u.cref().slice(first, n), M(0),
             of);
      if (together) {
        samples.emplace_back(of.data, static_cast<std::size_t>(of.size()));
      } else {
        const auto host = db.template host<double>(b);
        for (std::size_t j = 0; j < host.size(); ++j) st.gradient[j] += host[j];
      }
    }
    for (const double energy : sums_of_squares(b, samples)) st.energy += energy;
    st.samples += samples_in(o);
  }
};

}  // namespace lorica::adapt
