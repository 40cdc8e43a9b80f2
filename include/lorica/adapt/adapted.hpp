// SPDX-License-Identifier: MIT
/// @file lorica/adapt/adapted.hpp
/// The adapters of one method, by site. A site policy: pass it to forward.
#pragma once

#include <lorica/adapt/method.hpp>
#include <lorica/adapt/orthogonality.hpp>
#include <lorica/core/state.hpp>

namespace lorica::adapt {

template <Backend B, class M> class Adapted {
 public:
  using method_type = M;
  using A = typename M::adapter_type;
  using P = typename A::parameterization;
  static_assert(
      Parameterization<P, B>,
      "lorica: Method: the adapter's parameterization must model adapt::Parameterization (a 'config', a 'factors<B>' template, "
      "static make, apply, for_each, silencer). See docs/concepts.md#parameterization.");
  static_assert(
      Adapter<A, B>,
      "lorica: Method: the first argument must model adapt::Adapter (make, visit, for_each, rate, and a 'state<B>' with "
      "'factors'). See docs/concepts.md#adapter.");
  static_assert(
      ScoreFunction<typename M::score_type, B>,
      "lorica: Method: the second argument must model adapt::ScoreFunction (a DirectionScore: memory, observe, value; or a "
      "SiteScore: state, observe, value). See docs/concepts.md#score.");

  /// One adapter at one site.
  struct Slot {
    SiteInfo site;
    index_t rank;
    typename A::template state<B> state;
  };

  /// Makes the adapters that the placement asks for. Weights are seen through for_each_site of the model.
  template <class Model>
  Adapted(B& b, const Model& model, M method, Placement placement, Seed seed)
      : backend_(&b),
        method_(std::move(method)),
        placement_(std::move(placement)),
        at_(placement_.rank.size()) {
    std::size_t sites = 0;
    model.for_each_site([&](const SiteInfo&, const WeightView<B>&) { ++sites; });
    expects(placement_.rank.size() == sites, "attach: the placement has ranks for ", placement_.rank.size(),
            " sites, the model has ", sites);
    model.for_each_site([&](const SiteInfo& s, const WeightView<B>& w) {
      const auto i = static_cast<std::size_t>(s.ordinal);
      const index_t r = placement_.rank.at(i), most = std::min(s.in, s.out);
      if (r == 0) return;
      expects(r > 0 && r <= most, "attach: the rank at ", s.path, " is ", r,
              ", expected 1 to min(d_in, d_out) = ", most);
      at_[i] = slots_.size();
      slots_.push_back(Slot{s, r, method_.adapter.make(b, s, w, r, seed)});
    });
    expects(!slots_.empty(), "attach: the placement gives no site a rank; nothing would be adapted");
  }

  Var<B> visit(const SiteCall<B>& c) {
    const auto& i = at_[static_cast<std::size_t>(c.site.ordinal)];
    return i && enabled_ ? method_.adapter.visit(slots_[*i].state, c) : std::move(c.y);
  }

  /// f(parameter, its learning rate as a multiple of the run's) for all that trains.
  template <class F> void for_each_parameter(F f) {
    for (auto& s : slots_)
      method_.adapter.for_each(s.state, [&](Parameter<B>& p) { f(p, method_.adapter.rate(p)); });
  }
  /// The regulariser of the parameterization: weight / N times the sum of |M M^T - I|_F over its N factors;
  /// none where it has none, or the weight is 0.        AdaLoRA's authors' code; the paper's eq. (4) squares
  /// and sums
  std::optional<MasterVar<B>> penalty(Tape<B>& tape) {
    std::optional<MasterVar<B>> total;
    if constexpr (requires(typename P::template factors<B> & f) {
                    P::orthogonal(f, archetype::Visitor<const Factor<B>>{});
                  }) {
      const double weight = method_.adapter.shape.orthogonality;
      if (weight == 0) return total;
      index_t n = 0;
      for (auto& s : slots_)
        P::orthogonal(s.state.factors, [&](const Factor<B>& f) {
          const auto one = orthogonality(tape.leaf(*f.parameter), f.along);
          total = total ? add(std::move(*total), one) : one;
          ++n;
        });
      total = lorica::scale(*total, weight / double(n));
    }
    return total;
  }
  /// Before a forward pass: its number while training, none otherwise (dropout is then off).
  void phase(std::optional<std::uint64_t> draw) {
    if constexpr (requires(const A& a, typename A::template state<B>& s) { a.phase(s, draw); })
      for (auto& s : slots_) method_.adapter.phase(s.state, draw);
  }
  /// Off, the model answers as if nothing were attached.
  void enable(bool on) noexcept { enabled_ = on; }

  /// All that evolves.
  void visit_state(StateVisitor<B>& v) {
    for_each_parameter([&](Parameter<B>& p, double) { v.tensor(p.name, p.value); });
  }

  [[nodiscard]] const std::vector<Slot>& slots() const noexcept { return slots_; }
  [[nodiscard]] std::vector<Slot>& slots() noexcept { return slots_; }
  [[nodiscard]] const Placement& placement() const noexcept { return placement_; }
  [[nodiscard]] const M& method() const noexcept { return method_; }
  [[nodiscard]] B& backend() const noexcept { return *backend_; }
  [[nodiscard]] index_t parameter_count() {
    index_t n = 0;
    for_each_parameter([&](const Parameter<B>& p, double rate) { n += rate > 0 ? p.value.size() : 0; });
    return n;
  }

 private:
  B* backend_;
  M method_;
  Placement placement_;
  std::vector<std::optional<std::size_t>> at_;  // slot of a site, by ordinal
  std::vector<Slot> slots_;
  bool enabled_ = true;
};

}  // namespace lorica::adapt
