// SPDX-License-Identifier: MIT
/// @file lorica/adapt/adapted.hpp
/// The adapters of one method, by site. A site policy: pass it to forward.
#pragma once

#include <lorica/adapt/budget/allocator.hpp>
#include <lorica/adapt/method.hpp>
#include <lorica/adapt/orthogonality.hpp>
#include <lorica/core/state.hpp>

namespace lorica::adapt {

namespace detail {
struct NoAllocator {};
template <class B, class M, bool moves> struct AllocatorOf { using type = NoAllocator; };
template <class B, class M> struct AllocatorOf<B, M, true> {
  using type = Allocator<B, typename M::score_type, typename M::placement_type>;
};
}  // namespace detail

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

  /// Whether ranks move while training.
  static constexpr bool moves = DynamicPlacement<typename M::placement_type>;
  static constexpr bool preconditioned = requires(const A& a, B& b, typename A::template state<B>& s) {
    a.precondition(b, s);
  };

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

  /// Where nothing stands, nothing is added; where the adapter adds one product, that is what is.
  std::optional<LowRankTerm<B>> low_rank(Tape<B>& tape, const SiteInfo& site) {
    const auto& i = at_[static_cast<std::size_t>(site.ordinal)];
    if (!i || !enabled_) return LowRankTerm<B>{};
    if constexpr (detail::says_term<A>)
      return method_.adapter.low_rank(tape, slots_[*i].state);
    else
      return std::nullopt;
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
  /// Whether what training queues follows from a batch's shape alone: dropout draws by the step. An adapter
  /// that has no `dropout` says so itself.
  [[nodiscard]] bool repeats() const {
    if constexpr (requires(const A& a) { a.dropout; })
      return method_.adapter.dropout == 0;
    else if constexpr (requires(const A& a) { a.repeats(); })
      return method_.adapter.repeats();
    else
      return false;
  }
  /// After clipping, before the optimiser: what an adapter does to its own gradients.
  void precondition() requires(preconditioned) {
    for (auto& s : slots_) method_.adapter.precondition(*backend_, s.state);
  }

  /// A run of so many steps begins: the placement's schedule is validated, all directions there are are kept,
  /// nothing is remembered. Called by fit.
  void begin(index_t steps) requires(moves) {
    const auto g = groups();
    allocator_.emplace(*backend_, method_.score, method_.placement, Placement{live_ranks()}, steps,
                       std::span<const Group<B>>(g));
  }
  /// After optimiser step t, gradients in place: scores, and where it is time, the cut. Called by fit, whose
  /// optimiser is told by `companions` of entries that moved or went (see Allocator).
  template <class Companions> void after_step(index_t t, const Companions& companions) requires(moves) {
    const auto g = groups();
    if (allocator_->after_step(*backend_, std::span<const Group<B>>(g), t, companions)) drop_empty();
  }
  /// Whether no rank moves any more after step t. Called by observers that compare steps.
  [[nodiscard]] bool settled(index_t t) const requires(moves) { return allocator_ && allocator_->settled(t); }
  /// Bytes of running scores that a run will hold.
  [[nodiscard]] std::size_t score_bytes() {
    if constexpr (moves) {
      const auto g = groups();
      return std::remove_reference_t<decltype(*allocator_)>::bytes(std::span<const Group<B>>(g));
    } else {
      return 0;
    }
  }
  /// Directions left at every site, by ordinal.
  [[nodiscard]] std::vector<index_t> ranks() const {
    if constexpr (moves)
      if (allocator_ && allocator_->last()) return allocator_->last()->rank;
    return live_ranks();
  }
  /// The allocator of the run; none where the placement does not move ranks, or before a run.
  [[nodiscard]] const auto& allocator() const noexcept { return allocator_; }

  /// Off, the model answers as if nothing were attached.
  void enable(bool on) noexcept { enabled_ = on; }

  /// All that evolves.
  void visit_state(StateVisitor<B>& v) {
    if constexpr (moves) {
      if (allocator_) {
        const auto g = groups();
        if (allocator_->visit_state(*backend_, v, std::span<const Group<B>>(g))) drop_empty();
      }
    }
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
  std::vector<Group<B>> groups() {
    std::vector<Group<B>> out;
    for (auto& s : slots_) {
      Group<B> g{&s.site, {}, 0};
      const Parameter<B>* silencer = P::silencer(s.state.factors).parameter;
      P::for_each(s.state.factors, [&](const Factor<B>& f) {
        if (f.parameter == silencer) g.silencer = g.factors.size();
        g.factors.push_back(f);
      });
      if constexpr (requires(B & b, MasterTensor<B> & values) { P::diagonalize(b, s.state.factors, values); })
        g.diagonalize = [&factors = s.state.factors](B& b, MasterTensor<B>& values) {
          P::diagonalize(b, factors, values);
        };
      out.push_back(std::move(g));
    }
    return out;
  }
  /// Forgets the adapters that no direction is left of.
  void drop_empty() {
    std::vector<Slot> left;
    for (auto& s : slots_) {
      s.rank = live_rank(s);
      auto& at = at_[static_cast<std::size_t>(s.site.ordinal)];
      at.reset();
      if (s.rank == 0) continue;
      at = left.size();
      left.push_back(std::move(s));
    }
    slots_ = std::move(left);
  }
  /// Directions that have not been removed for good, by ordinal.
  [[nodiscard]] std::vector<index_t> live_ranks() const {
    std::vector<index_t> ranks(placement_.rank.size(), 0);
    for (const auto& s : slots_) ranks[static_cast<std::size_t>(s.site.ordinal)] = s.rank;
    return ranks;
  }
  static index_t live_rank(Slot& s) {
    const Factor<B> f = P::silencer(s.state.factors);
    return f.along == Along::rows ? f.parameter->rows() : f.parameter->cols();
  }

  B* backend_;
  M method_;
  Placement placement_;
  std::vector<std::optional<std::size_t>> at_;  // slot of a site, by ordinal
  std::vector<Slot> slots_;
  bool enabled_ = true;
  std::optional<typename detail::AllocatorOf<B, M, moves>::type> allocator_ = {};
};

}  // namespace lorica::adapt
