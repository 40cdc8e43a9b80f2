// SPDX-License-Identifier: MIT
/// @file lorica/adapt/budget/allocator.hpp
/// What a placement that moves ranks is made of: the running scores of every entry, the worth of every
/// direction, and the cut. The policy decides (a threshold), this computes, on the backend; one small copy to
/// the host a cut, of the scores and the threshold.
#pragma once

#include <lorica/adapt/budget/compact.hpp>
#include <lorica/adapt/budget/cut.hpp>
#include <lorica/adapt/placement/concept.hpp>
#include <lorica/adapt/score/elements.hpp>
#include <lorica/core/lanes.hpp>
#include <lorica/core/reduce.hpp>
#include <lorica/core/state.hpp>
#include <lorica/core/sweep.hpp>

#include <algorithm>
#include <functional>
#include <limits>
#include <optional>

namespace lorica::adapt {

/// The directions of one adapter, as an allocator sees them. diagonalize, where a parameterization has it,
/// turns the factors so that directions are singular ones, and writes the singular values [1, r].
template <Backend B> struct Group {
  const SiteInfo* site;
  std::vector<Factor<B>> factors;
  std::size_t silencer;  // which factor
  std::function<void(B&, MasterTensor<B>&)> diagonalize = {};
  [[nodiscard]] index_t rank() const {
    const auto& f = factors.front();
    return f.along == Along::rows ? f.parameter->rows() : f.parameter->cols();
  }
  /// Trainable numbers of one direction.
  [[nodiscard]] index_t cost() const {
    index_t n = 0;
    for (const auto& f : factors) n += f.along == Along::rows ? f.parameter->cols() : f.parameter->rows();
    return n;
  }
};

namespace detail {
/// One pass over a factor: the running values of entry i take in w_i and g_i.
template <class S, class M> struct Observe {
  S score;
  const M* w;
  const M* g;
  M* memory;
  index_t n, t;
  LORICA_HD void operator()(index_t i) const { score.observe(w[i], g[i], Cells<M>{memory + i, n}, t); }
};
/// out_d <- out_d + the mean of the scores of direction d's entries, added up in double: by a block of
/// threads.
template <class S, class M> struct AddDirectionMean {
  S score;
  const M* memory;
  M* out;
  Shape shape;
  index_t t;
  bool by_row;
  LORICA_HD index_t cols() const { return by_row ? shape.cols : shape.rows; }
  LORICA_HD void operator()(index_t d) const {
    const index_t length = cols(), threads = block::threads();
    double sum = 0;
    for (index_t j = block::thread(); j < length; j += threads)
      sum += double(score.value(Cells<const M>{memory + (by_row ? d * shape.cols + j : j * shape.cols + d),
                                               shape.rows * shape.cols},
                                t));
    sum = block::over_all(sum, lorica::detail::Plus{});
    if (block::thread() == 0) out[d] += M(sum / double(length));
  }
};
/// kept_d <- score_d > threshold (true where the score is NaN), and zero for the silencer of what is not
/// kept.
template <class M> struct Silence {
  MatrixRef<M> silencer;
  const M* score;  // null: the same directions again
  M* kept;
  M threshold;
  bool by_row;
  LORICA_HD void operator()(index_t d) const {
    if (score != nullptr) kept[d] = score[d] <= threshold ? M(0) : M(1);
    if (kept[d] != M(0)) return;
    const index_t length = by_row ? silencer.cols : silencer.rows;
    for (index_t j = 0; j < length; ++j) (by_row ? silencer.row(d)[j] : silencer.row(j)[d]) = M(0);
  }
};
}  // namespace detail

/// Moves ranks as P says by what S finds. One object for all adapters of a run; it is handed their groups, in
/// the same order, at every call.
template <Backend B, DirectionScore S, DynamicPlacement P> class Allocator {
 public:
  using M = typename B::master;

  /// For a run of `steps`: validates the policy's schedule. `strict` refuses scores that are not numbers and
  /// a cut that leaves nothing; the authors' code takes both.
  Allocator(B& b, S score, P policy, Placement start, index_t steps, std::span<const Group<B>> groups,
            bool strict = true)
      : score_(std::move(score)), policy_(std::move(policy)), strict_(strict), steps_(steps) {
    start.cost.assign(start.rank.size(), 0);
    for (const auto& g : groups) {
      start.cost[static_cast<std::size_t>(g.site->ordinal)] = g.cost();
      first_.push_back(directions_);
      directions_ += g.rank();
      costs_.insert(costs_.end(), static_cast<std::size_t>(g.rank()), g.cost());
      Watched w;
      w.ordinal = static_cast<std::size_t>(g.site->ordinal);
      w.kept = MasterTensor<B>(b, 1, g.rank());
      fill(b, w.kept, M(1));
      for (std::size_t f = 0; f < g.factors.size(); ++f)
        w.memory.push_back(remembers(g, f) ? zeros<M>(b, S::memory, g.factors[f].parameter->value.size())
                                           : MasterTensor<B>{});
      watched_.push_back(std::move(w));
    }
    sites_ = start.rank.size();
    state_ = policy_.begin(start, steps);
  }

  /// What it will remember of these groups.
  [[nodiscard]] static std::size_t bytes(std::span<const Group<B>> groups) {
    index_t n = 0;
    for (const auto& g : groups)
      for (std::size_t f = 0; f < g.factors.size(); ++f)
        if (remembers(g, f)) n += S::memory * g.factors[f].parameter->value.size();
    return static_cast<std::size_t>(n) * sizeof(M);
  }

  /// After optimiser step t (0-based), the gradients it used in place. `companions(p, change)` is told of
  /// every parameter whose entries underwent a Change<B>. True where directions were removed.
  template <class Companions>
  bool after_step(B& b, std::span<const Group<B>> groups, index_t t, Companions&& companions) {
    if (compacted_ != 0) return false;  // nothing is left to decide
    if (policy_.listens(state_, t)) {
      std::vector<SweepPart<detail::Observe<S, M>>> entries;
      for (std::size_t i = 0; i < groups.size(); ++i)
        if (!groups[i].diagonalize) observe(groups[i], watched_[i], t, entries);
      sweep(b, entries);
      listened_ = t;
    }
    scored_ = fetched_ = false;
    const Seen<std::remove_reference_t<Companions>> seen{*this, b, groups, companions};
    const Reallocation r = policy_.reallocate(state_, t, seen);
    if (r.act == Reallocation::keep) return false;
    if (r.act == Reallocation::cut) score_on_host(b, groups, companions);  // by a threshold that needed none
    for (std::size_t i = 0; i < groups.size(); ++i) {
      const auto& f = groups[i].factors[groups[i].silencer];
      const M* score = r.act == Reallocation::cut ? scores_.data() + first_[i] : nullptr;
      b.for_each_index(groups[i].rank(),
                       detail::Silence<M>{f.parameter->value.ref(), score, watched_[i].kept.data(),
                                          M(r.threshold), f.along == Along::rows});
    }
    if (r.act == Reallocation::cut) note(t, r.threshold);
    if (!r.compact) return false;
    compact(b, groups, companions);
    return true;
  }
  /// Whether no rank moves any more after step t: no score was listened to for the cut that step made, or it
  /// was the last.
  [[nodiscard]] bool settled(index_t t) const {
    return t + 1 >= steps_ || (t > 0 && !policy_.listens(state_, t - 1));
  }
  /// What the last cut did; none before the first.
  [[nodiscard]] const std::optional<Cut>& last() const noexcept { return last_; }
  /// 1 where a direction is kept, by group.      [1, r at the start]
  [[nodiscard]] const MasterTensor<B>& kept(std::size_t group) const { return watched_.at(group).kept; }
  /// The running values of a factor.      [S::memory, entries]
  [[nodiscard]] const MasterTensor<B>& memory(std::size_t group, std::size_t factor) const {
    return watched_.at(group).memory.at(factor);
  }
  /// The scores of all directions as the running values stand.      [1, directions]
  [[nodiscard]] MasterTensor<B> scores(B& b, std::span<const Group<B>> groups) {
    scored_ = false;
    score(b, groups, [](const Parameter<B>&, const Change<B>&) {});
    MasterTensor<B> out(b, 1, directions_);
    b.copy(scores_.cref().data, out.data(), directions_);
    return out;
  }
  [[nodiscard]] bool compacted() const noexcept { return compacted_ != 0; }
  [[nodiscard]] const typename P::state& state() const noexcept { return state_; }

  /// Masks first: a run resumed after directions were removed removes them again, before its parameters are
  /// read. True where it did.
  bool visit_state(B& b, StateVisitor<B>& v, std::span<const Group<B>> groups) {
    const bool before = compacted_ != 0;
    if constexpr (requires { policy_.visit_state(state_, v); }) policy_.visit_state(state_, v);
    v.count("budget.compacted", compacted_);
    v.count("budget.listened", listened_);
    index_t cut = last_ ? last_->step : -1;
    double threshold = last_ ? last_->threshold : 0;
    v.count("budget.cut", cut);
    v.number("budget.threshold", threshold);
    for (std::size_t i = 0; i < watched_.size(); ++i) v.tensor(message("budget.kept.", i), watched_[i].kept);
    if (cut >= 0)
      last_ = cut_of(cut, threshold, [&](std::size_t i) {
        return std::ranges::count(watched_[i].kept.template host<M>(b), M(1));
      });
    const bool now = !before && compacted_ != 0;
    if (now) compact(b, groups, [](const Parameter<B>&, const Change<B>&) {});
    for (std::size_t i = 0; i < watched_.size(); ++i)
      for (std::size_t f = 0; f < watched_[i].memory.size(); ++f)
        if (!watched_[i].memory[f].empty())
          v.tensor(message("budget.score.", i, '.', f), watched_[i].memory[f]);
    return now;
  }

 private:
  static constexpr bool silencer_only = detail::silencer_only<S>();

  /// Whether the entries of factor f count by running values of their own.
  static bool remembers(const Group<B>& g, std::size_t f) {
    return !g.diagonalize && (f == g.silencer || !silencer_only);
  }
  struct Watched {
    std::size_t ordinal = 0;
    MasterTensor<B> kept;  // [1, r]
    std::vector<MasterTensor<B>>
        memory;  // of each factor [S::memory, entries]; empty where it does not count
  };
  /// What the policy sees; scores are computed when it first asks.
  template <class Companions> struct Seen {
    Allocator& self;
    B& b;
    std::span<const Group<B>> groups;
    Companions& companions;
    [[nodiscard]] index_t size() const { return self.directions_; }
    [[nodiscard]] double kth_smallest(index_t k) const {
      self.score(b, groups, companions);
      kth_smallest_into(b, self.scores_.cref().data, self.directions_, k,
                        self.scores_.data() + self.directions_);
      self.fetch(b, groups);
      return double(self.behind_);
    }
    [[nodiscard]] double first_beyond(index_t parameters) const {
      self.score_on_host(b, groups, companions);
      return self.first_beyond(parameters);
    }
  };

  void observe(const Group<B>& g, Watched& w, index_t t,
               std::vector<SweepPart<detail::Observe<S, M>>>& entries) const {
    bool heard = false;
    for (std::size_t f = 0; f < g.factors.size(); ++f) {
      const Parameter<B>& p = *g.factors[f].parameter;
      if (w.memory[f].empty() || p.grad.empty()) continue;
      heard = true;
      entries.push_back(
          {p.value.size(),
           {score_, p.value.cref().data, p.grad.cref().data, w.memory[f].data(), p.value.size(), t}});
    }
    expects(heard, "step ", t, ": the adapter at ", g.site->path,
            " received no gradient, so that its directions have no score; the model does not use this site");
  }
  template <class Companions>
  void score(B& b, std::span<const Group<B>> groups, const Companions& companions) {
    if (scored_) return;
    scored_ = true;
    scores_ = zeros<M>(b, 1, directions_ + 1);
    for (std::size_t i = 0; i < groups.size(); ++i) {
      const Group<B>& g = groups[i];
      M* out = scores_.data() + first_[i];
      if (g.diagonalize) {
        MasterTensor<B> values(b, 1, g.rank());
        g.diagonalize(b, values);
        b.copy(values.cref().data, out, g.rank());
        for (const auto& f : g.factors) companions(*f.parameter, Change<B>{});
        continue;
      }
      for (std::size_t f = 0; f < g.factors.size(); ++f) {
        if (watched_[i].memory[f].empty()) continue;
        const Parameter<B>& p = *g.factors[f].parameter;
        b.for_rows(g.rank(),
                   detail::AddDirectionMean<S, M>{score_, watched_[i].memory[f].cref().data, out, p.shape(),
                                                  listened_, g.factors[f].along == Along::rows});
      }
    }
  }
  template <class Companions>
  void score_on_host(B& b, std::span<const Group<B>> groups, const Companions& companions) {
    score(b, groups, companions);
    if (!fetched_) fetch(b, groups);
  }
  /// Scores, and the number behind them, to the host: what the device is waited for.
  void fetch(B& b, std::span<const Group<B>> groups) {
    fetched_ = true;
    on_host_ = scores_.template host<M>(b);
    behind_ = on_host_.back();
    on_host_.pop_back();
    if (!strict_) return;
    for (std::size_t i = 0; i < groups.size(); ++i)
      for (index_t d = 0; d < groups[i].rank(); ++d)
        expects<NumericError>(!std::isnan(on_host_[static_cast<std::size_t>(first_[i] + d)]),
                              "Budget: the score of direction ", d, " at ", groups[i].site->path,
                              " is not a number");
  }
  /// The score of the first direction, in descending order, whose parameters are more than are left of
  /// `parameters`; minus infinity where all fit.
  [[nodiscard]] double first_beyond(index_t parameters) const {
    std::vector<std::size_t> order(on_host_.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::ranges::stable_sort(order, [&](std::size_t i, std::size_t j) { return on_host_[i] > on_host_[j]; });
    for (const std::size_t i : order) {
      parameters -= costs_[i];
      if (parameters < 0) return double(on_host_[i]);
    }
    return -std::numeric_limits<double>::infinity();
  }
  /// A cut that left `left(i)` directions of group i.
  template <class Left> Cut cut_of(index_t t, double threshold, const Left& left) const {
    Cut c{t, 0, threshold, std::vector<index_t>(sites_, 0)};
    for (std::size_t i = 0; i < watched_.size(); ++i) {
      const index_t n = left(i);
      c.rank[watched_[i].ordinal] = n;
      c.kept += n;
    }
    return c;
  }
  /// As Silence decides.
  void note(index_t t, double threshold) {
    Cut c = cut_of(t, threshold, [&](std::size_t i) {
      const auto of = std::span(on_host_).subspan(static_cast<std::size_t>(first_[i]),
                                                  static_cast<std::size_t>(watched_[i].kept.size()));
      return std::ranges::count_if(of, [&](M score) { return !(score <= M(threshold)); });
    });
    expects(
        !strict_ || c.kept > 0, "Budget: after step ", t, " every direction scores at most the threshold ",
        threshold,
        " and would be cut: equal scores all go; use a score that tells directions apart, or a larger budget");
    last_ = std::move(c);
  }
  template <class Companions> void compact(B& b, std::span<const Group<B>> groups, Companions&& companions) {
    compacted_ = 1;
    for (std::size_t i = 0; i < groups.size(); ++i) {
      const auto keep = kept_directions(b, watched_[i].kept);
      for (std::size_t f = 0; f < groups[i].factors.size(); ++f) {
        Parameter<B>& p = *groups[i].factors[f].parameter;
        const Along along = groups[i].factors[f].along;
        const Shape shape = p.shape();
        auto& memory = watched_[i].memory[f];
        if (!memory.empty()) memory = only(b, memory, shape, along, keep);
        p.value = only(b, p.value, shape, along, keep);
        p.grad = {};
        companions(p, Change<B>{[&](MasterTensor<B>& t) { t = only(b, t, shape, along, keep); }});
      }
    }
  }

  S score_;
  P policy_;
  bool strict_;
  index_t steps_;  // of the run
  typename P::state state_ = {};
  std::vector<Watched> watched_;
  std::vector<index_t> first_, costs_;  // of each group's directions; of each direction
  index_t directions_ = 0;
  std::size_t sites_ = 0;
  index_t compacted_ = 0, listened_ = 0;
  MasterTensor<B> scores_;  // [1, directions + 1]; behind them the k-th smallest that was asked for
  std::vector<M> on_host_;  // the same, by one copy a cut
  M behind_ = 0;
  bool scored_ = false, fetched_ = false;
  std::optional<Cut> last_ = {};
};

}  // namespace lorica::adapt
