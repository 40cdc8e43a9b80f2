// SPDX-License-Identifier: MIT
/// @file lorica/adapt/placement/budget.hpp
/// AdaLoRA's allocator: from any placement at the start, directions are cut while training until a budget is
/// met.
///   Zhang et al. 2023, algorithm 1 and eq. (14), in the order of the authors' code
#pragma once

#include <lorica/adapt/budget/schedule.hpp>
#include <lorica/adapt/placement/uniform.hpp>
#include <lorica/fwd.hpp>

#include <algorithm>
#include <numeric>

namespace lorica::adapt {

/// What shall be left in the end: one of the three.
struct Target {
  index_t per_matrix = 0;  // directions, times the number of adapted matrices
  index_t total = 0;       // directions
  index_t parameters =
      0;  // numbers in kept directions: a down-projection's direction costs more than a query's
};
/// authors: the target is cut to after the first step past total - tfinal, and again after every step. peft:
/// after step total - tfinal whatever the interval says, and from then on that mask, as Hugging Face PEFT
/// does.
enum class Flavour : std::uint8_t { authors, peft };

/// One global threshold over the directions of all matrices: with a budget of b of n directions it is the
/// (n - b)-th smallest score, and every direction that scores at most that is switched off, ties included, by
/// its silencer alone. What is off may return at the next cut; in the final phase nothing moves. The last
/// step of a run always cuts to the target, also where tfinal leaves no step for it (our choice). No matrix
/// keeps a minimum. With a target in parameters directions are kept in descending score while their
/// parameters fit; the first that does not fit ends the list (our choice). compact removes for good what is
/// off when the final phase begins.
template <class Start> struct Budget {
  static_assert(
      PlacementPolicy<Start>,
      "lorica: Budget: the start must model adapt::PlacementPolicy. See docs/concepts.md#placement.");
  static constexpr unsigned asks = Start::asks | grain::direction;
  Start start = {};
  Target target = {.per_matrix = 4};
  Duration tinit = {.share = 0.1};
  Duration tfinal = {.share = 0.4};
  index_t interval = 1;
  Flavour flavour = Flavour::authors;
  bool compact = false;

  struct state {
    CubicSchedule schedule;
    bool in_parameters = false;
  };

  [[nodiscard]] Placement place(std::span<const SiteInfo> sites, std::span<const double> scores) const {
    return start.place(sites, scores);
  }
  [[nodiscard]] state begin(const Placement& from, index_t steps) const {
    expects((target.per_matrix != 0) + (target.total != 0) + (target.parameters != 0) == 1,
            "Budget: the target is ", target.per_matrix, " directions a matrix, ", target.total, " in all, ",
            target.parameters, " parameters, expected one of the three");
    const bool in_parameters = target.parameters != 0;
    const auto matrices =
        static_cast<index_t>(std::ranges::count_if(from.rank, [](index_t r) { return r > 0; }));
    const index_t initial =
        in_parameters ? std::inner_product(from.rank.begin(), from.rank.end(), from.cost.begin(), index_t{0})
                      : std::accumulate(from.rank.begin(), from.rank.end(), index_t{0});
    const index_t last = in_parameters       ? target.parameters
                         : target.total != 0 ? target.total
                                             : target.per_matrix * matrices;
    const state st{{initial, last, tinit.of("tinit", steps), tfinal.of("tfinal", steps), interval, steps},
                   in_parameters};
    st.schedule.validate(in_parameters ? "parameters" : "directions");
    for (std::size_t i = 0; in_parameters && i < from.rank.size(); ++i)
      expects(from.rank[i] == 0 || from.cost[i] <= last, "Budget: the target is ", last,
              " parameters, expected at least the ", from.cost[i], " of one direction at site ", i);
    return st;
  }
  [[nodiscard]] bool listens(const state& st, index_t t) const { return t < st.schedule.end(); }
  template <class Directions> Reallocation reallocate(state& st, index_t t, const Directions& d) const {
    const CubicSchedule& s = st.schedule;
    // The first step whose mask is final.
    const index_t settled = std::min(s.end() + (flavour == Flavour::peft ? 0 : 1), s.total - 1);
    if (t > settled) return {Reallocation::again};
    if (t < settled && !s.cuts(t)) return {};
    const index_t budget = t == settled ? s.target : s.budget(t);
    const double threshold = st.in_parameters ? d.first_beyond(budget) : d.kth_smallest(d.size() - budget);
    return {Reallocation::cut, threshold, compact && t == settled};
  }
};

}  // namespace lorica::adapt
