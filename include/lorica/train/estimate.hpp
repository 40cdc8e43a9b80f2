// SPDX-License-Identifier: MIT
/// @file lorica/train/estimate.hpp
/// What will train, and what it will take, before the first step.
#pragma once

#include <lorica/train/fit.hpp>

#include <ostream>
#include <set>

namespace lorica::train {

/// Bytes. A step's are measured on the largest batch of the run, forward and backward: the whole of it up to
/// 1024 rows; of a larger one the longest samples, a quarter and half of them, and what is left is taken to
/// add as much a row. (Below some hundred rows memory does not grow evenly: a loss takes its rows in chunks.)
struct Memory {
  std::size_t weights = 0;      // of the model that do not train, as held, packing included
  std::size_t activations = 0;  // saved for the backward pass by the largest batch
  std::size_t parameters = 0;   // that train
  std::size_t gradients = 0;
  std::size_t moments = 0;
  std::size_t scores = 0;  // running values of a placement that moves ranks
  std::size_t step = 0;    // activations, gradients and scratch where their sum is largest

  /// The most that is held at a time.
  [[nodiscard]] std::size_t total() const { return weights + parameters + moments + scores + step; }
  /// The same after a run, with what the backend lent in place of what was foreseen of it.
  [[nodiscard]] std::size_t measured(const FitResult& r) const { return weights + parameters + r.peak; }
};

namespace detail {
template <Backend B> std::size_t weight_bytes(const Frozen<B>& w) { return w.bytes(); }
template <Backend B> std::size_t weight_bytes(const Parameter<B>& w) { return w.value.bytes(); }
template <Backend B, class T> std::size_t weight_bytes(const Tensor<B, T>& w) { return w.bytes(); }

/// Bytes of the head of a language model where it is the embedding, but packed and so another copy.
template <class Model, class Seen> std::size_t head_bytes(const Model& model, Seen seen) {
  if constexpr (requires { model.head().packed().bytes(); })
    if (!seen(static_cast<const void*>(&model.head()))) return model.head().bytes();
  return 0;
}

/// The samples of the largest batch, by rows, that the run will see, the longest first.
template <Data D> std::vector<index_t> largest_batch(const D& data, const FitConfig& c) {
  constexpr index_t most = index_t{1} << 22;  // draws that are looked at
  std::vector<index_t> rows(static_cast<std::size_t>(data.size()), -1);
  const auto length = [&](index_t i) {
    auto& n = rows[static_cast<std::size_t>(i)];
    if (n >= 0) return n;
    if constexpr (requires {
                    { data.length(i) } -> std::convertible_to<index_t>;
                  }) {
      n = data.length(i);
    } else {
      nn::Sequences one;
      data.append(one, i);
      n = one.rows();
    }
    return n;
  };
  auto order = order_of(data, c);
  std::vector<index_t> largest, batch;
  index_t largest_rows = -1;
  for (index_t at = 0, end = std::min(most, c.steps * c.accumulate * c.batch); at < end;) {
    batch.clear();
    index_t n = 0;
    for (index_t i = 0; i < c.batch; ++i) {
      batch.push_back(order(at++));
      n += length(batch.back());
    }
    if (n > largest_rows) {
      largest_rows = n;
      largest = batch;
    }
  }
  std::ranges::stable_sort(largest, std::greater<>(), length);
  return largest;
}
}  // namespace detail

/// Bytes of every weight of the model.
template <Backend B, class Model> std::size_t weight_bytes(const Model& model) {
  std::size_t n = 0;
  std::set<const void*> seen;
  model.for_each_weight([&](const std::string&, const auto& w) {
    n += detail::weight_bytes(w);
    seen.insert(&w);
  });
  return n + detail::head_bytes(model, [&](const void* head) { return seen.contains(head); });
}

/// What a run of `fit` with the same arguments will take. Parameters keep their values; gradients that were
/// there are dropped. It takes the time and the memory of one step at most.
template <Backend B, class Model, Trainee<B> T, Data D, class O = nn::NextToken>
Memory estimate(B& b, const Model& model, T& trainee, const D& data, const FitConfig& c,
                const O& objective = {}) {
  c.validate();
  Memory m;
  std::set<const void*> trained;
  detail::Trained<T, const O> all{trainee, objective};
  const auto drop_gradients = [&] { all.for_each_parameter([](Parameter<B>& p, double) { p.grad = {}; }); };
  drop_gradients();
  all.for_each_parameter([&](Parameter<B>& p, double rate) {
    trained.insert(&p);
    m.parameters += p.value.bytes();
    if (rate == 0) return;  // frozen
    m.gradients += p.value.bytes();
    m.moments += 2 * p.value.bytes();
  });
  if constexpr (requires { trainee.score_bytes(); }) m.scores = trainee.score_bytes();

  const auto batch_samples = detail::largest_batch(data, c);
  struct Measured {
    double rows = 0, activations = 0, step = 0;
  };
  const auto measure = [&](index_t samples) {
    nn::Sequences s;
    for (index_t i = 0; i < samples; ++i) data.append(s, batch_samples[static_cast<std::size_t>(i)]);
    Measured got{double(s.rows()), 0, 0};
    detail::Growth<B> growth(b);
    // The gradients of the batches before are there, or those that a recording writes to.
    if (c.accumulate > 1 || (c.replay && detail::replays<B>(model, all)))
      all.for_each_parameter([&](Parameter<B>& p, double rate) {
        if (rate > 0) p.grad = zeros<typename B::master>(b, p.rows(), p.cols());
      });
    {
      const nn::Batch<B> batch(b, s);
      Tape<B> tape(b, c.blocks());
      detail::descend(model, all, batch, growth, tape, {});
      got.activations = double(tape.saved_bytes());
    }
    got.step = double(growth.most());
    drop_gradients();
    return got;
  };
  const auto size = static_cast<index_t>(batch_samples.size());
  index_t rows = 0;
  {
    nn::Sequences s;
    for (const index_t i : batch_samples) data.append(s, i);
    rows = s.rows();
  }
  if constexpr (requires { trainee.phase(std::optional<std::uint64_t>()); }) trainee.phase(std::uint64_t{0});
  const bool cut = rows > 1024 && size >= 4;  // a half and a quarter of it differ
  const Measured half = measure(cut ? size / 2 : size);
  const Measured quarter = cut ? measure(std::max<index_t>(1, size / 4)) : half;
  if constexpr (requires { trainee.phase(std::optional<std::uint64_t>()); }) trainee.phase(std::nullopt);
  const auto whole = [&](double Measured::*of) {
    if (!cut) return static_cast<std::size_t>(half.*of);
    const double a_row = (half.*of - quarter.*of) / (half.rows - quarter.rows);
    return static_cast<std::size_t>(half.*of + std::max(0.0, a_row) * (double(rows) - half.rows));
  };
  m.activations = whole(&Measured::activations);
  m.step = std::max(m.gradients, detail::Counts<B> ? whole(&Measured::step) : m.gradients + m.activations);
  model.for_each_weight([&](const std::string&, const auto& w) {
    if (!trained.contains(&w)) m.weights += detail::weight_bytes(w);
  });
  m.weights += detail::head_bytes(model, [&](const void* head) {
    bool shown = false;
    model.for_each_weight([&](const std::string&, const auto& w) { shown = shown || &w == head; });
    return shown;
  });
  return m;
}

/// A line on what a run will take.
inline void print(std::ostream& out, const Memory& m) {
  const auto mb = [](std::size_t n) { return double(n) / 1048576.0; };
  const auto precision = out.precision(1);
  const auto flags = out.setf(std::ios::fixed, std::ios::floatfield);
  out << "memory: weights " << mb(m.weights) << " MiB, activations " << mb(m.activations) << ", parameters "
      << mb(m.parameters) << ", gradients " << mb(m.gradients) << ", moments " << mb(m.moments);
  if (m.scores > 0) out << ", scores " << mb(m.scores);
  out << "; at most about " << mb(m.total()) << " MiB at a time\n";
  out.precision(precision);
  out.flags(flags);
}

/// And a line on what it took.
inline void print_peak(std::ostream& out, const Memory& m, const FitResult& r) {
  if (r.peak == 0) return;  // nobody counted
  const auto precision = out.precision(1);
  const auto flags = out.setf(std::ios::fixed, std::ios::floatfield);
  out << "memory: " << double(m.measured(r)) / 1048576.0 << " MiB at its peak, "
      << 100.0 * double(m.total()) / double(m.measured(r)) << " % of it foreseen\n";
  out.precision(precision);
  out.flags(flags);
}

}  // namespace lorica::train
