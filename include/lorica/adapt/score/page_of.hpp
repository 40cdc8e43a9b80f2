// SPDX-License-Identifier: MIT
/// @file lorica/adapt/score/page_of.hpp
/// PAGE of any adapter, by trying it: the adapter is made at the site as if it were attached, shown x and y,
/// and its gradient taken for the dL/dy that the bare model has there. For starts that are not B = 0 (PiSSA,
/// OLoRA: then dL/dA is not 0 either) and for adapters that do more than add (DoRA).
///   paper (arXiv 2605.06183): the energy of the initial trainable gradient.
///   derived: an adapter expresses delta W = 0 when it is made, so dL/dy of the bare model is that of the
///   adapted one, and the gradient found here is the first that an attached adapter receives. our choice: the
///   energy is that of all factors that train, |dL/dA|^2 + |dL/dB|^2; of other parameters (DoRA's magnitude)
///   it is reported beside, and counts for nothing.
#pragma once

#include <lorica/adapt/adapter/concept.hpp>
#include <lorica/adapt/score/gradient_energy.hpp>

#include <map>
#include <memory>

namespace lorica::adapt {

namespace detail {
/// A loss whose gradient by z is dy, whatever its value.
template <Backend B> MasterVar<B> loss_with_gradient(const Var<B>& z, std::shared_ptr<Tensor<B>> dy) {
  auto& tape = z.tape();
  return tape.record(MasterTensor<B>(tape.backend(), 1, 1, std::vector<double>{0}), z.needs_grad(),
                     [z = z.gradient_only(), dy = std::move(dy)](const auto&) { z.add_gradient(dy); });
}
/// Rows first .. first + n, copied.
template <Backend B> Tensor<B> rows_of(B& b, const Tensor<B>& t, index_t first, index_t n) {
  Tensor<B> out(b, n, t.cols());
  b.copy(t.ref().row(first), out.data(), out.size());
  return out;
}
}  // namespace detail

/// `adapter` and `seed` are those that will be attached, at `rank` or the most that a site can take: reading
/// mean_gradient is then the energy of the first gradient exactly. Draw d > 0 of a random start is made with
/// a seed of its own. One sequence at a time: 2 n k m a site for y, besides the adapter's own forward and
/// backward pass. A state keeps the adapters it tried, as many numbers a site as attaching them would.
template <class A> struct PageOf {
  A adapter = {};
  Reading reading = Reading::per_sample;
  index_t rank = 8;
  index_t draws = 1;
  Seed seed = 0;

  struct state {
    struct Part {
      double energy = 0;             // summed over samples and draws
      std::vector<double> gradient;  // sum of weighted gradients, for the mean gradient
    };
    Part factors, others;
    index_t samples = 0;
    std::shared_ptr<void> tried = {};  // std::vector<A::state<B>>, one a draw, of the probe's own B
  };

  template <Backend B> void observe(state& st, const SiteGradient<B>& o) const {
    using Tried = std::vector<typename A::template state<B>>;
    if (!st.tried) st.tried = std::make_shared<Tried>(tried(o));
    std::size_t at_factors = 0, at_others = 0;
    for (auto& a : *std::static_pointer_cast<Tried>(st.tried)) {
      std::map<Parameter<B>*, MasterTensor<B>> sum;
      for (std::size_t i = 0; i < o.weight.size(); ++i)
        if (o.weight[i] > 0) {
          backward(a, o, i);
          for_each_part(a, [&](Parameter<B>& p, bool is_factor) {
            if (p.grad.empty()) return;  // no path from here to y
            if (reading == Reading::per_sample)
              (is_factor ? st.factors : st.others).energy +=
                  o.weight[i] * o.weight[i] * o.backend.sum_squares(p.grad.cref().data, p.grad.size());
            else
              add(o.backend, sum[&p], p.grad, o.weight[i]);
          });
          clear(a);
        }
      if (reading == Reading::mean_gradient)
        for_each_part(a, [&](Parameter<B>& p, bool is_factor) {
          keep(o.backend, sum[&p], p.value.size(), is_factor ? st.factors : st.others,
               is_factor ? at_factors : at_others);
        });
    }
    st.samples += samples_in(o);
  }
  [[nodiscard]] double value(const state& st) const { return value(st, st.factors); }
  /// The energy of what trains and is no factor.
  [[nodiscard]] double beside(const state& st) const { return value(st, st.others); }

 private:
  double value(const state& st, const typename state::Part& part) const {
    if (st.samples == 0) return 0;
    const double n = double(st.samples);
    if (reading == Reading::per_sample) return part.energy / n / double(draws);
    double squares = 0;
    for (const double g : part.gradient) squares += g * g;
    return squares / (n * n) / double(draws);
  }
  template <Backend B> auto tried(const SiteGradient<B>& o) const {
    expects(draws > 0, "PageOf: ", draws, " draws, expected at least 1");
    std::vector<typename A::template state<B>> out;
    const index_t r = std::min(rank, std::min(o.site.in, o.site.out));
    for (index_t d = 0; d < draws; ++d) {
      const Stream own(seed, "draw of an adapter", "", static_cast<std::uint64_t>(d));
      out.push_back(adapter.make(o.backend, o.site, o.matrix, r, d == 0 ? seed : own.bits64(0)));
    }
    return out;
  }
  /// Gradients of sample i, its loss the sum over its targets, into the parameters of `a`.
  template <Backend B>
  void backward(typename A::template state<B>& a, const SiteGradient<B>& o, std::size_t i) const {
    B& b = o.backend;
    const index_t first = o.offsets[i], n = o.offsets[i + 1] - first;
    Tape<B> tape(b);
    Tensor<B> rows = detail::rows_of(b, o.x, first, n);
    Tensor<B> product = o.matrix.product(b, rows, Trans::yes);
    const auto x = tape.constant(std::move(rows));
    const index_t offsets[] = {0, n};
    const Var<B> z = adapter.visit(
        a, SiteCall<B>{o.site, o.matrix, x, tape.constant(std::move(product)), o.bias, offsets});
    tape.backward(
        detail::loss_with_gradient(z, std::make_shared<Tensor<B>>(detail::rows_of(b, o.dy, first, n))));
  }
  /// f(parameter, whether it is a factor) for all that trains.
  template <class State, class F> void for_each_part(State& a, F f) const {
    using P = typename A::parameterization;
    adapter.for_each(a, [&](auto& p) {
      if (adapter.rate(p) == 0) return;
      bool is_factor = false;
      P::for_each(a.factors, [&](const auto& factor) { is_factor = is_factor || factor.parameter == &p; });
      f(p, is_factor);
    });
  }
  template <class State> void clear(State& a) const {
    using P = typename A::parameterization;
    adapter.for_each(a, [](auto& p) { p.grad = {}; });
    P::for_each(a.factors, [](const auto& factor) { factor.parameter->grad = {}; });
  }
  template <Backend B> static void add(B& b, MasterTensor<B>& sum, const MasterTensor<B>& g, double weight) {
    using T = typename B::master;
    if (sum.empty()) sum = zeros<T>(b, g.rows(), g.cols());
    b.map(g.size(), lorica::fn::Axpy<T>{T(weight)}, sum.data(), g.data(), sum.cref().data);
  }
  /// The gradient of one parameter of one draw, added at its place among all of `part`.
  template <Backend B>
  static void keep(B& b, const MasterTensor<B>& g, index_t size, typename state::Part& part,
                   std::size_t& at) {
    const auto end = at + static_cast<std::size_t>(size);
    if (part.gradient.size() < end) part.gradient.resize(end);
    if (!g.empty()) {
      const auto host = g.template host<double>(b);
      for (std::size_t j = 0; j < host.size(); ++j) part.gradient[at + j] += host[j];
    }
    at = end;
  }
};

}  // namespace lorica::adapt
