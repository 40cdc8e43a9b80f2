// SPDX-License-Identifier: MIT
/// @file lorica/adapt/probe.hpp
/// Listening: one forward and backward pass of the bare model, a site score at every site, nothing attached
/// and nothing changed. Dropout is off; no generator is advanced, because generators have no position.
#pragma once

#include <lorica/adapt/score/concept.hpp>
#include <lorica/autograd/tap.hpp>
#include <lorica/nn/objective.hpp>

namespace lorica::adapt {

/// A site policy that changes nothing and hears x and dy everywhere.
template <Backend B, class S> class Probe {
  static_assert(
      SiteScore<S, B>,
      "lorica: Probe: the score must model adapt::SiteScore (a 'state', observe(state, SiteGradient), "
      "value(state)). See docs/concepts.md#score.");

 public:
  Probe(S score, index_t sites)
      : score_(std::move(score)),
        states_(static_cast<std::size_t>(sites)),
        heard_(static_cast<std::size_t>(sites)) {}

  /// One over the targets of each sequence of the next batch.
  void expect(std::vector<double> weight) {
    weight_ = std::move(weight);
    for (auto& h : heard_) h = {};
  }

  Var<B> visit(const SiteCall<B>& c) {
    const auto at = static_cast<std::size_t>(c.site.ordinal);
    const auto& tape = c.x.tape();
    if (tape.recording() && !tape.paused()) ++heard_.at(at).visits;  // this visit will be heard
    return tap(std::move(c.y), [this, at, &site = c.site, x = c.x.saved(), offsets = c.offsets,
                                matrix = c.weight, bias = c.bias](const Tensor<B>& dy) mutable {
      auto& heard = heard_[at];
      B& b = x.backend();
      const bool alone = heard.visits == 1 && heard.x.empty();
      if (!alone) {
        // A site that is met again (by a table that all sequences read): one gradient, over the rows of all
        // its visits.
        expects(weight_.size() == 1, "probe: ", site.path, " is met more than once in a forward pass, and ",
                weight_.size(), " sequences at a time cannot be told apart there; expected 1");
        heard.x = stacked(b, x.value(), heard.x);
        heard.dy = stacked(b, dy, heard.dy);
      }
      if (--heard.visits == 0) {  // the first visit is the last to be heard
        const index_t rows[] = {0, heard.x.rows()};
        score_.observe(
            states_[at],
            SiteGradient<B>{site, b, alone ? x.value() : heard.x, alone ? dy : heard.dy,
                            alone ? offsets : std::span<const index_t>(rows), weight_, matrix, bias});
        heard = {};
      }
      x = Var<B>();
    });
  }
  [[nodiscard]] std::vector<double> scores() const {
    std::vector<double> v;
    for (const auto& s : states_) v.push_back(score_.value(s));
    return v;
  }
  /// What the score reports beside its value; empty where it does not.
  [[nodiscard]] std::vector<double> beside() const {
    std::vector<double> v;
    if constexpr (requires(const S& score, const typename S::state& s) { score.beside(s); })
      for (const auto& s : states_) v.push_back(score_.beside(s));
    return v;
  }

 private:
  /// What a site that is met more than once has said so far.
  struct Heard {
    index_t visits = 0;
    Tensor<B> x = {}, dy = {};
  };
  static Tensor<B> stacked(B& b, const Tensor<B>& above, const Tensor<B>& below) {
    Tensor<B> all(b, above.rows() + below.rows(), above.cols());
    b.copy(above.data(), all.data(), above.size());
    b.copy(below.data(), all.data() + above.size(), below.size());
    return all;
  }

  S score_;
  std::vector<typename S::state> states_;
  std::vector<Heard> heard_;
  std::vector<double> weight_;
};

/// The sites of a model and what each is worth, in the model's order.
struct SiteScores {
  std::vector<SiteInfo> sites;
  std::vector<double> values;
  std::vector<double> beside = {};  // see SiteScore; empty where the score has none

  [[nodiscard]] std::size_t dominant() const {
    return static_cast<std::size_t>(std::ranges::max_element(values) - values.begin());
  }
  /// The share of the largest in the sum.
  [[nodiscard]] double concentration() const {
    double total = 0;
    for (const double v : values) total += v;
    return total > 0 ? values[dominant()] / total : 0;
  }
};

template <class Model> std::vector<SiteInfo> sites_of(const Model& model) {
  std::vector<SiteInfo> s;
  model.for_each_site([&](const SiteInfo& site, const auto&) { s.push_back(site); });
  return s;
}

/// Scores of every site over the samples, `batch` sequences at a time. The loss of a sample is the mean over
/// its targets. Blocks may be recomputed, which changes no score.
template <Backend B, class Model, class S, class O = nn::NextToken>
SiteScores probe(B& b, const Model& model, const nn::Sequences& samples, S score, const O& objective = {},
                 index_t batch = 8, Blocks blocks = Blocks::kept) {
  expects(samples.count() > 0, "probe: no samples");
  expects(batch > 0, "probe: a batch of ", batch, " sequences, expected at least 1");
  if constexpr (requires { model.meets_sites_again(); })
    if (model.meets_sites_again()) batch = 1;
  SiteScores out{sites_of(model), {}};
  Probe<B, S> probe(std::move(score), static_cast<index_t>(out.sites.size()));
  for (index_t first = 0; first < samples.count(); first += batch) {
    nn::Sequences some;
    for (index_t s = first; s < std::min(samples.count(), first + batch); ++s) some.add_from(samples, s);
    const nn::Batch<B> rows(b, some);
    std::vector<double> weight;
    for (index_t s = 0; s < some.count(); ++s) {
      const auto n = objective.targets_of(rows, s);
      weight.push_back(n > 0 ? 1.0 / double(n) : 0.0);
    }
    probe.expect(std::move(weight));
    Tape<B> tape(b, blocks);
    const auto loss = objective.loss(tape, model, probe, rows);
    tape.backward(loss.sum);
  }
  out.values = probe.scores();
  out.beside = probe.beside();
  for (std::size_t i = 0; i < out.values.size(); ++i)
    expects<NumericError>(std::isfinite(out.values[i]), "probe: the score of ", out.sites[i].path, " is ",
                          out.values[i]);
  return out;
}

}  // namespace lorica::adapt
